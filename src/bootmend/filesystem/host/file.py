"""One file of this computer, as the opener gives its bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bootmend.filesystem.tree import Anchor, Entry, File, Obstacle

if TYPE_CHECKING:
    from bootmend.source.base import Extent, Source

ANCHOR_SIZE = 4096


class HostFile(File):
    """A file that is a source of its own: its bytes are those of the opener's source."""

    def __init__(self, source: Source, entry: Entry, path: str) -> None:
        self._source = source
        self._entry = entry
        self.path = path

    @property
    def entry(self) -> Entry:
        """The directory entry."""
        return self._entry

    @property
    def source(self) -> Source:
        """What the opener gave."""
        return self._source

    @property
    def size(self) -> int:
        """The length of the opener's source."""
        return self._source.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from the opener's source."""
        return self._source.read_at(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write to the opener's source."""
        self._source.write_at(offset, data)

    def barrier(self) -> None:
        """Pass the barrier on."""
        self._source.barrier()

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Ask the opener's source."""
        return self._source.locate(offset, length)

    def anchors(self) -> list[Anchor]:
        """The first 4096 bytes: the operating system, not we, knows where a host file lies."""
        return [Anchor(f"first bytes of {self.path}", self._source, 0, min(ANCHOR_SIZE, self.size))] if self.size else []

    def obstacles(self) -> list[Obstacle]:
        """No permission to write the file."""
        if os.access(self.path, os.W_OK):
            return []
        return [Obstacle("read-only-tree", f"no permission to write {self.path}")]
