"""Programs and drivers, against ``pefile`` on real ones and on those of the tests."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bootmend.errors import CorruptError, ReadError, TruncatedError
from bootmend.evidence.pe import compute_checksum, read_program
from bootmend.evidence.pe_version import parse_version
from bootmend.source import MemorySource
from tests.evidence.programs import program, version_block

LARGEST = 130_000
"""pefile takes a second for a program of this size."""
VERSION = version_block((10, 0, 17763, 1), {"CompanyName": "Contoso", "FileDescription": "Net filter", "Comments": "x"})
CASES = {
    "driver": program(version=VERSION, signature=16),
    "32 bits": program(version=VERSION, plus=False, machine=0x14C),
    "no version": program(imports=()),
    "console": program(subsystem=3, imports=("kernel32.dll", "user32.dll")),
    "native program": program(imports=("ntdll.dll",)),
    "odd length": program(version=VERSION, signature=7),
}


@cache
def real_programs() -> list[Path]:
    """Programs, drivers and EFI applications that packages bring: launchers of pip and setuptools, WinDivert, systemd."""
    folders = [Path("/usr/lib/systemd/boot/efi")]
    for package, below in (("pip", "_vendor/distlib"), ("setuptools", "."), ("pydivert", "windivert_dll")):
        spec = find_spec(package)
        folders += [Path(place) / below for place in (spec.submodule_search_locations or ())] if spec else []
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return [path for path in found if path.suffix in {".exe", ".sys", ".dll", ".efi"} and path.stat().st_size < LARGEST]


def test_a_driver() -> None:
    told = read_program(MemorySource(CASES["driver"]))
    assert (told.machine, told.subsystem, told.driver, told.signed) == ("x64", "native", True, True)
    assert (told.version.file, told.version.text("CompanyName")) == ("10.0.17763.1", "Contoso")
    assert told.version.text("Comments") == ""  # not one of those that tell where a file is from
    assert told.imports == ("ntoskrnl.exe",)
    assert told.to_json()["time"] == "2023-11-14T22:13:20Z"  # 1 700 000 000 seconds


def test_what_is_no_driver() -> None:
    assert not read_program(MemorySource(CASES["native program"])).driver
    assert not read_program(MemorySource(CASES["console"])).driver
    assert not read_program(MemorySource(CASES["console"])).signed


def test_a_signature_that_lies_outside_the_file_is_none() -> None:
    assert not read_program(MemorySource(CASES["driver"][:-1])).signed


def test_the_checksum_is_only_computed_where_asked_for() -> None:
    data = MemorySource(CASES["driver"])
    assert read_program(data).computed is None
    right = read_program(data, checksum=True).computed
    assert right is not None
    good = read_program(MemorySource(program(version=VERSION, signature=16, checksum=right)), checksum=True)
    assert (good.checksum, good.computed, good.checksum_fault) == (right, right, False)
    bad = bytearray(program(version=VERSION, signature=16, checksum=right))
    bad[0x500] ^= 1
    assert read_program(MemorySource(bytes(bad)), checksum=True).checksum_fault
    assert not read_program(data, checksum=True).checksum_fault  # a stored 0 says nothing


def test_a_checksum_whose_words_add_up_to_nothing_modulo_ffff() -> None:
    """The carry is added back, so the sum of FFFF is FFFF and not 0."""
    assert compute_checksum(MemorySource(b"\xff\xff" + bytes(6)), 4) == 0xFFFF + 8
    assert compute_checksum(MemorySource(bytes(8)), 4) == 8


def test_a_version_that_cannot_be_read_is_left_out() -> None:
    data = bytearray(CASES["driver"])
    data[0x800 + 14 : 0x800 + 16] = b"\xff\xff"
    assert read_program(MemorySource(bytes(data))).version.file == ""


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", CorruptError),
        (b"MZ", TruncatedError),
        (b"regf" + bytes(200), CorruptError),
        (b"MZ".ljust(0x3C, b"\0") + b"\xff\xff\xff\x7f", TruncatedError),
        (CASES["driver"][:0x100], TruncatedError),
    ],
)
def test_what_is_no_program(data: bytes, error: type[ReadError]) -> None:
    with pytest.raises(error):
        read_program(MemorySource(data))


def test_a_block_that_is_no_version() -> None:
    with pytest.raises(CorruptError):
        parse_version(b"\x10\0\0\0\0\0x\0\0\0")


def compare(data: bytes) -> None:
    """Ours and pefile's."""
    pefile: Any = pytest.importorskip("pefile")
    ours, other = read_program(MemorySource(data), checksum=True), pefile.PE(data=data)
    assert ours.computed == other.generate_checksum()
    assert ours.checksum == other.OPTIONAL_HEADER.CheckSum
    assert ours.time == other.FILE_HEADER.TimeDateStamp
    assert ours.machine == {0x14C: "x86", 0x8664: "x64", 0xAA64: "ARM64"}[other.FILE_HEADER.Machine]
    assert ours.driver == other.is_driver()
    assert ours.signed == bool(other.OPTIONAL_HEADER.DATA_DIRECTORY[4].Size)
    assert list(ours.imports) == [one.dll.decode().lower() for one in getattr(other, "DIRECTORY_ENTRY_IMPORT", [])]
    assert (ours.version.file, ours.version.text("CompanyName")) == _version_of(other)


def _version_of(other: Any) -> tuple[str, str]:
    fixed = next(iter(getattr(other, "VS_FIXEDFILEINFO", [])), None)
    if fixed is None:
        return "", ""
    high, low = fixed.FileVersionMS, fixed.FileVersionLS
    texts: dict[bytes, bytes] = {}
    for block in (one for blocks in getattr(other, "FileInfo", []) for one in blocks):
        for table in getattr(block, "StringTable", []):
            texts |= table.entries
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}", texts.get(b"CompanyName", b"").decode()


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_pefile_reads_the_same_of_ours(name: str) -> None:
    compare(CASES[name])


@pytest.mark.oracle
def test_pefile_reads_the_same_of_real_ones() -> None:
    programs = real_programs()
    if not programs:
        pytest.skip("no package here brings a program for Windows")
    for path in programs:
        compare(path.read_bytes())
    if os.environ.get("BOOTMEND_NO_SKIP"):
        assert {".exe", ".sys", ".dll"} <= {path.suffix for path in programs}


@pytest.mark.oracle
def test_a_real_driver_that_is_signed() -> None:
    path = next((path for path in real_programs() if path.name == "WinDivert64.sys"), None)
    if path is None:
        pytest.skip("pydivert is not installed")
    told = read_program(MemorySource(path.read_bytes()), checksum=True)
    assert (told.driver, told.signed, told.checksum_fault, told.version.text("CompanyName")) == (True, True, False, "Basil")
