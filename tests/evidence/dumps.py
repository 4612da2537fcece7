"""Small dumps, written by the structures of the public headers: ctypes lays the fields out, not the reader under test."""

from __future__ import annotations

import ctypes
from ctypes import c_char, c_uint8, c_uint16, c_uint32, c_uint64
from typing import NamedTuple

FILETIME = 133_497_900_000_000_000
"""2024-01-15T11:00:00Z."""
STRIDE = {32: 0x4C, 64: 0x90}
"""Lengths of a list entry that were measured on real dumps: Windows XP (32 bits) and Windows 11 24H2 (64 bits)."""


class ExceptionRecord64(ctypes.Structure):
    _fields_ = [
        ("code", c_uint32),
        ("flags", c_uint32),
        ("record", c_uint64),
        ("address", c_uint64),
        ("count", c_uint32),
        ("unused", c_uint32),
        ("information", c_uint64 * 15),
    ]


class ExceptionRecord32(ctypes.Structure):
    _fields_ = [
        ("code", c_uint32),
        ("flags", c_uint32),
        ("record", c_uint32),
        ("address", c_uint32),
        ("count", c_uint32),
        ("information", c_uint32 * 15),
    ]


class Memory64(ctypes.Union):
    _fields_ = [("descriptor", c_uint64 * 2), ("buffer", c_uint8 * 700)]


class Header64(ctypes.Structure):
    """DUMP_HEADER64."""

    _fields_ = [
        ("signature", c_char * 4),
        ("valid", c_char * 4),
        ("major", c_uint32),
        ("minor", c_uint32),
        ("directory_table", c_uint64),
        ("pfn", c_uint64),
        ("loaded_modules", c_uint64),
        ("processes", c_uint64),
        ("machine", c_uint32),
        ("processors", c_uint32),
        ("stop_code", c_uint32),
        ("parameters", c_uint64 * 4),
        ("version", c_char * 32),
        ("debugger", c_uint64),
        ("memory", Memory64),
        ("context", c_uint8 * 3000),
        ("exception", ExceptionRecord64),
        ("kind", c_uint32),
        ("space", c_uint64),
        ("time", c_uint64),
        ("comment", c_char * 128),
        ("uptime", c_uint64),
        ("fields", c_uint32),
        ("secondary", c_uint32),
        ("product", c_uint32),
        ("suite", c_uint32),
        ("writer", c_uint32),
        ("unused", c_uint8 * 4),
        ("reserved", c_uint8 * 4016),
    ]


class Header32(ctypes.Structure):
    """DUMP_HEADER32."""

    _fields_ = [
        ("signature", c_char * 4),
        ("valid", c_char * 4),
        ("major", c_uint32),
        ("minor", c_uint32),
        ("directory_table", c_uint32),
        ("pfn", c_uint32),
        ("loaded_modules", c_uint32),
        ("processes", c_uint32),
        ("machine", c_uint32),
        ("processors", c_uint32),
        ("stop_code", c_uint32),
        ("parameters", c_uint32 * 4),
        ("version", c_char * 32),
        ("pae", c_uint8),
        ("secondary_version", c_uint8),
        ("spare", c_uint16),
        ("debugger", c_uint32),
        ("memory", c_uint8 * 700),
        ("context", c_uint8 * 1200),
        ("exception", ExceptionRecord32),
        ("comment", c_char * 128),
        ("reserved", c_uint8 * 1768),
        ("kind", c_uint32),
        ("fields", c_uint32),
        ("secondary", c_uint32),
        ("product", c_uint32),
        ("suite", c_uint32),
        ("writer", c_uint32),
        ("space", c_uint64),
        ("reserved2", c_uint8 * 16),
        ("uptime", c_uint64),
        ("time", c_uint64),
        ("reserved3", c_uint8 * 56),
    ]


class Triage(ctypes.Structure):
    """The fields that TRIAGE_DUMP32 and TRIAGE_DUMP64 share."""

    _fields_ = [
        (name, c_uint32)
        for name in (
            "service_pack",
            "size",
            "valid",
            "context",
            "exception",
            "mm",
            "unloaded",
            "prcb",
            "process",
            "thread",
            "stack",
            "stack_size",
            "drivers",
            "driver_count",
            "strings",
            "strings_size",
            "broken",
            "options",
        )
    ]


