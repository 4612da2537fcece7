"""Which contents a sector may have while a run is being written.

The medium keeps or loses whole 512-byte sectors, and the system may write a sector back at any moment
between two of our writes.  So a sector that is touched by ``n`` writes has ``n + 1`` legitimate versions:
what it held before, and what it held after each of them.  Whatever else is found there was written by
somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import UsageError

if TYPE_CHECKING:
    from bootmend.engine.journal import PatchSet

SECTOR = 512
Place = tuple[str, int]  # source name, sector number
Reader = Callable[[str, int, int], bytes]  # source name, offset, length -> bytes, zeros past the end


class Piece(NamedTuple):
    """The part of one patch that falls into one sector; ``start`` is relative to the sector."""

    patch: int
    start: int
    before: bytes
    after: bytes

    @property
    def end(self) -> int:
        """Where the part ends in the sector."""
        return self.start + len(self.before)


class History:
    """The versions of every sector that a patch set touches; version 0 is before the first write."""

    def __init__(self, patchset: PatchSet) -> None:
        self.patches = patchset.patches
        self.pieces: dict[Place, list[Piece]] = {}
        for index, patch in enumerate(patchset.patches):
            for sector, start, first, last in _cut(patch.offset, len(patch.after)):
                piece = Piece(index, start, patch.before[first:last], patch.after[first:last])
                self.pieces.setdefault((patch.source, sector), []).append(piece)

    def check(self) -> None:
        """Raise :class:`UsageError` unless each patch's ``before`` is what the patches before it left."""
        for place, pieces in self.pieces.items():
            if len(pieces) == 1:
                continue
            known: dict[int, int] = {}
            for piece in pieces:
                for index, byte in enumerate(piece.before, piece.start):
                    if known.get(index, byte) != byte:
                        raise UsageError(f"patch {piece.patch} contradicts an earlier one in sector {place[1]:#x} of {place[0]}")
                known.update(enumerate(piece.after, piece.start))

    def versions(self, place: Place, current: bytes) -> Iterator[bytes]:
        """The sector's contents in each version, if the bytes that no patch touches are those of ``current``."""
        content = bytearray(current)
        for piece in reversed(self.pieces[place]):
            content[piece.start : piece.end] = piece.before
        yield bytes(content)
        for piece in self.pieces[place]:
            content[piece.start : piece.end] = piece.after
            yield bytes(content)

    def found(self, read: Reader) -> dict[Place, set[int]]:
        """For every sector the versions that equal what ``read`` gives; empty where it is none of ours."""
        result: dict[Place, set[int]] = {}
        for source, first, count in self._stretches():
            data = read(source, first * SECTOR, count * SECTOR)
            for sector in range(count):
                place = (source, first + sector)
                current = data[sector * SECTOR : (sector + 1) * SECTOR]
                result[place] = {number for number, version in enumerate(self.versions(place, current)) if version == current}
        return result

    def last(self, place: Place) -> int:
        """The number of the sector's version when all is written."""
        return len(self.pieces[place])

    def reached(self, patches: int) -> dict[Place, int]:
        """The version of every sector after the first ``patches`` writes."""
        return {place: sum(piece.patch < patches for piece in pieces) for place, pieces in self.pieces.items()}

    def _stretches(self) -> Iterator[tuple[str, int, int]]:
        """The touched sectors as runs of neighbours: source, first sector, count; at most 1 MiB each."""
        run: tuple[str, int, int] | None = None
        for source, sector in sorted(self.pieces):
            if run and run[0] == source and run[1] + run[2] == sector and run[2] < 2048:
                run = (source, run[1], run[2] + 1)
                continue
            if run:
                yield run
            run = (source, sector, 1)
        if run:
            yield run


def _cut(offset: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a range at sector borders: sector, start in it, and first and last byte of the range that fall there."""
    done = 0
    while done < length:
        sector, start = divmod(offset + done, SECTOR)
        count = min(SECTOR - start, length - done)
        yield sector, start, done, done + count
        done += count
