"""What Windows would still do to a volume that was not dismounted: the meaning of $LogFile's records.

NTFS writes changes of its metadata to the log first.  On the next start Windows redoes them from the
oldest change that may not have reached its place, and undoes unfinished transactions.  Bytes of
files are not logged.  So a file may be overwritten in place under an unfinished log unless a
record that Windows will look at changes its file record, its directory, or clusters that are its own.

Every record names the clusters it changes.  Which records were already carried out is not asked: a
record that touches what is asked for counts, done or not.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import IntEnum
from functools import cached_property
from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, UnsupportedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.lfs import LogRecords, Restart, read_restart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.filesystem.ntfs.boot import BootSector
    from bootmend.filesystem.ntfs.content import Content
    from bootmend.filesystem.ntfs.lfs import Record
    from bootmend.filesystem.ntfs.runs import Stretch

OPERATION = Struct("<HH8xHH4xH2xQ")
"""redo operation, undo operation, target attribute, clusters that follow, offset of the block in them (in
512 bytes), VCN of the first cluster in the target attribute; then the LCNs"""
OPERATION_SIZE = 0x20
CLIENT_RECORD, CLIENT_RESTART = 1, 2


class Operation(IntEnum):
    """The operations of NTFS log records (Linux-NTFS documentation, "$LogFile", names as there)."""

    NOOP = 0x00
    COMPENSATION = 0x01
    INITIALIZE_FILE_RECORD = 0x02
    DEALLOCATE_FILE_RECORD = 0x03
    WRITE_END_OF_FILE_RECORD = 0x04
    CREATE_ATTRIBUTE = 0x05
    DELETE_ATTRIBUTE = 0x06
    UPDATE_RESIDENT_VALUE = 0x07
    UPDATE_NONRESIDENT_VALUE = 0x08
    UPDATE_MAPPING_PAIRS = 0x09
    DELETE_DIRTY_CLUSTERS = 0x0A
    SET_NEW_ATTRIBUTE_SIZES = 0x0B
    ADD_INDEX_ENTRY_ROOT = 0x0C
    DELETE_INDEX_ENTRY_ROOT = 0x0D
    ADD_INDEX_ENTRY_ALLOCATION = 0x0E
    DELETE_INDEX_ENTRY_ALLOCATION = 0x0F
    WRITE_END_OF_INDEX = 0x10
    SET_INDEX_ENTRY_VCN_ROOT = 0x11
    SET_INDEX_ENTRY_VCN_ALLOCATION = 0x12
    UPDATE_FILE_NAME_ROOT = 0x13
    UPDATE_FILE_NAME_ALLOCATION = 0x14
    SET_BITS = 0x15
    CLEAR_BITS = 0x16
    HOT_FIX = 0x17
    END_TOP_LEVEL_ACTION = 0x18
    PREPARE_TRANSACTION = 0x19
    COMMIT_TRANSACTION = 0x1A
    FORGET_TRANSACTION = 0x1B
    OPEN_NONRESIDENT_ATTRIBUTE = 0x1C
    OPEN_ATTRIBUTE_TABLE_DUMP = 0x1D
    ATTRIBUTE_NAMES_DUMP = 0x1E
    DIRTY_PAGE_TABLE_DUMP = 0x1F
    TRANSACTION_TABLE_DUMP = 0x20
    UPDATE_RECORD_DATA_ROOT = 0x21
    UPDATE_RECORD_DATA_ALLOCATION = 0x22
    UPDATE_RELATIVE_DATA = 0x23
    UPDATE_RELATIVE_DATA_2 = 0x24
    ZERO_END_OF_FILE_RECORD = 0x25


_IN_FILE_RECORD = frozenset(
    {
        Operation.INITIALIZE_FILE_RECORD,
        Operation.DEALLOCATE_FILE_RECORD,
        Operation.WRITE_END_OF_FILE_RECORD,
        Operation.CREATE_ATTRIBUTE,
        Operation.DELETE_ATTRIBUTE,
        Operation.UPDATE_RESIDENT_VALUE,
        Operation.UPDATE_MAPPING_PAIRS,
        Operation.SET_NEW_ATTRIBUTE_SIZES,
        Operation.ADD_INDEX_ENTRY_ROOT,
        Operation.DELETE_INDEX_ENTRY_ROOT,
        Operation.SET_INDEX_ENTRY_VCN_ROOT,
        Operation.UPDATE_FILE_NAME_ROOT,
        Operation.UPDATE_RECORD_DATA_ROOT,
        Operation.ZERO_END_OF_FILE_RECORD,
    }
)
"""Operations that change one file record and nothing else in its cluster."""
_NO_CHANGE = frozenset({Operation.NOOP, Operation.COMPENSATION})


class LogFile:
    """The log of a volume: whether it is unfinished, and which bytes its records touch."""

    def __init__(self, content: Content, boot: BootSector) -> None:
        """Read the restart pages.

        Raises:
            CorruptError: neither of them can be read.
        """
        self._content = content
        self._boot = boot
        self.restart: Restart | None = read_restart(content)

    @property
    def unfinished(self) -> bool:
        """Whether Windows will work through the log when it next starts; not so if it was emptied or closed cleanly."""
        return self.restart is not None and self.restart.unfinished

    def first_touched(self, guarded: Iterable[tuple[str, Stretch]]) -> str | None:
        """Return the name of the first stretch of the volume that some record touches, None if none does.

        Raises:
            CorruptError: the log is unfinished and cannot be read up to its end.
            UnsupportedError: it has a record of an unknown kind.
        """
        touched = self.touched
        for name, (start, length) in guarded:
            index = bisect_left(touched, (start + length, 0)) - 1
            if index >= 0 and touched[index][1] > start:
                return name
        return None

    @cached_property
    def touched(self) -> list[tuple[int, int]]:
        """The stretches of the volume (start, end; bytes) that its unfinished records touch: disjoint, ascending."""
        if self.restart is None or self.restart.client is None or not self.unfinished:
            return []
        oldest, newest = self.restart.client
        if not newest:
            raise CorruptError("it is unfinished and has no restart record to begin from")
        start = min(oldest, newest) or newest
        ranges = {found for record in LogRecords(self._content, self.restart).after(start) for found in self._touched_by(record)}
        return _merge(sorted(ranges))

    def _touched_by(self, record: Record) -> Iterator[tuple[int, int]]:
        if record.type == CLIENT_RESTART:
            return
        if record.type != CLIENT_RECORD or len(record.data) < OPERATION_SIZE:
            raise CorruptError(f"the record {record.lsn:#x} is none of NTFS")
        redo, undo, _, count, block, vcn = OPERATION.unpack_from(record.data)
        if max(redo, undo) > max(Operation):
            raise UnsupportedError(f"the record {record.lsn:#x} has the unknown operation {max(redo, undo):#x}")
        if OPERATION_SIZE + 8 * count > len(record.data):
            raise CorruptError(f"the record {record.lsn:#x} is cut off")
        lcns = Struct(f"<{count}Q").unpack_from(record.data, OPERATION_SIZE)
        if any(lcn >= self._boot.clusters for lcn in lcns):
            raise CorruptError(f"the record {record.lsn:#x} names a cluster outside the volume")
        yield from self._ranges(lcns, vcn, block * layout.STRIDE, _is_in_file_record(redo, undo))

    def _ranges(self, lcns: tuple[int, ...], vcn: int, block: int, in_file_record: bool) -> Iterator[tuple[int, int]]:
        """The bytes of one file record, or whole clusters."""
        cluster, size = self._boot.cluster, self._boot.record
        if not in_file_record or block >= cluster or (vcn * cluster + block) % size:
            yield from ((lcn * cluster, (lcn + 1) * cluster) for lcn in lcns)
            return
        for lcn in lcns:
            start = lcn * cluster + block
            end = min(start + size, (lcn + 1) * cluster)
            yield start, end
            block, size = 0, size - (end - start)
            if not size:
                return


def _is_in_file_record(redo: int, undo: int) -> bool:
    both = {redo, undo}
    return bool(both & _IN_FILE_RECORD) and both <= _IN_FILE_RECORD | _NO_CHANGE


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