class Driver(NamedTuple):
    """A module of the list."""

    path: str
    base: int
    size: int


class Entry64(ctypes.Structure):
    """DUMP_DRIVER_ENTRY64 with the beginning of KLDR_DATA_TABLE_ENTRY64."""

    _fields_ = [
        ("name", c_uint32),
        ("alignment", c_uint32),
        ("links", c_uint64 * 2),
        ("exceptions", c_uint64),
        ("exceptions_size", c_uint32),
        ("gp", c_uint64),
        ("debug", c_uint64),
        ("base", c_uint64),
        ("entry", c_uint64),
        ("size", c_uint32),
    ]


class Entry32(ctypes.Structure):
    """DUMP_DRIVER_ENTRY32 with the beginning of KLDR_DATA_TABLE_ENTRY32."""

    _fields_ = [
        ("name", c_uint32),
        ("links", c_uint32 * 2),
        ("exceptions", c_uint32),
        ("exceptions_size", c_uint32),
        ("gp", c_uint32),
        ("debug", c_uint32),
        ("base", c_uint32),
        ("entry", c_uint32),
        ("size", c_uint32),
    ]


DRIVERS = {
    64: (
        Driver("\\SystemRoot\\system32\\ntoskrnl.exe", 0xFFFFF80212000000, 0x1046000),
        Driver("\\SystemRoot\\System32\\drivers\\badnet.sys", 0xFFFFF80214560000, 0x21000),
        Driver("\\SystemRoot\\System32\\drivers\\ndis.sys", 0xFFFFF80214600000, 0x180000),
    ),
    32: (
        Driver("ntkrnlpa.exe", 0x82800000, 0x412000),
        Driver("badnet.sys", 0x8F000000, 0x21000),
    ),
}


def header(bits: int, *, stop: int, parameters: tuple[int, ...], kind: int = 4) -> Header32 | Header64:
    """A header as Windows leaves it: filled with PAGE, then the fields written."""
    made = (Header64 if bits == 64 else Header32).from_buffer_copy(b"PAGE" * (0x800 if bits == 64 else 0x400))
    made.valid = b"DU64" if bits == 64 else b"DUMP"
    made.major, made.minor = 15, 17763
    made.machine, made.processors = (0x8664 if bits == 64 else 0x14C), 4
    made.stop_code = stop
    made.parameters[:] = parameters
    made.kind, made.time, made.uptime = kind, FILETIME, 90 * 10_000_000
    made.exception.code = 0
    return made


def small_dump(
    bits: int = 64,
    *,
    stop: int = 0xD1,
    parameters: tuple[int, ...] = (0x28, 2, 0, 0xFFFFF80214561234),
    blamed: int | None = None,
    drivers: tuple[Driver, ...] | None = None,
    options: int = 0,
) -> bytes:
    """A small dump with a list of modules; ``blamed`` is the number of the one that Windows names."""
    drivers = DRIVERS[bits] if drivers is None else drivers
    start = 0x2000 if bits == 64 else 0x1000
    entry_type = Entry64 if bits == 64 else Entry32
    first = start + 0x100
    pool_at = first + STRIDE[bits] * len(drivers)
    entries, pool = b"", b""
    for driver in drivers:
        entry = entry_type(name=pool_at + len(pool), base=driver.base, size=driver.size)
        entries += bytes(entry).ljust(STRIDE[bits], b"\0")
        text = driver.path.encode("utf-16-le")
        record = len(driver.path).to_bytes(4, "little") + text + b"\0\0"
        pool += record.ljust(-(-len(record) // 8) * 8, b"\0")
    end = pool_at + len(pool)
    triage = Triage(
        valid=end,
        drivers=first,
        driver_count=len(drivers),
        strings=pool_at,
        strings_size=len(pool),
        broken=0 if blamed is None else first + blamed * STRIDE[bits],
        options=options,
    )
    head = bytes(header(bits, stop=stop, parameters=parameters))
    return head + bytes(triage).ljust(0x100, b"\0") + entries + pool + b"TRGD"
