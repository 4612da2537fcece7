"""Crash dumps, against the structures of the public headers and against ``file``."""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import CorruptError, ReadError, TruncatedError, UnsupportedError
from bootmend.evidence.dump import read_dump
from bootmend.evidence.times import filetime_text
from bootmend.source import MemorySource
from tests.evidence.dumps import DRIVERS, Header32, Header64, header, small_dump
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

WIDTHS = pytest.mark.parametrize("bits", [32, 64])
PARAMETERS = {32: (0x28, 2, 0, 0x8F001234), 64: (0x28, 2, 0, 0xFFFFF80214561234)}


def test_the_structures_have_the_sizes_and_places_that_the_debuggers_know() -> None:
    assert (ctypes.sizeof(Header32), ctypes.sizeof(Header64)) == (0x1000, 0x2000)
    assert (Header32.context.offset, Header32.exception.offset) == (200 * 4, 500 * 4)
    assert (Header32.kind.offset, Header32.space.offset, Header32.time.offset) == (994 * 4, 1000 * 4, 1008 * 4)
    assert (Header64.kind.offset, Header64.time.offset) == (0xF98, 0xFA8)


@WIDTHS
def test_a_small_dump_says_what_failed_and_where(bits: int) -> None:
    dump = read_dump(MemorySource(small_dump(bits, parameters=PARAMETERS[bits])))
    assert (dump.bits, dump.kind, dump.build, dump.processors) == (bits, "small", 17763, 4)
    assert dump.machine == {32: "x86", 64: "x64"}[bits]
    assert (dump.stop_code, dump.parameters) == (0xD1, PARAMETERS[bits])
    assert filetime_text(dump.time) == "2024-01-15T11:00:00Z"
    assert dump.uptime == 90 * 10_000_000
    assert [(one.base, one.size) for one in dump.modules] == [(one.base, one.size) for one in DRIVERS[bits]]
    assert [one.name for one in dump.modules] == [one.path.rpartition("\\")[2] for one in DRIVERS[bits]]
    assert (dump.address, dump.module) == (PARAMETERS[bits][3], "badnet.sys")
    assert dump.blamed == ""
    assert dump.truncated is False


@WIDTHS
def test_the_driver_that_windows_named(bits: int) -> None:
    assert read_dump(MemorySource(small_dump(bits, blamed=1, parameters=PARAMETERS[bits]))).blamed == "badnet.sys"


def test_a_list_that_did_not_fit_is_said() -> None:
    assert read_dump(MemorySource(small_dump(options=0x100))).truncated is True


@pytest.mark.parametrize(("stop", "which"), [(0x0A, 3), (0x1E, 1), (0x3B, 1), (0x50, 2), (0x7E, 1), (0x1000007E, 1), (0xD1, 3)])
def test_the_parameter_that_is_the_address_is_the_stop_codes_own(stop: int, which: int) -> None:
    parameters = tuple(0xFFFFF80214560010 if number == which else 0 for number in range(4))
    dump = read_dump(MemorySource(small_dump(stop=stop, parameters=parameters)))
    assert (dump.address, dump.module) == (0xFFFFF80214560010, "badnet.sys")


def test_without_such_a_parameter_the_exception_record_tells() -> None:
    made = header(64, stop=0x139, parameters=(3, 0, 0, 0))
    made.exception.code, made.exception.address = 0xC0000409, 0xFFFFF80214600004
    data = bytes(made) + small_dump()[0x2000:]
    assert read_dump(MemorySource(data)).module == "ndis.sys"
    made.exception.code = 0
    assert read_dump(MemorySource(bytes(made) + small_dump()[0x2000:])).address == 0


def test_an_address_in_no_module_names_none() -> None:
    assert read_dump(MemorySource(small_dump(parameters=(0, 0, 0, 0x7FF612340000)))).module == ""


@pytest.mark.parametrize(
    ("kind", "word"), [(1, "complete"), (2, "kernel"), (5, "complete"), (6, "kernel"), (7, "automatic"), (9, "of kind 9")]
)
def test_only_a_small_dump_has_a_list(kind: int, word: str) -> None:
    dump = read_dump(MemorySource(bytes(header(64, stop=0x7B, parameters=(1, 2, 3, 4), kind=kind))))
    assert (dump.kind, dump.modules, dump.stop_code) == (word, (), 0x7B)


def test_a_field_that_was_never_written_is_nothing() -> None:
    made = header(64, stop=0x7B, parameters=(0, 0, 0, 0), kind=1)
    made.time = int.from_bytes(b"PAGEPAGE", "little")
    assert read_dump(MemorySource(bytes(made))).time == 0


def test_a_small_dump_that_was_cut_off_still_has_its_header() -> None:
    whole = small_dump()
    for length in (0x2000, 0x2080, len(whole) - 1):
        dump = read_dump(MemorySource(whole[:length]))
        assert (dump.stop_code, dump.modules, dump.truncated) == (0xD1, (), True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", CorruptError),
        (b"PAGE", CorruptError),
        (b"MDMP\x93\xa7" + bytes(100), UnsupportedError),
        (b"PAGEDU64", TruncatedError),
        (bytes(0x3000), CorruptError),
    ],
)
def test_what_is_no_dump(data: bytes, error: type[ReadError]) -> None:
    with pytest.raises(error):
        read_dump(MemorySource(data))


@pytest.mark.oracle
def test_file_agrees_about_width_and_kind(tmp_path: Path) -> None:
    needs("file")
    for bits, kind in ((64, 1), (64, 2), (32, 1), (32, 2)):
        path = tmp_path / f"{bits}-{kind}.dmp"
        path.write_bytes(bytes(header(bits, stop=0x7B, parameters=(0, 0, 0, 0), kind=kind)))
        told = subprocess.run(["file", "-b", str(path)], capture_output=True, text=True, check=True).stdout
        dump = read_dump(MemorySource(path.read_bytes()))
        assert f"{bits}bit crash dump" in told
        assert {"complete": "full dump", "kernel": "kernel dump"}[dump.kind] in told, told
