"""The disk in a VHDX: read through its block table, written in place or into blocks that are added to the file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError
from bootmend.image.blocks import BlockImage, Run, Stretch, same_bits, set_bits
from bootmend.image.vhdx_layout import MIB, next_header
from bootmend.image.vhdx_table import (
    BITMAP_SIZE,
    FULLY_PRESENT,
    NOT_PRESENT,
    PARTIALLY_PRESENT,
    BlockTable,
    Entry,
)

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.image.vhdx_layout import Geometry, Header, Regions
    from bootmend.image.vhdx_log import Replay
    from bootmend.source.base import Source

_BITMAP_PAGE = 4096
_MAX_BITMAP_PAGES = 1024


class Parts(NamedTuple):
    """What was read of a VHDX when it was opened; ``replay`` is what its log does, None where it has none."""

    header: Header
    regions: Regions
    geometry: Geometry
    replay: Replay | None


class Vhdx(BlockImage):
    """A VHDX over ``base``.

    Reading goes through ``view``: the file, with what its log holds laid over it in memory.  Before the first
    write the log is replayed for real, and both headers get a higher number, new write GUIDs and no log ([MS-VHDX]
    2.2.2.1); the GUIDs come from ``seed``, so that it is done once for all that one plan writes.
    """

    def __init__(
        self, base: Source, view: Source, parts: Parts, remarks: list[str], *, seed: bytes, parent: Image | None
    ) -> None:
        geometry = parts.geometry
        kind = "differencing" if parent else "fixed" if geometry.fixed else "dynamic"
        name = f"VHDX {kind}"
        super().__init__(base, name, geometry.size, remarks, block_size=geometry.block_size, sector=geometry.sector_size)
        self.parent = parent
        self.linkage = parts.header.data_write_guid
        self._view = view
        self._parts = parts
        self._seed = seed
        self._table = BlockTable(view, parts.regions.bat[0], geometry, _reserved(parts))
        self._bitmap_pages: dict[int, bytes] = {}
        self._guids = self._guid(b"file"), self._guid(b"data")
        self._begun = parts.replay is None and parts.header.data[16:48] == b"".join(self._guids)

    # Reading

    @property
    def content(self) -> Source:
        """The file with its log laid over it."""
        return self._view

    def block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        """By the block's state; of a partially present one a run for each stretch of equal bits."""
        entry = self._table.block(block)
        if entry.state == FULLY_PRESENT:
            return [Run(block, inside, length, entry.start + inside)]
        if entry.state != PARTIALLY_PRESENT:
            return [Run(block, inside, length, None, below=entry.state == NOT_PRESENT and self.parent is not None)]
        runs: list[Run] = []
        end, size = inside + length, self.sector_size
        while inside < end:
            stop, present = self._same_bits(block, inside // size, -(-end // size))
            stop = min(stop * size, end)
            runs.append(Run(block, inside, stop - inside, entry.start + inside if present else None, below=True))
            inside = stop
        return runs

    def _same_bits(self, block: int, first: int, last: int) -> tuple[int, bool]:
        """The end of the run of equal bits that begins with sector ``first`` of a block; at most one page of the bitmap."""
        page, bit = divmod(self._bit(block, first), _BITMAP_PAGE * 8)
        bits = self._bitmap_page(block, page)
        stop, present = same_bits(bits, bit, min(bit + last - first, _BITMAP_PAGE * 8), high_first=False)
        return first + stop - bit, present

    def _bit(self, block: int, sector: int) -> int:
        """The place of a sector's bit in the bitmap of its chunk, the lowest bit of each byte first (2.5.1.2)."""
        return block % self._parts.geometry.chunk_ratio * (self.block_size // self.sector_size) + sector

    def _bitmap_page(self, block: int, page: int) -> bytes:
        chunk = block // self._parts.geometry.chunk_ratio
        start = self._table.bitmap(chunk)
        if start is None:
            message = f"block {block} is partially present, but there is no bitmap that says which part"
            raise CorruptError(message, at="VHDX block table")
        at = start + page * _BITMAP_PAGE
        data = self._bitmap_pages.get(at)
        if data is None:
            if len(self._bitmap_pages) >= _MAX_BITMAP_PAGES:
                self._bitmap_pages.clear()
            data = self._bitmap_pages[at] = self._view.read_at(at, _BITMAP_PAGE)
        return data

    def check_map(self) -> None:
        """Check the whole block table, once."""
        self._table.check_all()

    def entry_place(self, block: int) -> tuple[int, int]:
        """Eight bytes of the table."""
        return self._table.entry_place(self._table.block_index(block))

    # Writing

    def needs_room(self, block: int) -> bool:
        """Whether no part of the block is in the file."""
        return self._table.block(block).state not in (FULLY_PRESENT, PARTIALLY_PRESENT)

    def before_writing(self) -> None:
        """Replay the log for real, then mark the file as written in both headers, each flushed before what follows."""
        if self._begun:
            return
        self._begun = True
        header, replay = self._parts.header, self._parts.replay
        if replay is not None:
            replay.apply(self._base)
            self._view = self._table.view = self._base
        for steps, place in ((1, header.other), (2, header.offset)):
            self._base.write_at(place, next_header(header, *self._guids, steps=steps))
            self._base.barrier()
        self.linkage = self._guids[1]

    def _guid(self, purpose: bytes) -> bytes:
        """A random-looking GUID (RFC 9562, version 4) that is the same whenever the same plan is made."""
        digest = bytearray(hashlib.sha256(purpose + (self._seed or self._parts.header.data)).digest()[:16])
        digest[7] = digest[7] & 0x0F | 0x40
        digest[8] = digest[8] & 0x3F | 0x80
        return bytes(digest)

    def write_new(self, new: dict[int, list[Stretch]]) -> None:
        """Write sectors that are not in the file yet.

        New blocks lie behind all others, at the next MiB.  First come the data, then the bits of sector bitmaps, then the
        table's entries of new bitmaps, then those of new blocks, with a flush between: after a power cut each entry of
        eight bytes is the old or the new one, and either is a whole disk.  So the log of the format, which exists to make
        larger changes of the structures atomic, is not needed; it stays empty.
        """
        entries: dict[int, Entry] = {}
        for block, stretches in new.items():
            entry = self._room_for(block)
            if entry is not None:
                entries[self._table.block_index(block)] = entry
            start = (entry or self._table.block(block)).start
            for stretch in stretches:
                self._base.write_at(start + stretch.inside, stretch.data)
        self._base.barrier()
        partial = {
            block: stretches
            for block, stretches in new.items()
            if entries.get(self._table.block_index(block), self._table.block(block)).state == PARTIALLY_PRESENT
        }
        for index, entry in self._set_bits(partial).items():
            self._base.write_at(*self._table.encoded(index, entry))
        self._base.barrier()
        for index, entry in entries.items():
            self._base.write_at(*self._table.encoded(index, entry))

    def _room_for(self, block: int) -> Entry | None:
        """The entry that a block gets which is not in the file; None where it is.

        What showed the parent is from now on partially present; what was zeros is whole.
        """
        state = self._table.block(block).state
        if state in (FULLY_PRESENT, PARTIALLY_PRESENT):
            return None
        below = state == NOT_PRESENT and self.parent is not None
        return Entry(PARTIALLY_PRESENT if below else FULLY_PRESENT, self._append(self.block_size))

    def _append(self, length: int) -> int:
        start = -(-self._base.size // MIB) * MIB
        self._base.grow(start + length)
        return start

    def _set_bits(self, partial: dict[int, list[Stretch]]) -> dict[int, Entry]:
        """Set the bits of new sectors; returns the table entries of bitmaps that were not there."""
        added: dict[int, Entry] = {}
        starts: dict[int, int] = {}
        for block, stretches in partial.items():
            chunk = block // self._parts.geometry.chunk_ratio
            start = starts.get(chunk) or self._table.bitmap(chunk)
            if start is None:
                start = self._append(BITMAP_SIZE)
                added[self._table.bitmap_index(chunk)] = Entry(FULLY_PRESENT, start)
            starts[chunk] = start
            self._write_bits(start, block, stretches)
        self._bitmap_pages.clear()
        self._base.barrier()
        return added

    def _write_bits(self, start: int, block: int, stretches: list[Stretch]) -> None:
        """Write the bits of one block.  Those of a block that was not partially present meant nothing before."""
        base, count = self._bit(block, 0), self.block_size // self.sector_size
        fresh = self._table.block(block).state != PARTIALLY_PRESENT
        at = start + base // 8
        bits = bytearray(count // 8) if fresh else bytearray(self._base.read_at(at, count // 8))
        for inside, data in stretches:
            set_bits(bits, inside // self.sector_size, (inside + len(data)) // self.sector_size, high_first=False)
        self._base.write_at(at, bytes(bits))


def _reserved(parts: Parts) -> tuple[tuple[int, int, str], ...]:
    """What no block may lie over: the headers, the log, the regions."""
    header, regions, geometry = parts.header, parts.regions, parts.geometry
    return (
        (0, MIB, "the headers"),
        (header.log_offset, header.log_offset + header.log_length, "the log"),
        (regions.bat[0], regions.bat[0] + geometry.entries * 8, "the block table"),
        (regions.metadata[0], regions.metadata[0] + regions.metadata[1], "the metadata"),
    )
