"""Programs and drivers: what their own headers say of them (PE/COFF, Microsoft's "PE Format" specification)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, place
from bootmend.evidence.pe_version import NO_VERSION, Version, read_version
from bootmend.evidence.times import unix_text

if TYPE_CHECKING:
    from bootmend.source import Source

_COFF = Struct("<HHI8xHH")
_OPTIONAL = {0x10B: 96, 0x20B: 112}
"""Magic of PE32 and PE32+, and where their data directories begin within the optional header."""
_SECTION = Struct("<8s4I12xI")
_CHECKSUM_AT = 64
_SUBSYSTEM_AT = 68
_IMPORTS, _RESOURCES, _SECURITY = 1, 2, 4
_IMPORT = Struct("<12xII")
MOST_SECTIONS = 96
"""The specification's limit; the loader of Windows keeps it."""
MOST_IMPORTS = 512
LARGEST = 512 << 20
CHUNK = 1 << 20
MACHINES = {0x14C: "x86", 0x8664: "x64", 0xAA64: "ARM64", 0x1C0: "ARM", 0x1C4: "ARM", 0x200: "Itanium", 0xEBC: "EFI byte code"}
SUBSYSTEMS = {
    1: "native",
    2: "Windows",
    3: "console",
    10: "EFI application",
    11: "EFI boot driver",
    12: "EFI driver",
    16: "boot application",
}
KERNEL = frozenset(
    {"ntoskrnl.exe", "hal.dll", "ndis.sys", "bootvid.dll", "kdcom.dll", "wdfldr.sys", "storport.sys", "scsiport.sys"}
)
"""Modules that only run in the kernel: a native program that imports from one is a driver."""


class Directory(NamedTuple):
    """An entry of the data directories: an address within the image (of the security directory: of the file), and bytes."""

    address: int
    size: int


class Section(NamedTuple):
    """A section: where it lies in the image and in the file."""

    name: str
    size: int
    address: int
    raw_size: int
    raw: int
    flags: int


class Program(NamedTuple):
    """What a PE file says of itself.

    ``time`` is seconds since 1970 (reproducible builds, as those of Windows, keep a hash there), ``checksum`` the stored one,
    ``computed`` what it should be (None where the file was not read whole).  ``signed`` says that there is a signature in
    the file; it is not verified, and Windows also knows signatures in catalogues.
    """

    machine: str
    subsystem: str
    time: int
    size: int
    checksum: int
    computed: int | None
    signed: bool
    driver: bool
    imports: tuple[str, ...]
    version: Version

    @property
    def checksum_fault(self) -> bool:
        """Whether the file is not what its maker wrote; a stored checksum of 0 says nothing."""
        return self.computed is not None and self.checksum not in {0, self.computed}

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "machine": self.machine,
            "subsystem": self.subsystem,
            "time": unix_text(self.time),
            "size": self.size,
            "checksum": f"0x{self.checksum:08X}",
            "computed_checksum": None if self.computed is None else f"0x{self.computed:08X}",
            "signed": self.signed,
            "driver": self.driver,
            **self.version.to_json(),
        }


class _Headers(NamedTuple):
    machine: int
    time: int
    optional: int
    subsystem: int
    checksum: int
    directories: tuple[Directory, ...]
    sections: tuple[Section, ...]

    def directory(self, number: int) -> Directory:
        return self.directories[number] if number < len(self.directories) else Directory(0, 0)

    def offset(self, address: int) -> int:
        """Where an address of the image lies in the file.

        Raises:
            CorruptError: in no section.
        """
        for section in self.sections:
            if section.address <= address < section.address + max(section.raw_size, section.size):
                return section.raw + address - section.address
        raise CorruptError(f"the address {address:#x} lies in no section")


def read_program(source: Source, *, checksum: bool = False) -> Program:
    """Read the headers; with ``checksum`` also the whole file.

    A version resource or list of imports that cannot be read is left out.

    Raises:
        CorruptError: no program.
        TruncatedError: the file ends within the headers.
    """
    headers = _headers(source)
    imports = _imports(source, headers)
    security = headers.directory(_SECURITY)
    subsystem = SUBSYSTEMS.get(headers.subsystem, f"subsystem {headers.subsystem}")
    return Program(
        machine=MACHINES.get(headers.machine, f"machine {headers.machine:#x}"),
        subsystem=subsystem,
        time=headers.time,
        size=source.size,
        checksum=headers.checksum,
        computed=compute_checksum(source, headers.optional + _CHECKSUM_AT) if checksum else None,
        signed=bool(security.address and security.size) and security.address + security.size <= source.size,
        driver=subsystem == "native" and bool(KERNEL.intersection(imports)),
        imports=imports,
        version=_version(source, headers),
    )


