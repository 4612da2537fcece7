"""Images that keep their disk in blocks, each anywhere in the file: what VHD and VHDX have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, RefusedError
from bootmend.image.base import Image
from bootmend.source.base import Extent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.source.base import Source

_MAX_TOUCHED = 8192  # blocks compared one by one before the whole table is checked instead


class Run(NamedTuple):
    """``length`` bytes of ``block``, from ``inside`` on: at ``offset`` of the file, or not in the file where that is None.

    What is not in the file is the parent's where ``below`` is set, and zeros elsewhere.
    """

    block: int
    inside: int
    length: int
    offset: int | None
    below: bool = False


class Stretch(NamedTuple):
    """Whole sectors to be written into a block, ``inside`` bytes from its beginning."""

    inside: int
    data: bytes


class BlockImage(Image):
    """A disk in blocks of ``block_size`` bytes, written in sectors of ``sector_size``.

    A format says where its blocks are (:meth:`block_runs`), and how new sectors become part of the disk.
    """

    def __init__(self, base: Source, image_format: str, size: int, remarks: list[str], *, block_size: int, sector: int) -> None:
        super().__init__(base, image_format, size, remarks)
        self.block_size = block_size
        self.sector_size = sector
        self._located: set[int] = set()

    # What a format adds

    @abstractmethod
    def block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        """The runs of a range that lies in one block; neighbours that follow one another in the file are one run."""

    @abstractmethod
    def check_map(self) -> None:
        """Check every entry of the block table, once, before the first write.

        Raises:
            CorruptError: a block lies where none can, or two lie over one another.
        """

    @abstractmethod
    def needs_room(self, block: int) -> bool:
        """Whether the file must grow before anything of the block can be written."""

    @abstractmethod
    def write_new(self, new: dict[int, list[Stretch]]) -> None:
        """Write sectors that are not in the file yet, and then make them count, in steps that a power cut may part."""

    @abstractmethod
    def entry_place(self, block: int) -> tuple[int, int]:
        """Where in the file the table entry of a block is: offset and length."""

    def before_writing(self) -> None:
        """What the format wants done before the first byte of the disk is changed."""

    @property
    def store(self) -> Source:
        """The file that holds the blocks, and is written: where a format keeps them apart, another than its own."""
        return self._base

    # Reading

    @property
    def content(self) -> Source:
        """The file as it is to be read."""
        return self._base

    def read_at(self, offset: int, length: int) -> bytes:
        """Read through the table; what is nowhere reads as zeros.

        Raises:
            CorruptError: a table entry points outside the file or into another block.
            TruncatedError: the range is not inside the disk.
        """
        self.check_range(offset, length)
        runs = self.runs(offset, length)
        if len(runs) == 1:
            return self._read_run(runs[0])
        return b"".join([self._read_run(run) for run in runs])

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Map to the files; what is nowhere has no source."""
        self.check_range(offset, length)
        extents: list[Extent] = []
        for run in self.runs(offset, length):
            self._located.add(run.block)
            if run.offset is not None:
                extents += self.store.locate(run.offset, run.length)
            else:
                extents += self._locate_below(run)
        return extents

    def anchors(self) -> list[tuple[str, Source, int, int]]:
        """The table entries of the blocks that :meth:`locate` was asked for."""
        places = [self.entry_place(block) for block in sorted(self._located)]
        found: list[tuple[str, Source, int, int]] = [
            (f"{self.format.split()[0]} block table", self._base, *place) for place in _merged(places)
        ]
        return found + (self.parent.anchors() if self.parent else [])

    def runs(self, offset: int, length: int) -> list[Run]:
        """The runs of a range of the disk, in order."""
        block, inside = divmod(offset, self.block_size)
        if inside + length <= self.block_size:
            return self.block_runs(block, inside, length) if length else []
        runs: list[Run] = []
        while length:
            count = min(length, self.block_size - inside)
            runs += self.block_runs(block, inside, count)
            block, inside, length = block + 1, 0, length - count
        return runs

    def _read_run(self, run: Run) -> bytes:
        if run.offset is not None:
            return self.content.read_at(run.offset, run.length)
        if not run.below or self.parent is None:
            return bytes(run.length)
        start = run.block * self.block_size + run.inside
        there = max(min(run.length, self.parent.size - start), 0)  # a child may have been made larger than its parent
        return (self.parent.read_at(start, there) if there else b"") + bytes(run.length - there)

    def _locate_below(self, run: Run) -> list[Extent]:
        if not run.below or self.parent is None:
            return [Extent(None, 0, run.length)]
        start = run.block * self.block_size + run.inside
        there = max(min(run.length, self.parent.size - start), 0)
        rest = [Extent(None, 0, run.length - there)] if there < run.length else []
        return (self.parent.locate(start, there) if there else []) + rest

    # Writing

    def write_at(self, offset: int, data: bytes) -> None:
        """Write: in place where the disk is in the file, else into sectors and blocks that are added to it.

        What is there already is not written: zeros onto zeros, or the parent's own bytes.

        Raises:
            RefusedError: the file would have to grow, and cannot; nothing was written.
            CorruptError: the block table is unsound.
        """
        self.check_range(offset, len(data))
        self.check_map()
        there: list[tuple[int, bytes]] = []
        new: dict[int, list[Stretch]] = {}
        position = 0
        for run in self.runs(offset, len(data)):
            part = data[position : position + run.length]
            position += run.length
            if run.offset is None:
                stretches = self._changed_sectors(run, part)
                if stretches:
                    new.setdefault(run.block, []).extend(stretches)
            elif self.content.read_at(run.offset, run.length) != part:
                there.append((run.offset, part))
        self._write(there, new)

    def _write(self, there: list[tuple[int, bytes]], new: dict[int, list[Stretch]]) -> None:
        if not there and not new:
            return
        for block in new:
            if self.needs_room(block) and not self._base.can_grow:
                message = f"writing needs block {block}, which the {self.format} has not allocated, and what holds it cannot grow"
                raise RefusedError(message, at=self.format, hint="copy the image to a file, and repair that")
        self.before_writing()
        for at, part in there:
            self.store.write_at(at, part)
        if new:
            self.write_new(new)

    def _changed_sectors(self, run: Run, part: bytes) -> list[Stretch]:
        """The sectors that ``part`` changes, whole: around it they get what they show now."""
        size = self.sector_size
        first = run.inside - run.inside % size
        lead = run.inside - first
        length = -(-(lead + len(part)) // size) * size
        shown = self._read_run(Run(run.block, first, length, None, run.below))
        if shown[lead : lead + len(part)] == part:
            return []
        wanted = shown[:lead] + part + shown[lead + len(part) :]
        return [Stretch(first + start, wanted[start:end]) for start, end in _changed(shown, wanted, size)]


def _changed(before: bytes, after: bytes, grain: int) -> Iterator[tuple[int, int]]:
    """The ranges of whole grains in which two equally long strings differ."""
    start = None
    for at in range(0, len(after), grain):
        if before[at : at + grain] != after[at : at + grain]:
            start = at if start is None else start
        elif start is not None:
            yield start, at
            start = None
    if start is not None:
        yield start, len(after)


def _merged(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for offset, length in sorted(places):
        if merged and merged[-1][0] + merged[-1][1] == offset:
            merged[-1] = (merged[-1][0], merged[-1][1] + length)
        else:
            merged.append((offset, length))
    return merged


class Claims:
    """Which part of the file each block has taken: none may lie over another, nor over the format's own structures."""

    def __init__(self, where: str, stride: int, reserved: tuple[tuple[int, int, str], ...]) -> None:
        self._where = where
        self._stride = stride
        self.reserved = reserved
        self._touched: dict[int, tuple[int, str]] = {}
        self.complete = False

    def knows(self, start: int, owner: str) -> bool:
        """Whether this was asked and found sound before."""
        return self.complete or self._touched.get(start // self._stride) == (start, owner)

    def check(self, start: int, end: int, limit: int, owner: str) -> None:
        """Compare a block with the file's end and with the structures.

        Raises:
            CorruptError: it cannot lie there.
        """
        if end > limit:
            message = f"{owner} should lie at {start:#x} to {end:#x}, past the end of the file's data at {limit:#x}"
            raise CorruptError(message, at=self._where)
        for first, last, what in self.reserved:
            if start < last and first < end:
                raise CorruptError(f"{owner} at {start:#x} lies over {what}", at=self._where)

    def touch(self, start: int, owner: str, check_all: Callable[[], None]) -> None:
        """Compare a block with those that were touched before; when those are too many, check all there are.

        Raises:
            CorruptError: two lie over one another.
        """
        slot = start // self._stride
        for other_start, other in filter(None, (self._touched.get(near) for near in (slot - 1, slot, slot + 1))):
            if other != owner and abs(other_start - start) < self._stride:
                raise CorruptError(f"{other} and {owner} lie over one another in the file", at=self._where)
        if len(self._touched) >= _MAX_TOUCHED:
            check_all()
        self._touched[slot] = (start, owner)

    def settle(self) -> None:
        """All blocks have been checked."""
        self.complete = True
        self._touched.clear()


def same_bits(bitmap: bytes, first: int, last: int, *, high_first: bool) -> tuple[int, bool]:
    """Return the end of the run of equal bits that begins with ``first``, at most ``last``, and whether they are set.

    ``high_first``: the highest bit of a byte is its first (VHD); else the lowest is (VHDX).
    """
    present = _bit(bitmap, first, high_first)
    whole = 0xFF if present else 0
    many = bytes([whole]) * 64
    bit = first + 1
    while bit < last:
        if bit % 8 == 0 and bitmap[bit // 8] == whole:
            bit += 512 if bitmap.startswith(many, bit // 8) else 8
        elif _bit(bitmap, bit, high_first) == present:
            bit += 1
        else:
            break
    return min(bit, last), present


def _bit(bitmap: bytes, number: int, high_first: bool) -> bool:
    return bool(bitmap[number // 8] >> (7 - number % 8 if high_first else number % 8) & 1)


def set_bits(bitmap: bytearray, first: int, last: int, *, high_first: bool) -> None:
    """Set the bits ``first`` to ``last``."""
    for number in range(first, last):
        bitmap[number // 8] |= 1 << (7 - number % 8 if high_first else number % 8)
