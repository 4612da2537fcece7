"""The trees for machines against their published schemas: stores made here, and every real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import Store, store_to_json
from bootmend.bcd.difference_text import Side, difference_text, differences_to_json
from bootmend.registry import Hive
from bootmend.source import MemorySource
from tests.bcd.stores import BOOTMGR, EMS, LOADER, MEMDIAG, flag, make_store, mbr, number, ramdisk, seed_objects, text, vhd
from tests.cli.schema_check import validate
from tests.support import shared_files

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = [path for path in shared_files("bcd", "*.bcd") if "50a2379d" not in path.name]


def checked(tree: dict[str, object], thing: str) -> dict[str, object]:
    found: dict[str, object] = validate(json.loads(json.dumps(tree)), thing)
    return found


def other_store() -> Store:
    """The seed's store with an element gone, one changed, one new; an object gone, one new, one of another type."""
    objects = seed_objects()
    partition = mbr(0x5EED0067, 0x100000)[1][16:]
    del objects[LOADER][1]["22000137"]
    objects[LOADER][1]["25000020"] = number(0)
    objects[LOADER][1]["12000030"] = text("/X")
    objects[LOADER][1]["11000001"] = (3, vhd(partition, "\\a.vhd"))
    objects[LOADER][1]["21000001"] = ramdisk(partition, "\\boot.wim", bytes(15) + b"\1")
    objects[LOADER][1]["250000e0"] = (4, b"\1\0\0\0")
    del objects[MEMDIAG]
    objects[EMS] = (0x20100000, {"16000020": flag(True)})
    objects[BOOTMGR] = (0x10100001, objects[BOOTMGR][1])
    return make_store(objects)


def test_a_store() -> None:
    tree = checked(store_to_json(other_store()), "bcd")
    assert len(tree["objects"]) == 4  # type: ignore[arg-type]


def test_the_differences_of_two_stores() -> None:
    sides = Side("one", make_store(seed_objects())), Side("two", other_store())
    tree = checked(differences_to_json(*sides), "bcd-diff")
    found = {
        (each["object"]["id"], each["element"]): each["change"]
        for each in tree["differences"]  # type: ignore[attr-defined]
    }
    assert found == {
        (BOOTMGR, None): "changed",
        (LOADER, "0x11000001"): "changed",
        (LOADER, "0x12000030"): "added",
        (LOADER, "0x21000001"): "changed",
        (LOADER, "0x22000137"): "removed",
        (LOADER, "0x25000020"): "changed",
        (LOADER, "0x250000e0"): "changed",
        (MEMDIAG, None): "removed",
        (EMS, None): "added",
        (EMS, "0x16000020"): "added",
    }
    printed = difference_text(*sides).splitlines()
    assert printed[:2] == ["--- one", "+++ two"]
    assert "  ~ nx                      OptOut -> OptIn" in printed
    assert "  ~ type                    10100002 -> 10100001" in printed
    assert "  - imchivename             \\IMC.hiv" in printed
    assert "  + loadoptions             /X" in printed
    assert f"- Windows Memory Tester {{memdiag}} {MEMDIAG}" in printed
    assert f"+ EMS Settings {{emssettings}} {EMS}" in printed


def test_a_store_does_not_differ_from_itself() -> None:
    side = Side("same", make_store(seed_objects()))
    assert difference_text(side, side) == ""
    assert checked(differences_to_json(side, side), "bcd-diff")["differences"] == []


@pytest.mark.oracle
@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_real_stores(path: Path) -> None:
    store = Store(Hive(MemorySource(path.read_bytes()), dirty="accept"))
    checked(store_to_json(store), "bcd")
    sides = Side("one", make_store(seed_objects())), Side("two", store)
    tree = checked(differences_to_json(*sides), "bcd-diff")
    assert bool(difference_text(*sides)) is bool(tree["differences"])
