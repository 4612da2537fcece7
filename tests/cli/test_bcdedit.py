"""``bootmend bcdedit`` as it is typed: on store files and on disks of both generations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.target import Target
from tests.catalog.disks import fingerprint
from tests.cli.running import LOADER, run_id
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

DONE = "The operation completed successfully.\n"
STORES = {1: "volume 1 \\Boot\\BCD", 2: "volume 1 \\EFI\\Microsoft\\Boot\\BCD"}


@pytest.fixture(params=["file", "gen1", "gen2"])
def store(request: pytest.FixtureRequest, disk: MakeDisk, tmp_path: Path) -> Path:
    """A store in a file of its own, and on a disk of either generation."""
    if request.param != "file":
        return disk(gen=int(request.param[-1]))
    path = tmp_path / "BCD"
    with Target(str(disk())) as target:
        path.write_bytes(target.machine.volumes[0].tree.read("\\Boot\\BCD"))
    return path


def settings(bootmend: Bootmend, store: Path, what: str = "all") -> dict[str, dict[str, str]]:
    """What ``/enum`` prints, by identifier and element."""
    blocks = bootmend("bcdedit", "/store", store, "/enum", what, expect=0).out.split("\n\n")
    found: dict[str, dict[str, str]] = {}
    for block in filter(str.strip, blocks):
        pairs = [line.split(maxsplit=1) for line in block.strip().splitlines()[2:]]
        values = {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
        found[values["identifier"]] = values
    return found


def test_enum(bootmend: Bootmend, store: Path) -> None:
    before = fingerprint(str(store))
    said = bootmend("bcdedit", "/store", store, "/enum", expect=0)
    assert said.out.startswith("\nWindows Boot Manager\n--------------------\nidentifier              {bootmgr}\n")
    assert "imchivename             \\IMC.hiv" in said.out
    whole = bootmend("bcdedit", "/store", store, "/enum", "/v", expect=0).out
    assert f"identifier              {LOADER}" in whole
    assert "{default}" not in whole
    assert bootmend("bcdedit", "/store", store, expect=0).out == said.out
    only = bootmend("bcdedit", "/STORE", store, "/Enum", LOADER, expect=0).out
    assert only.count("identifier") == 1
    assert fingerprint(str(store)) == before


def test_a_disk_names_its_volumes_a_file_cannot(bootmend: Bootmend, disk: MakeDisk, store: Path) -> None:
    loader = settings(bootmend, store)["{default}"]
    expected = "unknown" if store.name == "BCD" else "partition=\\Device\\HarddiskVolume"
    assert loader["device"].startswith(expected)
    if store.name == "BCD":
        said = bootmend("bcdedit", "/store", store, "--disk", disk(name="other.vhd"), "/enum", expect=0)
        assert "partition=\\Device\\HarddiskVolume2" in said.out


def test_set_delete_and_undo(bootmend: Bootmend, store: Path) -> None:
    before = fingerprint(str(store))
    said = bootmend("bcdedit", "/store", store, "/set", "{default}", "description", "A new name", expect=0)
    assert said.out == DONE
    assert f"bootmend undo {run_id(said.err)}" in said.err
    bootmend("bcdedit", "/store", store, "/deletevalue", LOADER, "imchivename", expect=0)
    loader = settings(bootmend, store)["{default}"]
    assert loader["description"] == "A new name"
    assert "imchivename" not in loader
    bootmend("undo", store, "--yes", expect=0)
    bootmend("undo", run_id(said.err), "--yes", expect=0)
    assert fingerprint(str(store)) == before


def test_the_serial_console_by_hand(bootmend: Bootmend, store: Path) -> None:
    for line in (
        ["/set", "{bootmgr}", "displaybootmenu", "yes"],
        ["/set", "{bootmgr}", "timeout", "5"],
        ["/set", "{bootmgr}", "bootems", "yes"],
        ["/ems", LOADER, "on"],
        ["/bootems", LOADER, "on"],
        ["/emssettings", "EMSPORT:1", "EMSBAUDRATE:115200"],
    ):
        assert bootmend("bcdedit", "/store", store, *line, expect=0).out == DONE
    found = settings(bootmend, store)
    assert found["{bootmgr}"]["timeout"] == "5"
    assert found["{default}"]["ems"] == found["{default}"]["bootems"] == "Yes"
    assert found["{emssettings}"]["emsbaudrate"] == "115200"
    assert bootmend("history", "--format", "json").json["runs"][0]["summary"].startswith("bcdedit /emssettings")


def test_the_command_in_an_enum_of_a_repaired_disk_is_the_same_as_by_hand(bootmend: Bootmend, disk: MakeDisk) -> None:
    """The article's steps typed one by one, and the repair, leave the same settings."""
    by_hand, repaired = disk(name="hand.vhd"), disk(name="repaired.vhd")
    for line in (
        ["/deletevalue", LOADER, "imcdevice"],
        ["/deletevalue", LOADER, "imchivename"],
        ["/set", "{bootmgr}", "displaybootmenu", "yes"],
        ["/set", "{bootmgr}", "timeout", "5"],
        ["/set", "{bootmgr}", "bootems", "yes"],
        ["/ems", LOADER, "on"],
        ["/emssettings", "EMSPORT:1", "EMSBAUDRATE:115200"],
    ):
        bootmend("bcdedit", "/store", by_hand, *line, expect=0)
    bootmend("repair", repaired, "--serial-console", "--yes", expect=0)
    assert settings(bootmend, by_hand) == settings(bootmend, repaired)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["/deletevalue", "{default}", "safeboot"], "Element not found."),
        (["/set", "{default}", "nosuchelement", "1"], "The element data type specified is not recognized"),
        (["/set", "{00000000-0000-0000-0000-000000000067}", "nx", "OptIn"], "not recognized"),
        (["/set", "{default}", "nx"], ""),
        (["/nonsense"], "Invalid command line switch: /nonsense"),
    ],
)
def test_what_bcdedit_refuses(bootmend: Bootmend, store: Path, line: list[str], words: str) -> None:
    before = fingerprint(str(store))
    said = bootmend("bcdedit", "/store", store, *line, expect=1)
    assert words.lower() in said.err.lower()
    assert said.out == ""
    assert fingerprint(str(store)) == before


