"""Whatever the bytes are: an answer or one of our errors."""

from __future__ import annotations

import random
from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import BootmendError
from bootmend.evidence.boot_status import parse_boot_status
from bootmend.evidence.boots import read_history
from bootmend.evidence.drive_letters import parse_device
from bootmend.evidence.dump import read_dump
from bootmend.evidence.logs import cbs_errors, driver_errors, without_secrets
from bootmend.evidence.pe import read_program
from bootmend.evidence.pe_version import parse_version
from bootmend.evidence.startup_repair import parse_startup_repair
from bootmend.evidence.text import decode, tail
from bootmend.source import MemorySource
from tests.evidence.dumps import small_dump
from tests.evidence.event_logs import KERNEL_GENERAL, KERNEL_POWER, Happened, event_log
from tests.evidence.programs import program, version_block
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = version_block((1, 2, 3, 4), {"CompanyName": "Contoso"})
ODD = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)


def damaged(data: bytes, areas: list[tuple[int, int]], cases: int) -> Iterator[bytes]:
    """The bytes with some changed in the areas, and sometimes cut off."""
    chance = random.Random(7)
    for _ in range(fuzz_cases(cases)):
        made = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            start, end = chance.choice(areas)
            made[chance.randrange(start, end)] = chance.choice((*ODD, chance.randrange(256)))
        yield bytes(made[: chance.randrange(len(made))] if chance.random() < 0.1 else made)


def survive(read: Callable[[], object]) -> None:
    """Only our errors may come out."""
    try:
        read()
    except BootmendError:
        return


def test_dumps() -> None:
    for bits, start in ((64, 0x2000), (32, 0x1000)):
        whole = small_dump(bits, parameters=(1, 2, 3, 4), blamed=1)
        for data in damaged(whole, [(0, 0x60), (start, start + 0x48), (start + 0x100, len(whole))], 300):
            survive(lambda data=data: read_dump(MemorySource(data)).to_json())  # type: ignore[misc]


def test_programs() -> None:
    for plus in (True, False):
        whole = program(version=VERSION, signature=16, plus=plus)
        for data in damaged(whole, [(0x3C, 0x40), (0x80, 0x1F0), (0x400, 0x440), (0x800, 0x800 + 88 + len(VERSION))], 400):
            survive(lambda data=data: read_program(MemorySource(data), checksum=True).to_json())  # type: ignore[misc]


def test_event_logs() -> None:
    pytest.importorskip("evtx")
    events = [
        Happened(1_700_000_000, KERNEL_GENERAL, 12),
        Happened(1_700_000_100, KERNEL_GENERAL, 12),
        Happened(1_700_000_101, KERNEL_POWER, 41, {"BugcheckCode": "209", "BugcheckParameter1": "0x28"}),
    ]
    whole = event_log(events)
    for data in damaged(whole, [(0, 0x30), (4096, 4096 + 512), (4096 + 512, 4096 + 4096)], 300):
        survive(lambda data=data: read_history(MemorySource(data)).to_json())  # type: ignore[misc]


@settings(max_examples=fuzz_cases(150), deadline=None)
@given(st.binary(max_size=600))
def test_anything(data: bytes) -> None:
    source = MemorySource(data)
    readers: list[Callable[[], object]] = [
        lambda: read_dump(source),
        lambda: read_program(source, checksum=True),
        lambda: parse_version(data),
        lambda: parse_boot_status(data),
        lambda: parse_startup_repair(data).to_json(),
        lambda: parse_device("C:", data),
        lambda: tail(source, 100),
        lambda: without_secrets(decode(data)),
        lambda: cbs_errors(decode(data)) + driver_errors(decode(data)),
        lambda: read_dump(MemorySource(b"PAGEDU64" + data * 20)),
        lambda: read_program(MemorySource(b"MZ".ljust(0x3C, b"\0") + pack("<I", 0x40) + b"PE\0\0" + data)),
    ]
    for read in readers:
        survive(read)


def test_long_lines_are_searched_in_no_time() -> None:
    for text in ("a" * 200_000, "password" * 20_000, "<Password>" * 20_000, "-".join(["ABCDE"] * 30_000), "= " * 100_000):
        without_secrets(text)
        parse_startup_repair(text.encode())
