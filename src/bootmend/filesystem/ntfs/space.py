"""Free clusters of an NTFS volume: the bits of $Bitmap."""

from __future__ import annotations

import re
from heapq import nlargest
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.content import clustered_content
from bootmend.filesystem.ntfs.runs import HOLE, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.filesystem.ntfs.content import Content
    from bootmend.filesystem.ntfs.tree import NtfsTree

CHUNK = 64 << 10
MAX_PIECES = 64
"""A file in more pieces than this would not fit its run list into one file record."""
_NOT_FULL = re.compile(rb"[^\xff]+", re.DOTALL)


class Space:
    """Takes and gives back clusters; the bitmap is read in chunks as far as the search goes."""

    def __init__(self, tree: NtfsTree) -> None:
        self._volume = tree.volume
        self._cluster = tree.boot.cluster
        self._clusters = tree.boot.clusters
        data = tree.mft.inode(layout.BITMAP_RECORD).find(layout.DATA)
        if not data or data[0].resident:
            raise CorruptError("it has no run list", at="$Bitmap")
        self._bitmap: Content = clustered_content(tree.volume, tree.boot, data)
        if self._bitmap.size * 8 < self._clusters:
            raise CorruptError(f"it has {self._bitmap.size} bytes for {self._clusters} clusters", at="$Bitmap")

    def allocate(self, data: bytes) -> list[Run]:
        """Write ``data``, and zeros up to the end of its last cluster, to clusters that were free.

        Raises:
            RefusedError: too few clusters are free, or only in too many pieces; nothing was written.
        """
        runs = self.take(-(-len(data) // self._cluster))
        done = 0
        for run in runs:
            length = run.clusters * self._cluster
            self._volume.write_at(run.lcn * self._cluster, data[done : done + length].ljust(length, b"\0"))
            done += length
        return runs

    def take(self, count: int) -> list[Run]:
        """Mark ``count`` free clusters as used: in one piece if there is one, else in the largest pieces."""
        pieces: list[tuple[int, int]] = []
        for lcn, clusters in self._free():
            if clusters >= count:
                pieces = [(lcn, count)]
                break
            pieces.append((lcn, clusters))
        runs: list[Run] = []
        left = count
        for lcn, clusters in nlargest(MAX_PIECES, pieces, key=lambda piece: piece[1]):
            if left:
                runs.append(Run(count - left, lcn, min(clusters, left)))
                left -= runs[-1].clusters
        if left:
            raise RefusedError(f"the volume is full: {count * self._cluster} bytes are needed in at most {MAX_PIECES} pieces")
        for run in runs:
            self._mark(run, used=True)
        return runs

    def give_back(self, runs: Iterable[Run]) -> None:
        """Mark the clusters of a run list as free.

        Raises:
            CorruptError: one of them is free already; nothing was changed for its run.
        """
        for run in runs:
            if run.lcn != HOLE:
                self._mark(run, used=False)

    def _free(self) -> Iterator[tuple[int, int]]:
        """The free stretches, ascending: first cluster and length."""
        start = length = 0
        for first, clusters in self._free_in_chunks():
            if length and first == start + length:
                length += clusters
                continue
            if length:
                yield start, length
            start, length = first, clusters
        if length:
            yield start, length

    def _free_in_chunks(self) -> Iterator[tuple[int, int]]:
        size = -(-self._clusters // 8)
        for offset in range(0, size, CHUNK):
            chunk = self._bitmap.read(offset, min(CHUNK, size - offset))
            for found in _NOT_FULL.finditer(chunk):
                first = (offset + found.start()) * 8
                yield from self._zeros(first, int.from_bytes(found[0], "little"), min(first + 8 * len(found[0]), self._clusters))

    @staticmethod
    def _zeros(first: int, bits: int, end: int) -> Iterator[tuple[int, int]]:
        """The runs of zero bits of a number whose lowest bit is cluster ``first``, below ``end``."""
        position = first
        while position < end:
            ones = _trailing_ones(bits)
            bits >>= ones
            position += ones
            zeros = min(_trailing_zeros(bits), end - position) if bits else end - position
            if zeros > 0:
                yield position, zeros
            bits >>= zeros
            position += max(zeros, 0)

    def _mark(self, run: Run, *, used: bool) -> None:
        first, last = run.lcn // 8, (run.lcn + run.clusters - 1) // 8
        old = int.from_bytes(self._bitmap.read(first, last - first + 1), "little")
        mask = ((1 << run.clusters) - 1) << run.lcn % 8
        if old & mask != (0 if used else mask):
            state = "used" if used else "free"
            raise CorruptError(f"clusters {run.lcn:#x} to {run.lcn + run.clusters:#x} are {state} already", at="$Bitmap")
        self._bitmap.write(first, (old ^ mask).to_bytes(last - first + 1, "little"))


def _trailing_zeros(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _trailing_ones(bits: int) -> int:
    return _trailing_zeros(bits + 1)