def test_no_store(bootmend: Bootmend, tmp_path: Path, disk: MakeDisk) -> None:
    said = bootmend("bcdedit", "/enum", expect=1)
    assert "The boot configuration data store could not be opened." in said.err
    assert "/store" in said.err
    said = bootmend("bcdedit", "/store", tmp_path / "none", "/enum", expect=1)
    assert "The system cannot find the file specified." in said.err
    assert f"there is no file {tmp_path / 'none'}" in said.err
    (tmp_path / "no hive").write_text("no hive at all")
    assert "no hive" in bootmend("bcdedit", "/store", tmp_path / "no hive", "/enum", expect=1).err
    assert bootmend("bcdedit", "/store", disk(), "--store", "2", "/enum", expect=1).err


def test_help(bootmend: Bootmend) -> None:
    for line in (["--help"], ["-h"]):
        said = bootmend("bcdedit", *line, expect=0)
        assert "Microsoft's own syntax" in said.out
    assert "/deletevalue" in bootmend("bcdedit", "/?", expect=0).out


def test_the_store_as_a_tree(bootmend: Bootmend, store: Path) -> None:
    said = bootmend("bcdedit", "/store", store, "--format", "json", expect=0)
    tree = validate(said.json, "bcd")
    assert tree["default"] == LOADER
    (loader,) = [one for one in tree["objects"] if one["id"] == LOADER]
    elements = {element["name"]: element for element in loader["elements"]}
    assert elements["imchivename"]["value"] == "\\IMC.hiv"
    assert elements["imcdevice"]["value"]["kind"] == "locate"
    assert bootmend("bcdedit", "--format", "json", "/store", store, "/enum", "all").out == said.out
    line = bootmend("bcdedit", "/store", store, "--format", "jsonl", expect=0).out
    assert validate(json.loads(line), "bcd") == tree
    assert line.count("\n") == 1
    assert bootmend("bcdedit", "/store", store, "--format", "json", "/timeout", "5").code != 0


def test_the_difference_of_two_stores(bootmend: Bootmend, disk: MakeDisk) -> None:
    before, after = disk(name="before.vhd"), disk(name="after.vhd")
    assert bootmend("bcdedit", "diff", before, after, expect=0).out == ""
    bootmend("bcdedit", "/store", after, "/set", "{bootmgr}", "timeout", "9", expect=0)
    said = bootmend("bcdedit", "diff", before, after, expect=1)
    assert "timeout" in said.out
    document = bootmend("bcdedit", "diff", before, after, "--format", "json", expect=1).json
    validate(document, document["schema"].removeprefix("bootmend.").removesuffix("/1"))
    assert len(document["differences"]) == 1


@pytest.mark.parametrize("gen", [1, 2])
def test_the_store_that_was_taken_is_named(bootmend: Bootmend, disk: MakeDisk, gen: int) -> None:
    assert f"store: {STORES[gen]}" in bootmend("bcdedit", "/store", disk(gen=gen), "/enum", expect=0).err


def test_control_characters_do_not_reach_the_terminal(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    bootmend("bcdedit", "/store", path, "/set", "{default}", "description", "\x1b]0;owned\x07Windows\x9b31m", expect=0)
    lines: list[list[str | Path]] = [
        ["bcdedit", "/store", path, "/enum"],
        ["check", path],
        ["plan", path],
        ["check", path, "--format", "md"],
    ]
    for line in lines:
        said = bootmend(*line)
        assert "imcdevice" in said.out
        assert not {"\x1b", "\x07", "\x9b"} & set(said.out + said.err)
    assert "\\u001b]0;owned" in bootmend("check", path, "--format", "json").out
