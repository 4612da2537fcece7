"""What all images share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.source.base import Source

if TYPE_CHECKING:
    from bootmend.source.base import Extent


class Image(Source):
    """A disk inside ``base``: ``size`` bytes, which the guest sees as the whole disk.

    ``format`` is its name for people ("raw", "VHD fixed", "VHD dynamic"); ``remarks`` are sentences about
    what is not as it should be but did not stop us.
    """

    def __init__(self, base: Source, image_format: str, size: int, remarks: list[str]) -> None:
        self._base = base
        self._size = size
        self.format = image_format
        self.remarks = remarks

    @property
    def size(self) -> int:
        """The number of bytes of the virtual disk."""
        return self._size

    def barrier(self) -> None:
        """Pass the barrier down."""
        self._base.barrier()


class FlatImage(Image):
    """The disk is the first ``size`` bytes of the file: raw images and fixed VHDs.

    A fixed VHD's footer lies behind them and is never touched by what is written to the disk.
    """

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the file, never past the disk's end."""
        self.check_range(offset, length)
        return self._base.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the file, never past the disk's end."""
        self.check_range(offset, len(data))
        self._base.write_at(offset, data)

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Ask the file."""
        self.check_range(offset, length)
        return self._base.locate(offset, length)
