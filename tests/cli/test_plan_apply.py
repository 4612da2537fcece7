"""``bootmend plan`` and ``apply``: the diff, kept, and carried out only as long as it is the same."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, LOADER
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk


def test_the_diff(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    before = fingerprint(str(path))
    said = bootmend("plan", path, "--serial-console", expect=1)
    assert "8 changes to volume 1 \\Boot\\BCD" in said.out
    lines = [line.split() for line in said.out.splitlines()]
    for line in (
        ["{default}", LOADER],
        ["-", "imcdevice", "locate=\\IMC.hiv"],
        ["-", "imchivename", "\\IMC.hiv"],
        ["+", "ems", "Yes"],
        ["+", "displaybootmenu", "Yes"],
        ["~", "timeout", "30", "→", "5"],
        ["+", "bootems", "Yes"],
        ["+", "emsport", "1"],
        ["+", "emsbaudrate", "115200"],
    ):
        assert line in lines
    assert "proved on a copy: finding gone, no new finding, hive checks clean" in said.out
    assert "delays each start by 5 seconds" in said.out
    assert "asks for a user and a password" in said.out
    assert said.out.splitlines()[-1] == f"next: bootmend repair {path} --serial-console"
    assert fingerprint(str(path)) == before


def test_nothing_to_do(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy")
    said = bootmend("plan", path, expect=0)
    assert f"Nothing to do: {path} needs no repair. Nothing was written." in said.out
    plan = validate(bootmend("plan", path, "--format", "json", expect=0).json, "plan")
    assert plan["patches"] == []


def test_the_plan_has_the_fixed_names(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    plan = validate(bootmend("plan", path, "--format", "json", expect=1).json, "plan")
    assert set(plan) >= {"schema", "target", "operations", "patches"}
    assert set(plan["target"]) >= {"path", "size", "identity"}
    assert plan["target"]["path"] == str(path)
    for patch in plan["patches"]:
        assert set(patch) >= {"source", "step", "offset", "length", "before_sha256", "after_sha256"}
        assert patch["source"] == str(path)


@pytest.mark.parametrize("kind", ["html", "md"])
def test_pages(bootmend: Bootmend, disk: MakeDisk, kind: str) -> None:
    page = bootmend("plan", disk(), "--format", kind, expect=1).out
    assert "imcdevice" in page
    assert LOADER in page


@pytest.mark.parametrize("gen", [1, 2])
def test_kept_and_applied(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, gen: int) -> None:
    path = disk(gen=gen)
    kept = tmp_path / "plan.json"
    said = bootmend("plan", path, "-o", kept, "--serial-console", expect=1)
    assert f"bootmend apply {kept}" in said.out
    validate(json.loads(kept.read_text()), "plan")
    outcome = validate(bootmend("apply", kept, "--yes", "--format", "json", expect=0).json, "outcome")
    assert outcome["kind"] == "repair"
    assert outcome["left"] == []
    assert len(outcome["changes"]) >= 7
    bootmend("check", path, expect=0)


def test_a_plan_made_with_a_relative_name_is_applied_from_elsewhere(
    bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = disk()
    monkeypatch.chdir(tmp_path)
    bootmend("plan", path.name, "-o", "plan.json", expect=1)
    monkeypatch.chdir("/")
    said = bootmend("apply", tmp_path / "plan.json", "--yes", expect=0)
    assert "the fault is gone on the disk. Windows has not been started yet." in said.out


def test_without_a_terminal_nothing_is_applied(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    kept = tmp_path / "plan.json"
    bootmend("plan", path, "-o", kept, expect=1)
    before = fingerprint(str(path))
    said = bootmend("apply", kept, expect=4)
    assert "there is no terminal to ask on" in said.err
    assert "--yes" in said.err
    assert fingerprint(str(path)) == before


def test_a_plan_replaces_a_plan_and_nothing_else(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    kept = tmp_path / "plan.json"
    bootmend("plan", path, "-o", kept, expect=1)
    bootmend("plan", path, "-o", kept, "--serial-console", expect=1)
    assert json.loads(kept.read_text())["request"]["serial_console"] is True
    before = fingerprint(str(path))
    for other in (path, tmp_path, tmp_path / "notes.txt"):
        if not other.exists():
            other.write_text("mine")
        said = bootmend("plan", path, "-o", other, expect=2)
        assert "it is not overwritten" in said.err
    assert fingerprint(str(path)) == before
    assert (tmp_path / "notes.txt").read_text() == "mine"
    said = bootmend("plan", path, "-o", tmp_path / "no such folder" / "plan.json", expect=2)
    assert "the plan cannot be kept" in said.err


def test_the_offer_is_a_plan_of_its_own(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy")
    said = bootmend("plan", path, "--code", "0x67", "--offer", IMC, expect=1)
    assert said.out.count("+ ErrorControlPolicy") == 2
    assert f"next: bootmend repair {path} --code 0x67 --offer {IMC}" in said.out
    assert "add --code 0x00000067" in bootmend("plan", path, "--offer", IMC, expect=4).err
    assert "repair that first" in bootmend("plan", disk(name="ill.vhd"), "--code", "67", "--offer", IMC, expect=4).err


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "bootmend.report/1"},
        {"request": {}},
        {"request": None},
        {"patches": 7},
        {"made_at": 1 << 70},
        {"codes": ["\x1b[31m"]},
        {"target": []},
    ],
)
def test_a_plan_that_was_tampered_with(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, change: dict[str, object]) -> None:
    path = disk()
    kept = tmp_path / "plan.json"
    bootmend("plan", path, "-o", kept, expect=1)
    plan = json.loads(kept.read_text())
    for name, value in change.items():
        (plan if name in plan else plan["request"])[name] = value
    kept.write_text(json.dumps(plan))
    said = bootmend("apply", kept, "--yes", expect=2)
    assert str(kept) in said.err
    assert "\x1b" not in said.err


def test_a_plan_whose_bytes_were_changed_is_stale(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    kept = tmp_path / "plan.json"
    bootmend("plan", path, "-o", kept, expect=1)
    plan = json.loads(kept.read_text())
    plan["patches"][0]["offset"] += 512
    kept.write_text(json.dumps(plan))
    before = fingerprint(str(path))
    assert "the plan is stale" in bootmend("apply", kept, "--yes", expect=4).err
    assert fingerprint(str(path)) == before


def test_a_file_name_that_is_no_utf_8(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/web\xff.vhd")
    path.rename(odd)
    assert validate(bootmend("check", odd, "--format", "json", expect=1).json, "report")["target"]["path"] == odd
    bootmend("plan", odd, "-o", tmp_path / "plan.json", expect=1)
    bootmend("apply", tmp_path / "plan.json", "--yes", expect=0)
