"""``bootmend repair``, ``undo`` and ``history``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import LocateDevice
from bootmend.operations import SetElement
from tests.catalog.conftest import edit
from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, LOADER, run_id
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk


@pytest.mark.parametrize("gen", [1, 2])
@pytest.mark.parametrize("form", ["raw", "vhd-dynamic", "vhd-fixed"])
def test_repaired_and_undone(bootmend: Bootmend, disk: MakeDisk, gen: int, form: str) -> None:
    path = disk(gen=gen, form=form)
    before = fingerprint(str(path))
    said = bootmend("repair", path, "--yes", expect=0)
    assert "✓ written, read back, checked again: the fault is gone on the disk. Windows has not been started yet." in said.out
    bootmend("check", path, expect=0)
    again = bootmend("repair", path, "--yes", expect=0)
    assert "Nothing to do" in again.out
    assert f"bootmend undo {run_id(said.out)}" in said.out
    undone = bootmend("undo", run_id(said.out), "--yes", expect=0)
    assert (
        f"{path} is as it was before run {run_id(said.out)} (checksums match). Windows will stop with 0x67 again." in undone.out
    )
    assert fingerprint(str(path)) == before


def test_the_serial_console(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    bootmend("repair", path, "--serial-console", "--yes", expect=0)
    text = bootmend("bcdedit", "/store", path, "/enum", "all", expect=0).out
    settings = {tuple(line.split()) for line in text.splitlines()}
    for setting in (
        ("displaybootmenu", "Yes"),
        ("timeout", "5"),
        ("bootems", "Yes"),
        ("ems", "Yes"),
        ("emsport", "1"),
        ("emsbaudrate", "115200"),
    ):
        assert setting in settings
    assert "imc" not in text


def test_a_copy_is_repaired_and_the_disk_left_alone(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path, copy = disk(), tmp_path / "copy.vhd"
    before = fingerprint(str(path))
    said = bootmend("repair", path, "--output", copy, "--yes", expect=0)
    assert f"copying {path} to {copy}" in said.err
    assert f"{copy} is the repaired copy; {path} is as it was" in said.out
    assert fingerprint(str(path)) == before
    bootmend("check", copy, expect=0)
    bootmend("undo", copy, "--yes", expect=0)
    assert fingerprint(str(copy)) == before


def test_no_copy_over_something_that_is_there(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path, other = disk(), tmp_path / "mine.vhd"
    other.write_text("mine")
    assert f"{other} exists" in bootmend("repair", path, "--output", other, "--yes", expect=2).err
    assert f"{path} exists" in bootmend("repair", path, "--output", path, "--yes", expect=2).err
    assert "no folder" in bootmend("repair", path, "--output", tmp_path / "none" / "x.vhd", "--yes", expect=2).err
    assert "copies disk images" in bootmend("repair", tmp_path, "--output", tmp_path / "x", "--yes", expect=2).err
    assert other.read_text() == "mine"


def test_a_copy_that_does_not_fit(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    healthy = disk("healthy", name="healthy.vhd")
    bootmend("repair", healthy, "--output", tmp_path / "copy.vhd", "--yes", expect=0)
    assert not (tmp_path / "copy.vhd").exists()
    assert path.exists()


def test_json_is_the_outcome_or_where_nothing_was_done_the_report(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    outcome = validate(bootmend("repair", path, "--yes", "--format", "json", expect=0).json, "outcome")
    assert outcome["kind"] == "repair"
    assert outcome["state"] == "committed"
    assert [finding["rule"] for finding in outcome["cured"]] == [IMC]
    validate(bootmend("repair", path, "--yes", "--format", "json", expect=0).json, "report")
    undone = validate(bootmend("undo", path, "--yes", "--format", "json", expect=0).json, "outcome")
    assert undone["undoes"] == outcome["id"]
    line = bootmend("repair", path, "--yes", "--format", "jsonl", expect=0).out
    assert line.count("\n") == 1
    validate(json.loads(line), "outcome")


@pytest.mark.parametrize("kind", ["md", "html"])
def test_pages(bootmend: Bootmend, disk: MakeDisk, kind: str) -> None:
    path = disk()
    page = bootmend("repair", path, "--yes", "--format", kind, expect=0).out
    assert "imcdevice" in page
    assert "Windows has not been started yet" in page
    page = bootmend("undo", path, "--yes", "--format", kind, expect=0).out
    assert "is as it was before run" in page
    page = bootmend("history", "--format", kind, expect=0).out
    assert "undone" in page
    assert "UTC" in page


def unsafe_disk(disk: MakeDisk) -> Path:
    """A disk whose loader names a valid hive (its own SYSTEM): taking that away discards something."""
    path = disk("healthy")
    store = (1, "\\Boot\\BCD", LOADER)
    edit(
        path,
        SetElement(*store, "imchivename", "\\Windows\\System32\\config\\SYSTEM"),
        SetElement(*store, "imcdevice", LocateDevice("element", 0x12000030)),
    )
    return path


def test_what_discards_something_needs_consent(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = unsafe_disk(disk)
    said = bootmend("check", path, expect=1)
    assert "needs consent (--unsafe)" in said.out
    assert f"with your consent:  bootmend repair {path} --unsafe" in said.out
    before = fingerprint(str(path))
    said = bootmend("repair", path, "--yes", expect=1)
    assert "Nothing that may be changed without asking." in said.out
    assert f"with your consent:  bootmend repair {path} --unsafe" in said.out
    assert fingerprint(str(path)) == before
    said = bootmend("repair", path, "--yes", "--serial-console", expect=1)
    assert f"left: {IMC}, needs consent (--unsafe)" in said.out
    bootmend("repair", path, "--yes", "--unsafe", expect=0)
    bootmend("check", path, expect=0)


def test_only_the_rule_asked_for(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("safeboot-set")
    assert "Nothing to do" in bootmend("repair", path, "--rule", IMC, "--yes", expect=0).out
    bootmend("repair", path, "--rule", "safeboot-set", "--yes", expect=0)
    bootmend("check", path, expect=0)


def test_the_offer(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy")
    before = fingerprint(str(path))
    said = bootmend("repair", path, "--code", "0x67", expect=1)
    assert f"--offer {IMC}" in said.out
    bootmend("repair", path, "--code", "0x67", "--offer", IMC, "--yes", expect=0)
    bootmend("undo", path, "--yes", expect=0)
    assert fingerprint(str(path)) == before


def test_undo_means_the_newest_run_of_all_of_a_disk_or_the_one_named(bootmend: Bootmend, disk: MakeDisk) -> None:
    one, two = disk(name="one.vhd"), disk(name="two.vhd")
    first, second = fingerprint(str(one)), fingerprint(str(two))
    run_one = run_id(bootmend("repair", one, "--yes", expect=0).out)
    run_two = run_id(bootmend("repair", two, "--yes", expect=0).out)
    assert run_id(bootmend("undo", "--yes", expect=0).out) == run_two
    assert fingerprint(str(two)) == second
    bootmend("undo", one, "--yes", expect=0)
    assert fingerprint(str(one)) == first
    assert "bootmend history" in bootmend("undo", "--yes", expect=9).err
    bootmend("undo", one, "--yes", expect=9)
    bootmend("undo", run_one, "--yes", expect=9)
    bootmend("undo", "ffff0000", "--yes", expect=9)


def test_an_undo_can_be_undone(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    bootmend("repair", path, "--yes", expect=0)
    repaired = fingerprint(str(path))
    undone = bootmend("undo", path, "--yes", expect=0)
    again = undone.out.rpartition("bootmend undo ")[2].strip()
    bootmend("undo", again, "--yes", expect=0)
    assert fingerprint(str(path)) == repaired


def test_undo_refuses_a_disk_that_was_written_to_since(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="raw")
    bootmend("repair", path, "--yes", expect=0)
    bootmend("bcdedit", "/store", path, "/timeout", "17", expect=0)
    first = json.loads(bootmend("history", path, "--format", "json").out)["runs"][-1]["id"]
    before = fingerprint(str(path))
    said = bootmend("undo", first, "--yes", expect=4)
    assert "Nothing was written. (exit 4)" in said.err
    assert fingerprint(str(path)) == before


def test_history(bootmend: Bootmend, disk: MakeDisk) -> None:
    assert bootmend("history", expect=0).out == "No runs yet.\n"
    assert validate(bootmend("history", "--format", "json").json, "history")["runs"] == []
    one, two = disk(name="one.vhd"), disk(name="two.vhd")
    first = run_id(bootmend("repair", one, "--yes").out)
    second = run_id(bootmend("repair", two, "--serial-console", "--yes").out)
    bootmend("undo", two, "--yes")
    said = bootmend("history", expect=0).out
    assert [line.split()[0] for line in said.splitlines()[2::2]] == [second, first]
    assert f"undo of {second}" in said
    assert f"{IMC} + serial console: 8 changes" in said
    assert "UTC" in said
    runs = validate(bootmend("history", two, "--format", "json").json, "history")["runs"]
    assert [run["state"] for run in runs] == ["committed", "undone"]
    assert runs[0]["undoes"] == second
    assert bootmend("history", "/no/such.vhd", expect=0).out == "No runs on /no/such.vhd yet.\n"


def test_a_run_that_was_interrupted_is_said_and_taken_back(
    bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stops between the last flush and the journal's last entry."""
    path = disk()
    before = fingerprint(str(path))

    class Stopped(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("bootmend.engine.writer._write_all", stop)
        with pytest.raises(Stopped):
            bootmend("repair", path, "--yes")
    said = bootmend("check", path)
    assert "was interrupted" in said.out
    run = said.out.partition("bootmend undo ")[2].split()[0]
    assert "Nothing was written" in bootmend("repair", path, "--yes", expect=4).err
    undone = bootmend("undo", path, "--yes", expect=0)
    assert f"before run {run}" in undone.out
    assert "interrupted" in undone.out
    assert "to take it back" not in undone.out
    assert fingerprint(str(path)) == before
    bootmend("repair", path, "--yes", expect=0)
