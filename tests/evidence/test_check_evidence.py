"""``bootmend check --evidence``: what the machine recorded, in every format; and what is not there is not invented."""

from __future__ import annotations

import re
import sys
from struct import pack
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.collect import collect
from bootmend.engine.evidence import gather
from bootmend.evidence.pe import compute_checksum
from bootmend.machine import Machine
from bootmend.source import MemorySource
from tests.cli.schema_check import validate, validator
from tests.evidence.hives import hive_bytes
from tests.evidence.programs import program, version_block

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

pytest.importorskip("evtx")
STOP = "0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL (0x28, 0x2, 0x0, 0xFFFFF80214561234), in badnet.sys, 2024-01-15T11:00:00Z"
FACTS = (
    STOP,
    "2023-11-14T22:13:20Z, ended with a stop screen 0x7B",
    "2023-11-14T22:15:00Z, no end is recorded",
    "Boot critical file c:\\windows\\system32\\drivers\\vsock.sys is corrupt.",
    "SetupExecute: C:\\Windows\\System32\\poqexec.exe",
    "badnet: Contoso 2.1.0.7",
    "10.0.17763.1, x64",
    "the last start did not succeed, and was not shut down in order",
    "C: on another disk",
)


def test_people_read_what_was_recorded(bootmend: Bootmend, folder: Path) -> None:
    told = bootmend("check", folder, "--evidence").out
    for fact in FACTS:
        assert fact in told, fact
    assert "Evidence" not in bootmend("check", folder).out


@pytest.mark.parametrize("form", ["md", "html"])
def test_tickets_and_pages_say_the_same(bootmend: Bootmend, folder: Path, form: str) -> None:
    told = bootmend("check", folder, "--evidence", "--format", form).out
    plain = re.sub(r"<[^>]+>", "", told).replace("&#x27;", "'")
    for fact in FACTS:
        assert fact in plain.replace("\\_", "_").replace("\\\\", "\\").replace("\\.", "."), fact


def test_programs_read_the_same(bootmend: Bootmend, folder: Path) -> None:
    report = validate(bootmend("check", folder, "--evidence", "--format", "json").json, "report")
    told = report["evidence"]
    validator("evidence").validate({"schema": "bootmend.evidence/1", "version": "0", **told})
    (windows,) = told["windows"]
    assert windows["last_stop"]["stop_code"] == "0x000000D1"
    assert windows["last_stop"]["module"] == "badnet.sys"
    assert {one["stop_code"] for one in windows["dumps"]} == {"0x000000D1", "0x0000007E"}
    assert [one["end"] for one in windows["event_log"]["boots"]] == ["not recorded", "stop"]
    assert windows["boot_status"]["attempts"] == 2
    assert [one["where"] for one in windows["servicing_files"]] == ["volume 1 \\Windows\\WinSxS\\pending.xml"]
    assert [one["service"] for one in told["boot_files"]] == ["", "badnet"]
    assert told["gaps"] == []
    assert "evidence" not in bootmend("check", folder, "--format", "json").json


@pytest.mark.parametrize(("generation", "letter", "readable"), [(1, "volume 2", ["1", "2"]), (2, "volume 3", ["1", "3"])])
def test_a_healthy_disk_has_little_to_tell(
    bootmend: Bootmend, disk: MakeDisk, generation: int, letter: str, readable: list[str]
) -> None:
    path = disk("healthy", gen=generation)
    told = bootmend("check", path, "--evidence", "--format", "json", expect=0).json["evidence"]
    (windows,) = told["windows"]
    assert windows["last_stop"] is None
    assert (windows["dumps"], windows["event_log"], windows["startup_repair"]) == ([], None, None)
    assert windows["servicing"]["marks"] == []
    assert windows["drive_letters"][0]["volume"] == letter
    assert [one["where"].removeprefix("volume ") for one in told["volumes"]][:2] == readable
    assert all(0 < one["free_bytes"] < one["size_bytes"] for one in told["volumes"])
    assert told["gaps"] == []


def test_what_cannot_be_read_is_a_gap_and_hides_nothing_else(bootmend: Bootmend, folder: Path) -> None:
    (folder / "Windows/MEMORY.DMP").write_bytes(b"no dump")
    (folder / "Windows/System32/winevt/Logs/System.evtx").write_bytes(bytes(8192))
    told = bootmend("check", folder, "--evidence", "--format", "json").json["evidence"]
    assert {one["what"] for one in told["gaps"]} == {
        "volume 1 \\Windows\\MEMORY.DMP",
        "volume 1 \\Windows\\System32\\winevt\\Logs\\System.evtx",
    }
    assert told["windows"][0]["last_stop"]["stop_code"] == "0x0000007E"


def test_a_broken_system_hive_hides_no_other(bootmend: Bootmend, folder: Path) -> None:
    (folder / "Windows/System32/config/SYSTEM").write_bytes(b"regf" + bytes(5000))
    pending = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"
    (folder / "Windows/System32/config/SOFTWARE").write_bytes(hive_bytes([(pending, "", 0, b"")]))
    (windows,) = bootmend("check", folder, "--evidence", "--format", "json").json["evidence"]["windows"]
    assert [one["path"] for one in windows["servicing"]["marks"]] == [pending]
    assert windows["last_stop"]["module"] == "badnet.sys"


def test_a_damaged_program_is_named_where_programs_are_read_whole(bootmend: Bootmend, folder: Path) -> None:
    driver = folder / "Windows/System32/drivers/badnet.sys"
    data = program(version=version_block((2, 1, 0, 7), {"CompanyName": "Contoso"}), checksum=0x1234)
    driver.write_bytes(data)
    assert "its checksum is not the one" in bootmend("check", folder, "--deep").out
    assert "its checksum is not the one" not in bootmend("check", folder, "--evidence").out
    right = compute_checksum(MemorySource(data), data.index(pack("<I", 0x1234)))
    driver.write_bytes(data.replace(pack("<I", 0x1234), pack("<I", right), 1))
    assert "its checksum is not the one" not in bootmend("check", folder, "--deep").out


def test_a_log_that_is_too_large_is_a_gap(bootmend: Bootmend, folder: Path) -> None:
    with (folder / "Windows/System32/LogFiles/Srt/SrtTrail.txt").open("ab") as file:
        file.truncate(5 << 20)
    told = bootmend("check", folder, "--evidence", "--format", "json").json["evidence"]
    assert [one["what"] for one in told["gaps"]] == ["volume 1 \\Windows\\System32\\LogFiles\\Srt\\SrtTrail.txt"]


def test_a_disk_without_a_layout_has_one_gap() -> None:
    machine = Machine(MemorySource(bytes(1 << 20)))
    assert [what for what, _reason in gather(machine).gaps] == ["volumes"]
    bundle = collect(machine, {})
    assert (bundle.taken, bundle.left_out[-1].where) == ([], "volumes")


def test_a_missing_library_is_named(bootmend: Bootmend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evtx", None)
    told = bootmend("check", folder, "--evidence").out
    assert "pip install 'bootmend[evidence]'" in told
    assert STOP in told


def test_a_plain_look_loads_none_of_it(bootmend: Bootmend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("bootmend.evidence", "bootmend.engine.evidence", "evtx"))]:
        monkeypatch.delitem(sys.modules, name)
    bootmend("check", folder)
    assert not [name for name in sys.modules if name.startswith(("bootmend.evidence", "bootmend.engine.evidence", "evtx"))]
