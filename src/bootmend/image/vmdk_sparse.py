"""A sparse VMDK extent: grains found through a directory and tables; compressed ones can only be read."""

from __future__ import annotations

import zlib
from struct import unpack
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError, TruncatedError
from bootmend.image import vmdk_layout as layout
from bootmend.image.blocks import Claims, Run, Stretch
from bootmend.image.clusters import ClusterImage, steps
from bootmend.source.base import Extent

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.source.base import Source

WHERE = "VMDK grain table"
PAGE = 2048
MAX_PAGES = 4096
CACHED_GRAINS = 64
CONVERT = "convert it first: qemu-img convert -O vmdk IN OUT.vmdk"


class SparseExtent(ClusterImage):
    """One sparse extent; its blocks are grains of usually 64 KiB."""

    def __init__(self, base: Source, header: layout.SparseHeader, *, parent: Image | None = None) -> None:
        name = "VMDK stream-optimized" if header.compressed else "VMDK sparse"
        remarks = ["the VMDK was not closed by its hypervisor"] if header.unclean else []
        super().__init__(base, name, header.size, remarks, block_size=header.grain, sector=layout.SECTOR)
        self.parent = parent
        self._header = header
        structures = ((0, layout.SECTOR, "the header"), *self._directories())
        self._claims = Claims(WHERE, header.grain, structures)
        self._pages: dict[int, bytes] = {}
        self._grains: dict[int, bytes] = {}
        self._map_checked = False

    def _directories(self) -> list[tuple[int, int, str]]:
        length = self._header.tables * 4
        found = [(self._header.directory, self._header.directory + length, "the grain directory")]
        if self._header.redundant:
            found.append((self._header.redundant, self._header.redundant + length, "the second grain directory"))
        return found

    # -- reading ------------------------------------------------------------------------------------

    def alike(self, block: int, most: int) -> int:
        """Grains that are one behind another in the file, or all not there; their entries lie in one page."""
        place = self._entry_offset(block, self._header.directory) if most > 1 and not self._header.compressed else None
        if place is None:
            return 1
        first = self._number(place)
        inside = place % PAGE
        count = min(most, self._header.entries - block % self._header.entries, (len(self._pages[place // PAGE]) - inside) // 4)
        if first == layout.ZERO_GRAIN or count < 2:
            return 1
        entries = unpack(f"<{count}I", self._pages[place // PAGE][inside : inside + count * 4])
        count = steps(entries, self.block_size // layout.SECTOR if first else 0)
        for number in range(count if first else 0):
            self._grain_start(block + number, entries[number])
        return count

    def block_runs(self, block: int, inside: int, length: int) -> list[Run]:
        """One run a grain."""
        sector = self._entry(block)
        if self._header.compressed and sector:
            return [Run(block, inside, length, None)]
        if sector == 0 or (sector == layout.ZERO_GRAIN and self._header.flags & layout.HAS_ZERO_GRAINS):
            return [Run(block, inside, length, None, below=sector == 0)]
        return [Run(block, inside, length, self._grain_start(block, sector) + inside)]

    def _grain_start(self, block: int, sector: int) -> int:
        start = sector * layout.SECTOR
        owner = f"grain {block:#x}"
        if not self._claims.knows(start, owner):
            end = start + min(self.block_size, self._size - block * self.block_size)
            self._claims.check(start, end, self._base.size, owner)
            self._claims.touch(start, owner, self._check_all)
        return start

    def _read_run(self, run: Run) -> bytes:
        if run.offset is None and self._header.compressed:
            sector = self._entry(run.block)
            if sector:
                return self._unpacked(run.block, sector)[run.inside : run.inside + run.length]
        return super()._read_run(run)

    def _unpacked(self, block: int, sector: int) -> bytes:
        data = self._grains.get(block)
        if data is None:
            data = self._unpack(block, sector * layout.SECTOR)
            if len(self._grains) >= CACHED_GRAINS:
                del self._grains[next(iter(self._grains))]
            self._grains[block] = data
        return data

    def _unpack(self, block: int, start: int) -> bytes:
        if start + layout.MARKER.size > self._base.size:
            raise TruncatedError(f"grain {block:#x} at {start:#x} lies past the end of the file", at=WHERE)
        first, length = layout.MARKER.unpack(self._base.read_at(start, layout.MARKER.size))
        if first * layout.SECTOR != block * self.block_size or length > 2 * self.block_size + 4096:
            raise CorruptError(f"what lies at {start:#x} is not grain {block:#x}", at=WHERE)
        if start + layout.MARKER.size + length > self._base.size:
            raise TruncatedError(f"grain {block:#x} at {start:#x} is cut off", at=WHERE)
        try:
            data = zlib.decompressobj().decompress(self._base.read_at(start + layout.MARKER.size, length), self.block_size)
        except zlib.error as error:
            raise CorruptError(f"grain {block:#x} is damaged ({error})", at=WHERE) from error
        wanted = min(self.block_size, self._size - block * self.block_size)
        if len(data) < wanted:
            raise CorruptError(f"grain {block:#x} unpacks to {len(data)} bytes", at=WHERE)
        return data

    def locate(self, offset: int, length: int) -> list[Extent]:
        """Map to the files; the whole stream stands for a compressed range, for it has no place of its own."""
        if self._header.compressed:
            self.check_range(offset, length)
            return [Extent(None, 0, length)] if length else []
        return super().locate(offset, length)

    # -- the tables ---------------------------------------------------------------------------------

    def _entry(self, block: int) -> int:
        """The first sector of a grain; 0 or 1 where it has none."""
        place = self._entry_offset(block, self._header.directory)
        return 0 if place is None else self._number(place)

    def _entry_offset(self, block: int, directory: int) -> int | None:
        index, inside = divmod(block, self._header.entries)
        table = self._number(directory + index * 4) * layout.SECTOR
        return table + inside * 4 if table else None

    def _number(self, offset: int) -> int:
        page, inside = divmod(offset, PAGE)
        data = self._pages.get(page)
        if data is None or inside + 4 > len(data):
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            start = page * PAGE
            if start >= self._base.size:
                raise TruncatedError(f"a table at {offset:#x} lies past the end of the file", at=WHERE)
            data = self._pages[page] = self._base.read_at(start, min(PAGE, self._base.size - start))
        if inside + 4 > len(data):
            raise TruncatedError(f"the file ends at {self._base.size:#x}, inside a table", at=WHERE)
        return int.from_bytes(data[inside : inside + 4], "little")

    def entry_place(self, block: int) -> tuple[int, int]:
        """The entry of a grain, or that of its table."""
        place = self._entry_offset(block, self._header.directory)
        return (place if place is not None else self._header.directory + block // self._header.entries * 4), 4

    # -- writing ------------------------------------------------------------------------------------

    def check_map(self) -> None:
        """Check every entry, once, before the first write.

        Raises:
            RefusedError: a stream cannot be changed.
            CorruptError: two grains lie over one another.
        """
        if self._header.compressed:
            raise RefusedError(
                "a stream-optimized VMDK cannot be changed: its grains are packed one behind another", hint=CONVERT
            )
        if not self._map_checked:
            self._check_all()
            self._map_checked = True

    def _check_all(self) -> None:
        """Compare all grains; there are as many as the file has room for at most."""
        starts: list[tuple[int, int]] = []
        limit = self._base.size // self.block_size + 1
        for index in range(self._header.tables):
            if not self._number(self._header.directory + index * 4):
                continue
            first = index * self._header.entries
            for block in range(first, min(first + self._header.entries, -(-self._size // self.block_size))):
                sector = self._entry(block)
                if sector > layout.ZERO_GRAIN:
                    starts.append((sector * layout.SECTOR, block))
            if len(starts) > limit:
                raise CorruptError(f"more than {limit} grains do not fit into the file: they lie over one another", at=WHERE)
        end = 0
        for start, block in sorted(starts):
            if start < end:
                raise CorruptError(f"grain {block:#x} at {start:#x} lies over the one before it in the file", at=WHERE)
            end = start + self.block_size
        self._claims.settle()

    def needs_room(self, block: int) -> bool:
        """Whether the grain is not there."""
        return self._entry(block) <= layout.ZERO_GRAIN

    def write_new(self, new: dict[int, list[Stretch]]) -> None:
        """Add whole grains at the end of the file, and then let the tables name them: the second ones first.

        Raises:
            RefusedError: a grain has no table; VMware and QEMU make all tables at once.
        """
        places = {block: self._entry_places(block) for block in new}
        added: dict[int, int] = {}
        for block, stretches in new.items():
            grain = bytearray(self._shown(block))
            for stretch in stretches:
                grain[stretch.inside : stretch.inside + len(stretch.data)] = stretch.data
            added[block] = -(-self._base.size // self.block_size) * self.block_size
            self._base.grow(added[block] + self.block_size)
            self._base.write_at(added[block], bytes(grain))
        self._base.barrier()
        for order in (1, 0):
            for block, start in added.items():
                for place in places[block][order : order + 1]:
                    self._base.write_at(place, (start // layout.SECTOR).to_bytes(4, "little"))
            self._base.barrier()
        self._pages.clear()

    def _entry_places(self, block: int) -> list[int]:
        """Where the entry of a grain is: in its table, and in its second table."""
        directories = [self._header.directory, *([self._header.redundant] if self._header.redundant else [])]
        places = [self._entry_offset(block, directory) for directory in directories]
        found = [place for place in places if place is not None]
        if len(found) < len(places):
            raise RefusedError(f"grain {block:#x} has no table: it would have to be made", hint=CONVERT)
        return found

    def _shown(self, block: int) -> bytes:
        start = block * self.block_size
        return self.read_at(start, min(self.block_size, self._size - start)).ljust(self.block_size, b"\0")
