"""The bytes of a file that CompactOS has compressed: chunks, found through a table at the start of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError, UnsupportedError, place
from bootmend.filesystem.ntfs.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.source import Extent

XPRESS4K, LZX, XPRESS8K, XPRESS16K = 0, 1, 2, 3
CHUNK_BITS = {XPRESS4K: 12, LZX: 15, XPRESS8K: 13, XPRESS16K: 14}
STREAM = "WofCompressedData"
CACHED = 8
WHERE = "WofCompressedData"


class WofContent(Content):
    """``size`` bytes, of which ``packed`` holds the compressed chunks; read only."""

    def __init__(self, packed: Content, size: int, algorithm: int) -> None:
        """Look at the table's place.

        Raises:
            UnsupportedError: an algorithm that is not known.
            CorruptError: the stream is too short for its table.
        """
        if algorithm not in CHUNK_BITS:
            raise UnsupportedError(f"CompactOS compressed the file in the unknown way {algorithm}")
        self.size = size
        self._packed = packed
        self._unpack = _decoder(algorithm)
        self._chunk = 1 << CHUNK_BITS[algorithm]
        self._count = -(-size // self._chunk)
        self._width = 8 if size >= 1 << 32 else 4
        self._table = max(0, self._count - 1) * self._width
        if self._table > packed.size:
            raise CorruptError(f"its {packed.size} bytes have no room for the table of {self._count} chunks", at=WHERE)
        self._cache: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Unpack the chunks that hold the range."""
        if not length:
            return b""
        first, last = offset // self._chunk, (offset + length - 1) // self._chunk
        data = b"".join([self._bytes(index) for index in range(first, last + 1)])
        start = offset - first * self._chunk
        return data[start : start + length]

    def _bytes(self, index: int) -> bytes:
        data = self._cache.get(index)
        if data is None:
            with place(f"{WHERE} chunk {index}"):
                data = self._load(index)
            if len(self._cache) >= CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[index] = data
        return data

    def _load(self, index: int) -> bytes:
        start, end = self._start(index), self._start(index + 1)
        size = min(self._chunk, self.size - index * self._chunk)
        if not start < end <= self._packed.size or end - start > size:
            raise CorruptError(f"its bytes {start:#x} to {end:#x} cannot be")
        raw = self._packed.read(start, end - start)
        return raw if len(raw) == size else self._unpack(raw, size)

    def _start(self, index: int) -> int:
        """Where a chunk begins in the stream; the table has no entry for the first, nor for the end."""
        if index == self._count:
            return self._packed.size
        if not index:
            return self._table
        raw = self._packed.read((index - 1) * self._width, self._width)
        return self._table + int.from_bytes(raw, "little")

    def write(self, offset: int, data: bytes) -> None:  # noqa: ARG002 - refused whatever they are
        """Refuse: other bytes may not compress into the same room."""
        raise RefusedError("the file is compressed by CompactOS: it cannot be overwritten in place")

    def locate(self, offset: int, length: int) -> list[Extent]:  # noqa: ARG002
        """Refuse: compressed bytes have no place of their own."""
        raise UnsupportedError("the file is compressed by CompactOS: its bytes do not lie on the volume as they are")


def _decoder(algorithm: int) -> Callable[[bytes, int], bytes]:
    if algorithm == LZX:
        from bootmend.filesystem.ntfs.wof.lzx import unpack
    else:
        from bootmend.filesystem.ntfs.wof.xpress import unpack
    return unpack
