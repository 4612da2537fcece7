"""Real stores, read beside hivex and dissect.regf."""

from __future__ import annotations

import base64
import csv
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import Device, LocateDevice, Store, StoreEditor, UnknownDevice, enum_text, store_to_json
from bootmend.errors import BootmendError
from bootmend.registry import Hive, HiveEditor, check
from bootmend.source import MemorySource
from tests.bcd.stores import NOW, committed, locate, number, text
from tests.support import shared_data, shared_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle
STORES = shared_files("bcd", "*.bcd")
BROKEN = "trolldbois_sample-bcd-2_50a2379d.bcd"
GOOD = [path for path in STORES if path.name != BROKEN]

HIVEX = """
import base64, hivex, json, sys
h = hivex.Hivex(sys.argv[1])
found = {}
for o in h.node_children(h.node_get_child(h.root(), "Objects")):
    elements = h.node_get_child(o, "Elements")
    found[h.node_name(o)] = {
        h.node_name(e): [t, base64.b64encode(d).decode()]
        for e in (h.node_children(elements) if elements else ())
        for t, d in [h.value_value(h.node_get_value(e, "Element"))]
    }
json.dump(found, sys.stdout)
"""
Read = dict[str, dict[str, tuple[int, bytes]]]


def ours(path: Path) -> Store:
    return Store(Hive(MemorySource(path.read_bytes())))


def as_read(store: Store) -> Read:
    return {
        item.key_name: {element.key_name: (element.registry_type, element.raw) for element in item.elements.values()}
        for item in store.objects()
    }


def by_hivex(path: Path) -> Read:
    python = "/usr/bin/python3" if shutil.which("/usr/bin/python3") else "python3"
    if subprocess.run([python, "-c", "import hivex"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("hivex is not installed")
    done = subprocess.run([python, "-c", HIVEX, str(path)], capture_output=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    return {
        guid: {name: (kind, base64.b64decode(data)) for name, (kind, data) in elements.items()}
        for guid, elements in found.items()
    }


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_elements_are_those_that_hivex_reads(path: Path) -> None:
    assert as_read(ours(path)) == by_hivex(path)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_objects_as_the_index_counts_them(path: Path) -> None:
    with (shared_data("bcd") / "index.tsv").open(encoding="utf-8", newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
    counted = rows[path.name]["objects(dissect/regipy/hivex)"].split("/")[0]
    store = ours(path)
    assert len(store.objects()) == int(counted)
    assert store.remarks == []
    assert [remark for item in store.objects() for remark in item.remarks] == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_devices_are_understood_and_written_byte_for_byte(path: Path) -> None:
    for item in ours(path).objects():
        for element in item.elements.values():
            if element.format == "device":
                assert isinstance(element.value, Device)
                assert not isinstance(element.value, UnknownDevice)
                assert element.value.serialise() == element.raw


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_text_and_json_of_real_stores(path: Path) -> None:
    store = ours(path)
    shown = enum_text(store, "ALL", True)
    assert shown.count("\nidentifier ") == len(store.objects())
    assert "{current}" not in enum_text(store)
    tree = json.loads(json.dumps(store_to_json(store)))
    assert len(tree["objects"]) == len(store.objects())


@pytest.mark.parametrize("path", [path for path in GOOD if path.stat().st_size > 8192], ids=lambda path: path.name)
def test_an_edit_changes_what_it_names_and_nothing_else(path: Path, tmp_path: Path) -> None:
    """Break a real store as stop code 0x67 does and mend it: hivex finds the elements, then the original ones."""
    original, expected = path.read_bytes(), by_hivex(path)
    edited = tmp_path / "BCD"
    known = check(MemorySource(original))
    store = StoreEditor(HiveEditor(MemorySource(original), now=NOW, room=len(original) + 4096))
    loader = store.loaders()[0]
    store.set_element(loader.id, "imcdevice", LocateDevice("element", 0x22000137))
    store.set_element(loader.id, "imchivename", "\\IMC.hiv")
    store.set_element(loader.id, "bootstatuspolicy", 1)
    broken = committed(store, original)
    edited.write_bytes(broken)
    added = {"21000138": locate(0x22000137), "22000137": text("\\IMC.hiv"), "250000e0": number(1)}
    broken_elements = by_hivex(edited)
    assert broken_elements == expected | {loader.key_name: expected[loader.key_name] | added}
    store = StoreEditor(HiveEditor(MemorySource(broken), now=NOW))
    for name in added.keys() - expected[loader.key_name].keys():
        store.delete_element(loader.id, name)
    if "250000e0" in expected[loader.key_name]:
        store.set_element(loader.id, "bootstatuspolicy", loader.elements[0x250000E0].value)
    mended = committed(store, broken)
    edited.write_bytes(mended)
    assert by_hivex(edited) == expected
    assert len(check(MemorySource(mended))) <= len(known)


def test_the_corpus_is_whole() -> None:
    if not STORES:
        pytest.skip("third-party test data not present: data/bcd")
    devices = [
        element
        for path in GOOD
        for item in ours(path).objects()
        for element in item.elements.values()
        if element.format == "device"
    ]
    assert len(STORES) == 40
    assert len(devices) == 297


def test_a_store_without_its_first_bin_is_an_error() -> None:
    path = shared_data("bcd") / BROKEN
    with pytest.raises(BootmendError):
        ours(path).objects()


def test_locate_in_a_generalised_store() -> None:
    path = shared_data("bcd") / "TechInTech_boot-bcd_3062d699.bcd"
    shown = enum_text(ours(path))
    assert "device                  locate=unknown\n" in shown
    assert "device                  locate=\\Windows\\system32\\winload.exe\n" in shown
    assert "osdevice                locate=\\Windows\n" in shown
