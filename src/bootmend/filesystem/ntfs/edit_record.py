"""A file record that can be changed: its attributes as a list, put together again."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, RefusedError
from bootmend.filesystem.ntfs import layout
from bootmend.filesystem.ntfs.runs import encode_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.filesystem.ntfs.attribute import Attribute
    from bootmend.filesystem.ntfs.record import FileRecord
    from bootmend.filesystem.ntfs.runs import Run

SEQUENCE_AT, LINKS_AT, FIRST_AT, FLAGS_AT, USED_AT, NEXT_INSTANCE_AT, NUMBER_AT = 0x10, 0x12, 0x14, 0x16, 0x18, 0x28, 0x2C
ARRAY_AT = 0x30
"""Where the update sequence array lies in a record of NTFS 3.1; before it the record's own number."""
FRESH = Struct("<4sHHQHHHHIIQHHI")
RESIDENT_HEAD = Struct("<IIBBHHHIHBx")
"""type, length, 0, name length, name offset, flags, instance, value length, value offset, indexed"""
MAPPED_HEAD = Struct("<IIBBHHHQQHHIQQQ")
END = b"\xff\xff\xff\xff\0\0\0\0"


def aligned(length: int) -> int:
    """The next multiple of eight."""
    return -(-length // 8) * 8


def fresh_record(number: int, size: int, sequence: int, flags: int = 0) -> bytearray:
    """An empty file record of ``size`` bytes, unguarded, that belongs to nothing unless ``flags`` say so."""
    words = size // layout.STRIDE + 1
    first = aligned(ARRAY_AT + 2 * words)
    head = FRESH.pack(layout.FILE_MAGIC, ARRAY_AT, words, 0, sequence, 0, first, flags, first + len(END), size, 0, 0, 0, number)
    record = bytearray(size)
    record[: len(head)] = head
    record[first : first + len(END)] = END
    return record


def resident(kind: int, value: bytes, name: str = "", *, indexed: bool = False) -> bytes:
    """A resident attribute; its instance is given when it is put into a record."""
    units = name.encode("utf-16-le")
    start = aligned(RESIDENT_HEAD.size + len(units))
    length = aligned(start + len(value))
    head = RESIDENT_HEAD.pack(kind, length, 0, len(name), RESIDENT_HEAD.size, 0, 0, len(value), start, indexed)
    return ((head + units).ljust(start, b"\0") + value).ljust(length, b"\0")


def mapped(kind: int, runs: Sequence[Run], size: int, cluster: int, name: str = "") -> bytes:
    """A non-resident attribute of ``size`` bytes, all of them valid."""
    units, packed = name.encode("utf-16-le"), encode_runs(runs)
    start = aligned(MAPPED_HEAD.size + len(units))
    length = aligned(start + len(packed))
    clusters = sum(run.clusters for run in runs)
    allocated = clusters * cluster
    head = MAPPED_HEAD.pack(
        kind, length, 1, len(name), MAPPED_HEAD.size, 0, 0, 0, clusters - 1, start, 0, 0, allocated, size, size
    )
    return ((head + units).ljust(start, b"\0") + packed).ljust(length, b"\0")


class RecordEditor:
    """The attributes of one record.

    ``flags``, ``sequence`` and ``links`` may be set; :meth:`assemble` gives the new record, unguarded.
    """

    def __init__(self, data: bytes | bytearray, attributes: Sequence[Attribute]) -> None:
        self._data = bytes(data)
        self.sequence: int
        self.links: int
        self._first: int
        self.flags: int
        self.sequence, self.links, self._first, self.flags, *_ = layout.RECORD_HEAD.unpack_from(self._data)
        self._parts: list[tuple[int, str, bytes]] = [
            (one.type, one.name, self._data[one.offset : one.offset + one.length]) for one in attributes
        ]
        self._next = int.from_bytes(self._data[NEXT_INSTANCE_AT : NEXT_INSTANCE_AT + 2], "little")

    @classmethod
    def of(cls, record: FileRecord) -> RecordEditor:
        """The editor of a record that was read."""
        return cls(record.data, record.attributes)

    @property
    def room(self) -> int:
        """How many bytes more the attributes may have."""
        return len(self._data) - self._first - sum(len(raw) for *_, raw in self._parts) - len(END)

    def get(self, kind: int, name: str = "") -> bytes | None:
        """The raw bytes of the first attribute of that type and name."""
        return next((raw for one, own, raw in self._parts if (one, own) == (kind, name)), None)

    def put(self, kind: int, raw: bytes, name: str = "") -> None:
        """Replace the attribute of that type and name, or add it in its place in the order."""
        index = next((index for index, (one, own, _) in enumerate(self._parts) if (one, own) == (kind, name)), None)
        if index is None:
            self.add(kind, raw, name)
        else:
            instance = self._parts[index][2][14:16]
            self._parts[index] = (kind, name, raw[:14] + instance + raw[16:])

    def add(self, kind: int, raw: bytes, name: str = "") -> None:
        """Add an attribute, though there may be one of that type and name: after those of its type."""
        instance = self._next.to_bytes(2, "little")
        self._next += 1
        index = sum((one, own.upper()) <= (kind, name.upper()) for one, own, _ in self._parts)
        self._parts.insert(index, (kind, name, raw[:14] + instance + raw[16:]))

    def drop(self, raw: bytes) -> None:
        """Take away the attribute with just these bytes."""
        self._parts = [part for part in self._parts if part[2] != raw]

    def all(self, kind: int) -> list[bytes]:
        """The raw bytes of all attributes of a type."""
        return [raw for one, _, raw in self._parts if one == kind]

    def patch(self, kind: int, at: int, data: bytes) -> None:
        """Overwrite bytes of the value of a resident attribute.

        Raises:
            CorruptError: there is no such attribute, or its value is shorter.
        """
        raw = self.get(kind)
        if raw is None or raw[8] or at + len(data) > len(value_of(raw)):
            raise CorruptError(f"it has no resident attribute of type {kind:#x} that is long enough")
        start = int.from_bytes(raw[20:22], "little") + at
        self.put(kind, raw[:start] + data + raw[start + len(data) :])

    def assemble(self) -> bytearray:
        """The record, unguarded.

        Raises:
            RefusedError: the attributes do not fit into it.
        """
        if self.room < 0:
            raise RefusedError("its file record is full: the change would need a second one")
        record = bytearray(len(self._data))
        record[: self._first] = self._data[: self._first]
        body = b"".join(raw for *_, raw in self._parts) + END
        record[self._first : self._first + len(body)] = body
        words = {SEQUENCE_AT: self.sequence, LINKS_AT: self.links, FLAGS_AT: self.flags, NEXT_INSTANCE_AT: self._next}
        for at, number in words.items():
            record[at : at + 2] = number.to_bytes(2, "little")
        record[USED_AT : USED_AT + 4] = (self._first + len(body)).to_bytes(4, "little")
        return record


def value_of(raw: bytes) -> bytes:
    """The value of a resident attribute given as its raw bytes."""
    length, start = layout.RESIDENT.unpack_from(raw)
    return raw[start : start + length]