def _headers(source: Source) -> _Headers:
    with place("PE header"):
        if source.read_at(0, min(2, source.size)) != b"MZ":
            raise CorruptError("this is no program: it does not begin with MZ")
        start = int.from_bytes(source.read_at(0x3C, 4), "little")
        if source.read_at(start, 4) != b"PE\0\0":
            raise CorruptError("this is no program of Windows: it has no PE header")
        machine, count, time, length, _flags = _COFF.unpack(source.read_at(start + 4, _COFF.size))
        optional = start + 4 + _COFF.size
        head = source.read_at(optional, length)
        base = _OPTIONAL.get(int.from_bytes(head[:2], "little"))
        if base is None or length < base:
            raise CorruptError("its optional header is of no known kind")
        if count > MOST_SECTIONS:
            raise CorruptError(f"it has {count} sections, more than there can be")
        return _Headers(
            machine,
            time,
            optional,
            int.from_bytes(head[_SUBSYSTEM_AT : _SUBSYSTEM_AT + 2], "little"),
            int.from_bytes(head[_CHECKSUM_AT : _CHECKSUM_AT + 4], "little"),
            _directories(head, base),
            _sections(source.read_at(optional + length, count * 40)),
        )


def _directories(head: bytes, base: int) -> tuple[Directory, ...]:
    count = min(int.from_bytes(head[base - 4 : base], "little"), 16, (len(head) - base) // 8)
    return tuple(Directory(*Struct("<II").unpack_from(head, base + 8 * number)) for number in range(count))


def _sections(table: bytes) -> tuple[Section, ...]:
    rows = (_SECTION.unpack_from(table, offset) for offset in range(0, len(table), 40))
    return tuple(Section(name.rstrip(b"\0").decode("latin-1"), *row) for name, *row in rows)


def _version(source: Source, headers: _Headers) -> Version:
    resources = headers.directory(_RESOURCES)
    if not resources.address:
        return NO_VERSION
    try:
        return read_version(source, headers.offset(resources.address), headers.offset)
    except (CorruptError, TruncatedError):
        return NO_VERSION


def _imports(source: Source, headers: _Headers) -> tuple[str, ...]:
    """The names of the modules it imports from, in lower case, as far as they can be read."""
    table = headers.directory(_IMPORTS)
    names: list[str] = []
    try:
        offset = headers.offset(table.address) if table.address else 0
        while table.address and len(names) < MOST_IMPORTS:
            name, first_thunk = _IMPORT.unpack(source.read_at(offset, _IMPORT.size))
            if not name or not first_thunk:
                break
            start = headers.offset(name)
            text = source.read_at(start, min(64, source.size - start))
            names.append(text.split(b"\0", 1)[0].decode("latin-1").lower())
            offset += _IMPORT.size
    except (CorruptError, TruncatedError):
        return tuple(names)
    return tuple(names)


def compute_checksum(source: Source, field: int) -> int:
    """The checksum as ``CheckSumMappedFile`` computes it; ``field`` is where the stored one lies.

    The sum of all 16-bit words with the carry added back, the stored checksum counted as zeros, plus the length of the file.
    Adding the carry back is counting modulo 0xFFFF, in which a sum that is not nothing never becomes 0.

    Raises:
        CorruptError: the file is larger than any program.
    """
    size = source.size
    if size > LARGEST:
        raise CorruptError(f"a program of {size} bytes cannot be")
    total, nothing = 0, True
    for start in range(0, size, CHUNK):
        chunk = bytearray(source.read_at(start, min(CHUNK, size - start)))
        for position in range(max(field, start), min(field + 4, start + len(chunk))):
            chunk[position - start] = 0
        nothing = nothing and not any(chunk)
        total += int.from_bytes(chunk, "little") % 0xFFFF
    folded = total % 0xFFFF or (0 if nothing else 0xFFFF)
    return (folded + size) & 0xFFFF_FFFF
