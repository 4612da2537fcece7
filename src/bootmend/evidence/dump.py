"""Crash dumps: why and when Windows stopped, and what was loaded.

The header of a complete, kernel, automatic or small dump (``MEMORY.DMP``, ``Minidump\\*.dmp``): DUMP_HEADER32 of one
page and DUMP_HEADER64 of two, as the debuggers' public headers lay them out (``docs/formats/dumps.md``).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError, place
from bootmend.evidence.times import filetime_text
from bootmend.evidence.triage import Module, Triage, read_triage

if TYPE_CHECKING:
    from bootmend.source import Source

SIGNATURE = b"PAGE"
USER_DUMP = b"MDMP"
UNSET = b"PAGE"
"""Windows fills a header with this before it writes the fields: a field that still holds it was never written."""
TRIAGE_KIND = 4
KINDS = {
    1: "complete",
    2: "kernel",
    3: "header only",
    4: "small",
    5: "complete",
    6: "kernel",
    7: "automatic",
}
"""DumpType; 5 to 7 are the same contents with a bitmap of pages (Windows 8 and later)."""
MACHINES = {0x14C: "x86", 0x8664: "x64", 0xAA64: "ARM64", 0x1C4: "ARM", 0x200: "Itanium"}
ADDRESS_PARAMETER = {
    0x0A: 4,
    0x1E: 2,
    0x3B: 2,
    0x50: 3,
    0x7E: 2,
    0x8E: 2,
    0xC5: 4,
    0xCE: 3,
    0xD1: 4,
    0xD5: 3,
}
"""Which parameter of a stop code is the address of the instruction that failed (bug check code reference)."""
_VARIANT = 0x1000_0000
"""0x1000007E is 0x7E, seen by the dump's writer."""


class _Layout(NamedTuple):
    """Where the fields of one width lie; offsets from the start of the file."""

    bits: int
    size: int
    machine: int
    stop: Struct
    stop_at: int
    exception: int
    exception_address: int
    kind: int
    time: int
    uptime: int

    @property
    def pointer(self) -> int:
        return self.bits // 8


_HEADERS = {
    b"DUMP": _Layout(32, 0x1000, 0x20, Struct("<I4I"), 0x28, 0x7D0, 0x0C, 0xF88, 0xFC0, 0xFB8),
    b"DU64": _Layout(64, 0x2000, 0x30, Struct("<I4x4Q"), 0x38, 0xF00, 0x10, 0xF98, 0xFA8, 0x1030),
}


class Dump(NamedTuple):
    """What a dump says.

    ``stop_code`` and the four ``parameters`` are numbers, ``time`` is a FILETIME (0 where not written), ``uptime`` in units of
    100 ns.  ``address`` is that of the instruction that failed, 0 where the stop code names none.  ``modules`` is what
    was loaded, as a small dump lists it; ``truncated`` says that the list is not whole.  ``module`` is the one that holds
    ``address``, ``blamed`` the driver that Windows itself named; both "" where nobody can tell.
    """

    bits: int
    kind: str
    machine: str
    build: int
    processors: int
    stop_code: int
    parameters: tuple[int, ...]
    time: int
    uptime: int
    address: int
    module: str
    blamed: str
    modules: tuple[Module, ...]
    truncated: bool

    def to_json(self) -> dict[str, object]:
        """The JSON form; numbers that are codes or addresses as hexadecimal text."""
        width = self.bits // 4
        return {
            "kind": self.kind,
            "bits": self.bits,
            "machine": self.machine,
            "build": self.build,
            "processors": self.processors,
            "stop_code": f"0x{self.stop_code:08X}",
            "parameters": [f"0x{one:0{width}X}" for one in self.parameters],
            "time": filetime_text(self.time),
            "uptime_seconds": self.uptime // 10_000_000,
            "address": f"0x{self.address:0{width}X}" if self.address else "",
            "module": self.module,
            "blamed": self.blamed,
            "modules": [one.to_json() for one in self.modules],
            "modules_truncated": self.truncated,
        }


def read_dump(source: Source) -> Dump:
    """Read a dump's header, and a small dump's list of modules.

    Raises:
        UnsupportedError: the dump of a program, not of Windows.
        CorruptError: no dump.
        TruncatedError: the file ends within the header.
    """
    with place("header"):
        layout = _layout(source.read_at(0, min(8, source.size)))
        head = source.read_at(0, layout.size)
    code, *parameters = layout.stop.unpack_from(head, layout.stop_at)
    kind = _number(head, layout.kind, 4)
    triage = _triage(source, layout) if kind == TRIAGE_KIND else Triage((), "", truncated=False)
    address = _address(head, layout, code, parameters)
    return Dump(
        bits=layout.bits,
        kind=KINDS.get(kind, f"of kind {kind}"),
        machine=MACHINES.get(_number(head, layout.machine, 4), "unknown"),
        build=_number(head, 0x0C, 4),
        processors=_number(head, layout.machine + 4, 4),
        stop_code=code,
        parameters=tuple(parameters),
        time=_number(head, layout.time, 8),
        uptime=_number(head, layout.uptime, 8),
        address=address,
        module=next((one.name for one in triage.modules if one.holds(address)), ""),
        blamed=triage.blamed,
        modules=triage.modules,
        truncated=triage.truncated,
    )


def _layout(magic: bytes) -> _Layout:
    if magic[:4] == USER_DUMP:
        raise UnsupportedError("this is the dump of a program, not of Windows")
    layout = _HEADERS.get(magic[4:8])
    if magic[:4] != SIGNATURE or layout is None:
        raise CorruptError("this is no crash dump: it begins with neither PAGEDUMP nor PAGEDU64")
    return layout


def _triage(source: Source, layout: _Layout) -> Triage:
    """The module list; a small dump that was cut off still has a header worth telling."""
    try:
        return read_triage(source, layout.size, layout.bits)
    except (CorruptError, TruncatedError):
        return Triage((), "", truncated=True)


def _number(head: bytes, offset: int, size: int) -> int:
    """A field; 0 where it was never written."""
    field = head[offset : offset + size]
    return 0 if field == UNSET * (size // 4) else int.from_bytes(field, "little")


def _address(head: bytes, layout: _Layout, code: int, parameters: list[int]) -> int:
    """The address of the instruction that failed: by the stop code's own parameter, else by the exception record."""
    parameter = ADDRESS_PARAMETER.get(code & ~_VARIANT)
    if parameter is not None:
        return parameters[parameter - 1]
    if not _number(head, layout.exception, 4):
        return 0
    return _number(head, layout.exception + layout.exception_address, layout.pointer)
