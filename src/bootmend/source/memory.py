"""A source in memory: for tests, for decompressed data and for what was read whole."""

from __future__ import annotations

from bootmend.source.base import Source


class MemorySource(Source):
    """Bytes held in memory; writable when made with ``writable=True``."""

    def __init__(self, data: bytes | bytearray, *, writable: bool = False) -> None:
        self.data: bytes | bytearray = bytearray(data) if writable else data

    @property
    def size(self) -> int:
        """The number of bytes held."""
        return len(self.data)

    @property
    def can_grow(self) -> bool:
        """Memory stands for a file."""
        return True

    def grow(self, size: int) -> None:
        """Append zeros, when this source was made writable."""
        if not isinstance(self.data, bytearray):
            super().grow(size)
        else:
            self.data.extend(bytes(max(size - len(self.data), 0)))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a copy of the bytes."""
        self.check_range(offset, length)
        return bytes(self.data[offset : offset + length])

    def write_at(self, offset: int, data: bytes) -> None:
        """Replace bytes, when this source was made writable."""
        self.check_range(offset, len(data))
        if not isinstance(self.data, bytearray):
            super().write_at(offset, data)
        else:
            self.data[offset : offset + len(data)] = data
