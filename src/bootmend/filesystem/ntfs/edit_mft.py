"""Taking and giving back file records; the $MFT grows where none is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.content import clustered_content
from bootmend.filesystem.ntfs.edit_record import RecordEditor, aligned, fresh_record, mapped, resident, value_of
from bootmend.filesystem.ntfs.record import FileRecord, guard
from bootmend.filesystem.ntfs.runs import Run

if TYPE_CHECKING:
    from bootmend.filesystem.ntfs.attribute import Attribute
    from bootmend.filesystem.ntfs.space import Space
    from bootmend.filesystem.ntfs.tree import NtfsTree

FIRST_OF_USERS = 24
"""Records 0 to 15 are the file system's own, 16 to 23 are spare for it."""
GROWTH = 16
"""How many records the $MFT gets at once."""


class Records:
    """The bitmap of the $MFT."""

    def __init__(self, tree: NtfsTree, space: Space) -> None:
        self._tree = tree
        self._space = space
        self._size = tree.boot.record

    def take(self, flags: int) -> tuple[int, int, bytearray]:
        """Mark a free record as used: its number, its sequence number, and an empty record with ``flags``.

        Raises:
            RefusedError: none is free, and the $MFT cannot grow.
        """
        number = self._free_number()
        if number is None:
            number = self._grow()
        self._mark(number, used=True)
        sequence = self._old_sequence(number)
        return number, sequence, fresh_record(number, self._size, sequence, layout.RECORD_IN_USE | flags)

    def give_back(self, record: FileRecord) -> None:
        """Take a record out of use; who still names it names an older sequence number."""
        editor = RecordEditor.of(record)
        editor.flags &= ~layout.RECORD_IN_USE
        editor.sequence = record.sequence % 0xFFFF + 1
        self._tree.mft.write_record(record.number, editor.assemble())
        self._mark(record.number, used=False)

    def _old_sequence(self, number: int) -> int:
        """What the record's last file left; Windows raises it when a file is deleted, not when one is made."""
        try:
            record = self._tree.mft.record(number)
        except CorruptError:
            return 1  # never used
        if record.in_use:
            raise CorruptError(f"file record {number:#x} is in use, but free in the bitmap", at="$MFT")
        return record.sequence or 1

    def _free_number(self) -> int | None:
        bits = int.from_bytes(self._bitmap_bytes(), "little") | (1 << FIRST_OF_USERS) - 1
        free = ((bits + 1) & ~bits).bit_length() - 1
        return free if free < self._tree.mft.records else None

    def _bitmap(self) -> Attribute:
        found = self._tree.mft.inode(layout.MFT_RECORD).find(layout.BITMAP)
        if len(found) != 1:
            raise RefusedError("the bitmap of the $MFT has no run list of its own, or several")
        return found[0]

    def _bitmap_bytes(self) -> bytes:
        attribute = self._bitmap()
        if attribute.resident:
            return attribute.value
        content = clustered_content(self._tree.volume, self._tree.boot, [attribute])
        return content.read(0, content.size)

    def _mark(self, number: int, *, used: bool) -> None:
        attribute, at = self._bitmap(), number // 8
        old = self._bitmap_bytes()[at]
        new = old | 1 << number % 8 if used else old & ~(1 << number % 8)
        if new == old:
            raise CorruptError(f"file record {number:#x} is {'used' if used else 'free'} already", at="bitmap of the $MFT")
        if attribute.resident:
            self._tree.mft.patch(attribute.home, attribute.start + at, bytes([new]))
        else:
            clustered_content(self._tree.volume, self._tree.boot, [attribute]).write(at, bytes([new]))

    # -- growing ----------------------------------------------------------------------------------

    def _grow(self) -> int:
        """Add records to the end of the $MFT; returns the number of the first."""
        boot, first = self._tree.boot, self._tree.mft.records
        data = self._own_extent(layout.DATA)
        count = max(GROWTH, boot.cluster // self._size)
        size = (first + count) * self._size
        runs = data.runs(boot.clusters)
        have = sum(run.clusters for run in runs) * boot.cluster
        if size > have:
            added = self._space.take(-(-(size - have) // boot.cluster))
            runs += [Run(have // boot.cluster + run.vcn, run.lcn, run.clusters) for run in added]
        self._blank(runs, first, count)
        self._tree.volume.barrier()
        editor = RecordEditor.of(self._tree.mft.record(layout.MFT_RECORD))
        editor.put(layout.DATA, mapped(layout.DATA, runs, size, boot.cluster))
        self._grow_bitmap(editor, first + count)
        self._tree.mft.write_record(layout.MFT_RECORD, editor.assemble())
        self._tree.reopen()
        return first

    def _own_extent(self, kind: int) -> Attribute:
        """An attribute of the $MFT that lies whole in its base record."""
        found = self._tree.mft.inode(layout.MFT_RECORD).find(kind)
        if len(found) != 1 or found[0].home != layout.MFT_RECORD:
            raise RefusedError("no file record is free, and the run list of the $MFT is too long to be changed here")
        return found[0]

    def _blank(self, runs: list[Run], first: int, count: int) -> None:
        """Write empty records, free ones, where the new part of the $MFT lies."""
        from bootmend.filesystem.ntfs.edit_index import map_of

        where = map_of(runs, self._tree.boot.cluster)
        for number in range(first, first + count):
            raw = guard(fresh_record(number, self._size, 1))
            done = 0
            for start, length in where.stretches(number * self._size, self._size):
                self._tree.volume.write_at(start, raw[done : done + length])
                done += length

    def _grow_bitmap(self, editor: RecordEditor, records: int) -> None:
        attribute, size = self._bitmap(), aligned(-(-records // 8))
        if size <= attribute.size:
            return
        if attribute.resident:
            raw = editor.get(layout.BITMAP)
            assert raw is not None
            editor.put(layout.BITMAP, resident(layout.BITMAP, value_of(raw).ljust(size, b"\0")))
            return
        self._own_extent(layout.BITMAP)
        boot, old = self._tree.boot, self._bitmap_bytes()
        runs = attribute.runs(boot.clusters)
        have = sum(run.clusters for run in runs) * boot.cluster
        if size > have:
            runs += [Run(have // boot.cluster + run.vcn, run.lcn, run.clusters) for run in self._space.take(1)]
        self._write_clusters(runs, len(old), size - len(old))
        editor.put(layout.BITMAP, mapped(layout.BITMAP, runs, size, boot.cluster))

    def _write_clusters(self, runs: list[Run], start: int, length: int) -> None:
        """Zeros where nothing valid was before."""
        from bootmend.filesystem.ntfs.edit_index import map_of

        for offset, count in map_of(runs, self._tree.boot.cluster).stretches(start, length):
            self._tree.volume.write_at(offset, bytes(count))
