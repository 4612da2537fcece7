"""The one protocol that all layers of bytes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from bootmend.errors import RefusedError, TruncatedError


class Extent(NamedTuple):
    """Where ``length`` bytes lie: at ``offset`` of ``source``; a hole has ``source`` None and ``offset`` 0."""

    source: Source | None
    offset: int
    length: int


class Source(ABC):
    """Bytes at offsets 0 to ``size``, readable in any order."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of bytes."""

    @abstractmethod
    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``.

        Raises:
            TruncatedError: the range is not inside ``0 .. size``.
        """

    def write_at(self, offset: int, data: bytes) -> None:
        """Replace bytes, never changing ``size``.

        Only an overlay can be written: the target itself is written in one place, by the engine.

        Raises:
            RefusedError: this source, or a block of it, cannot be written; the reason is in the message.
            TruncatedError: the range is not inside ``0 .. size``.
        """
        self.check_range(offset, len(data))
        raise RefusedError("this source is open for reading only")

    def grow(self, size: int) -> None:
        """Make the source ``size`` bytes long; what is new reads as zeros.

        Raises:
            RefusedError: this source cannot be made longer.
        """
        if size > self.size:
            raise RefusedError(f"it would have to grow from {self.size} to {size} bytes, and cannot")

    @property
    def can_grow(self) -> bool:
        """Whether the engine could make the file below longer: a regular file, not a device."""
        return False

    def barrier(self) -> None:  # noqa: B027 - what is never written has nothing to order
        """Order writes: all that came before must be on the disk before what comes after."""

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Return the extents of the bottom sources that hold ``offset .. offset + length``, in order.

        Neighbours that follow one another in the same source are merged by the caller if it wishes.
        """
        self.check_range(offset, length)
        return [Extent(self, offset, length)] if length else []

    def check_range(self, offset: int, length: int) -> None:
        """Raise :class:`TruncatedError` unless the range lies inside the source."""
        if offset < 0 or length < 0 or offset + length > self.size:
            message = f"bytes {offset:#x} to {offset + length:#x} lie outside its {self.size:#x} bytes"
            raise TruncatedError(message)


class Window(Source):
    """A stretch of another source seen as a source of its own: a partition, an extent of a file."""

    def __init__(self, parent: Source, offset: int, size: int) -> None:
        parent.check_range(offset, size)
        self._parent = parent
        self._offset = offset
        self._size = size

    @property
    def size(self) -> int:
        """The number of bytes of the stretch."""
        return self._size

    @property
    def offset(self) -> int:
        """Where the stretch begins in its parent, in bytes."""
        return self._offset

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the parent, never outside the stretch."""
        self.check_range(offset, length)
        return self._parent.read_at(self._offset + offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the parent, never outside the stretch."""
        self.check_range(offset, len(data))
        self._parent.write_at(self._offset + offset, data)

    def barrier(self) -> None:
        """Pass the barrier down."""
        self._parent.barrier()

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Ask the parent."""
        self.check_range(offset, length)
        return self._parent.locate(self._offset + offset, length)
