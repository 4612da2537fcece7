"""The master file table: file records by their number, and files put together from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, place
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.content import MappedContent, clustered_content
from bootmend.filesystem.ntfs.record import FileRecord, guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.filesystem.ntfs.attribute import Attribute
    from bootmend.filesystem.ntfs.boot import BootSector
    from bootmend.filesystem.ntfs.runs import Stretch
    from bootmend.source import Source

CACHED_RECORDS = 4096
HEAD = 8 << 10
"""Read at once from the start of the $MFT: its own record, $LogFile, $Volume and the root directory are there."""


class ListEntry:
    """One line of an attribute list: which record holds which extent of which attribute."""

    __slots__ = ("instance", "lowest", "name", "record", "sequence", "type")

    def __init__(self, kind: int, name: str, lowest: int, reference: int, instance: int) -> None:
        self.type = kind
        self.name = name
        self.lowest = lowest
        self.record = reference & layout.REFERENCE_MASK
        self.sequence = reference >> 48
        self.instance = instance


class Inode:
    """A file: its base record, and the extension records that its attribute list names."""

    def __init__(self, mft: MasterFileTable, base: FileRecord) -> None:
        self._mft = mft
        self.base = base
        self._list: list[ListEntry] | None = None

    @property
    def number(self) -> int:
        """The number of the base record."""
        return self.base.number

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.base.is_directory

    def find(self, kind: int, name: str = "") -> list[Attribute]:
        """Return all extents of an attribute in the order of their VCNs; none if it has no such attribute.

        Raises:
            CorruptError: the attribute list names a record that does not hold the extent.
        """
        with place(f"file record {self.number:#x}"):
            entries = self.attribute_list
            if entries is None:
                found = [one for one in self.base.attributes if one.type == kind and one.name == name]
            else:
                found = [self.extent(entry) for entry in entries if entry.type == kind and entry.name == name]
        return sorted(found, key=_lowest) if len(found) > 1 else found

    def first(self, kind: int, name: str = "") -> Attribute | None:
        """Return an attribute, or its first extent."""
        found = self.find(kind, name)
        return found[0] if found else None

    def record_numbers(self, kind: int, name: str = "") -> list[int]:
        """The base record and the records that hold extents of an attribute, ascending."""
        entries = self.attribute_list or []
        return sorted({self.number} | {entry.record for entry in entries if entry.type == kind and entry.name == name})

    @property
    def attribute_list(self) -> list[ListEntry] | None:
        """The lines of the attribute list; None where one record holds all attributes."""
        if self._list is None:
            attribute = self.list_attribute
            if attribute is None:
                return None
            self._list = list(_list_entries(self._mft.attribute_bytes(attribute)))
        return self._list

    @property
    def list_attribute(self) -> Attribute | None:
        """The attribute list itself."""
        return next((one for one in self.base.attributes if one.type == layout.ATTRIBUTE_LIST), None)

    def extent(self, entry: ListEntry) -> Attribute:
        """Return the attribute that a line of the list names.

        Raises:
            CorruptError: it is not where the list says.
        """
        record = self.base
        if entry.record != self.number:
            record = self._mft.record(entry.record)
            if record.base & layout.REFERENCE_MASK != self.number or not record.in_use or record.sequence != entry.sequence:
                raise CorruptError(f"its attribute list names record {entry.record:#x}, which is not one of its own")
        for one in record.attributes:
            if (one.type, one.instance, one.lowest, one.name) == (entry.type, entry.instance, entry.lowest, entry.name):
                return one
        raise CorruptError(
            f"its attribute list names an attribute of type {entry.type:#x} in record {entry.record:#x} that is not there"
        )


class MasterFileTable:
    """The $MFT of a volume; records are read one by one and kept."""

    def __init__(self, volume: Source, boot: BootSector) -> None:
        """Read the $MFT's own record.

        Raises:
            CorruptError: it is damaged.
        """
        self._volume = volume
        self._boot = boot
        self._records: dict[int, FileRecord] = {}
        self._mirror: MappedContent | None = None
        self._head = b""
        with place("$MFT"):
            head = self._read_head()
            self._content = self._bootstrap(FileRecord(head[: boot.record], layout.MFT_RECORD))
            self._keep_head(head)

    def _read_head(self) -> bytes:
        start = self._boot.mft * self._boot.cluster
        length = max(self._boot.record, min(HEAD, self._volume.size - start))
        return self._volume.read_at(start, length)

    def _bootstrap(self, base: FileRecord) -> MappedContent:
        """Map the $MFT: the first runs are in record 0, and each extension lies where the runs before it reach."""
        self._records[layout.MFT_RECORD] = base
        first = next((one for one in base.attributes if one.type == layout.DATA and not one.name), None)
        if first is None or first.resident:
            raise CorruptError("its record has no run list")
        content = clustered_content(self._volume, self._boot, [first])
        if type(content) is not MappedContent:
            raise CorruptError("it is compressed, which cannot be")
        self._content = content
        inode = Inode(self, base)
        for entry in inode.attribute_list or []:
            if entry.type == layout.DATA and not entry.name and entry.lowest:
                content.runs.add(inode.extent(entry).runs(self._boot.clusters))
        return content

    def _keep_head(self, head: bytes) -> None:
        """Keep the records that came with the first read, as far as the $MFT really goes on there."""
        size = self._boot.record
        first = next(iter(self._content.runs), None)
        length = min(len(head), first.clusters * self._boot.cluster if first else 0, self._content.valid)
        self._head = head[: length // size * size] if first and first.lcn == self._boot.mft else b""

    @property
    def records(self) -> int:
        """How many records the $MFT has room for."""
        return self._content.size // self._boot.record

    def record(self, number: int) -> FileRecord:
        """Return a file record, whether in use or not.

        Raises:
            CorruptError: there is no such record, it is torn, or it is no file record.
        """
        record = self._records.get(number)
        if record is None:
            with place(f"file record {number:#x}"):
                record = FileRecord(self._raw(number), number)
            if len(self._records) >= CACHED_RECORDS:
                del self._records[next(iter(self._records))]
            self._records[number] = record
        return record

    def _raw(self, number: int) -> bytes:
        size = self._boot.record
        if number >= self.records:
            raise CorruptError(f"lies beyond the $MFT's {self.records:#x} records")
        if (number + 1) * size <= len(self._head):
            return self._head[number * size : (number + 1) * size]
        return self._content.read(number * size, size)

    def inode(self, number: int, sequence: int | None = None) -> Inode:
        """Return the file of a base record; ``sequence`` is what a directory says of it.

        Raises:
            CorruptError: the record is free, is an extension, or belongs to a later file.
        """
        record = self.record(number)
        if not record.in_use or record.base & layout.REFERENCE_MASK or sequence not in (None, record.sequence):
            raise CorruptError(
                "a directory names this record, but it belongs to no file or to another one", at=f"file record {number:#x}"
            )
        return Inode(self, record)

    def attribute_bytes(self, attribute: Attribute) -> bytes:
        """The whole value of an attribute that is small by nature and has one extent.

        Raises:
            CorruptError: it is larger than an attribute list may be.
        """
        if attribute.resident:
            return attribute.value
        content = clustered_content(self._volume, self._boot, [attribute])
        if content.size > layout.MAX_ATTRIBUTE_LIST:
            raise CorruptError(f"an attribute of type {attribute.type:#x} has {content.size} bytes, which cannot be")
        return content.read(0, content.size)

    def stretches(self, number: int) -> list[Stretch]:
        """Where a record lies on the volume."""
        return self._content.runs.stretches(number * self._boot.record, self._boot.record)

    def patch(self, number: int, offset: int, data: bytes) -> None:
        """Replace bytes of a record, as the unguarded record counts them, and write it under a new update sequence number.

        The copies of the first records in the $MFTMirr are written too: a volume whose records
        differ from it is not mounted.
        """
        record = self.record(number)
        if bytes(record.data[offset : offset + len(data)]) == data:
            return
        changed = bytearray(record.data)
        changed[offset : offset + len(data)] = data
        self._write(number, changed)
        record.data[:] = changed

    def write_record(self, number: int, data: bytearray) -> None:
        """Write a whole unguarded record, and its copy in the $MFTMirr; it is read anew when it is next asked for."""
        self._write(number, data)
        self._records.pop(number, None)

    def _write(self, number: int, unguarded: bytearray) -> None:
        mirror = self._mirror_content()
        raw = guard(unguarded)
        self._content.write(number * len(raw), raw)
        if (number + 1) * len(raw) <= mirror.size:
            mirror.write(number * len(raw), raw)
        self._head = b""

    def _mirror_content(self) -> MappedContent:
        if self._mirror is None:
            data = self.inode(layout.MFT_MIRROR).find(layout.DATA)
            if not data:
                raise CorruptError("the $MFTMirr has no data")
            self._mirror = clustered_content(self._volume, self._boot, data)
        return self._mirror


def _lowest(attribute: Attribute) -> int:
    return attribute.lowest


def _list_entries(data: bytes) -> Iterator[ListEntry]:
    """Parse an attribute list.

    Raises:
        CorruptError: an entry does not fit.
    """
    offset = 0
    while offset + layout.LIST_ENTRY_SIZE <= len(data):
        kind, length, name_length, name_offset, lowest, reference, instance = layout.LIST_ENTRY.unpack_from(data, offset)
        if length < layout.LIST_ENTRY_SIZE or offset + length > len(data) or name_offset + 2 * name_length > length:
            raise CorruptError(f"the entry at {offset:#x} of its attribute list does not fit")
        name = data[offset + name_offset : offset + name_offset + 2 * name_length].decode("utf-16-le", "surrogatepass")
        yield ListEntry(kind, name, lowest, reference, instance)
        offset += length
