"""The list of loaded modules in a small dump: TRIAGE_DUMP32 and TRIAGE_DUMP64, right behind the header.

Both have the same 32-bit fields at the same places; only the entries of the list differ.  An entry is the offset of
its name and a copy of the loader's own record (KLDR_DATA_TABLE_ENTRY), which has grown from version to version: so its
length is measured, from where the list begins to where the names begin, and not assumed.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, place

if TYPE_CHECKING:
    from bootmend.source import Source

_FIELDS = Struct("<8xI36x6I")
VALID = b"TRGD"
"""The end of a small dump that was written whole: TRIAGE_DUMP_VALID, at ``ValidOffset``."""
OVERFLOWED = 0x100
"""TriageOptions: the list did not fit and was cut."""
MOST_MODULES = 4096
LONGEST_NAME = 512
LARGEST_POOL = 4 << 20
LONGEST_ENTRY = 0x400


class _Entry(NamedTuple):
    """Where base and size of the image lie in an entry, and how long the shortest entry known is."""

    pointer: int
    base: int
    size: int
    shortest: int


_ENTRIES = {32: _Entry(4, 0x1C, 0x24, 0x48), 64: _Entry(8, 0x38, 0x48, 0x70)}


class Module(NamedTuple):
    """A loaded driver: its file's name, the address it was loaded at, and its size in bytes."""

    name: str
    base: int
    size: int

    def holds(self, address: int) -> bool:
        """Whether an address lies in it."""
        return self.base <= address < self.base + self.size

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"name": self.name, "base": f"0x{self.base:X}", "size": self.size}


class Triage(NamedTuple):
    """The modules, the driver that Windows blamed ("" for none), and whether the list was cut."""

    modules: tuple[Module, ...]
    blamed: str
    truncated: bool


class _Pool(NamedTuple):
    """The names: a DUMP_STRING is a 32-bit count of UTF-16 units and the units."""

    data: bytes
    offset: int

    def name(self, offset: int) -> str:
        """The last part of the path at an offset of the file; "" where there is none."""
        start = offset - self.offset
        if not 0 <= start <= len(self.data) - 4:
            return ""
        units = int.from_bytes(self.data[start : start + 4], "little")
        if not 0 < units <= LONGEST_NAME:
            return ""
        path = self.data[start + 4 : start + 4 + 2 * units].decode("utf-16-le", "replace").split("\0", 1)[0]
        return path.replace("/", "\\").rpartition("\\")[2]


def read_triage(source: Source, offset: int, bits: int) -> Triage:
    """Read the list of a small dump whose triage part begins at ``offset``.

    Raises:
        CorruptError: a list that cannot be.
        TruncatedError: the file ends before the list does.
    """
    with place("module list"):
        valid, first, count, pool_at, pool_size, blamed_at, options = _FIELDS.unpack(source.read_at(offset, _FIELDS.size))
        if valid + len(VALID) > source.size or source.read_at(valid, len(VALID)) != VALID:
            raise CorruptError("the dump was not written to its end")
        if not 0 < count <= MOST_MODULES or pool_size > LARGEST_POOL:
            raise CorruptError(f"{count} modules with {pool_size} bytes of names cannot be")
        pool = _Pool(source.read_at(pool_at, pool_size), pool_at)
        entry = _ENTRIES[bits]
        stride = _stride(entry, first, count, pool_at)
        data = source.read_at(first, stride * count)
        blamed = pool.name(int.from_bytes(source.read_at(blamed_at, 4), "little")) if blamed_at else ""
        modules = (_module(data, start, entry, pool) for start in range(0, len(data), stride))
        return Triage(tuple(one for one in modules if one.name and one.size), blamed, truncated=bool(options & OVERFLOWED))


def _stride(entry: _Entry, first: int, count: int, pool: int) -> int:
    stride = (pool - first) // count & -entry.pointer
    if not entry.shortest <= stride <= LONGEST_ENTRY:
        raise CorruptError(f"an entry of {stride} bytes cannot be")
    return stride


def _module(data: bytes, start: int, entry: _Entry, pool: _Pool) -> Module:
    def number(offset: int, size: int) -> int:
        return int.from_bytes(data[start + offset : start + offset + size], "little")

    return Module(pool.name(number(0, 4)), number(entry.base, entry.pointer), number(entry.size, 4))
