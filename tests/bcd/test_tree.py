"""The machine-readable tree, and the differences of two stores."""

from __future__ import annotations

import json

from bootmend.bcd import Printer, differences, store_to_json
from tests.bcd.stores import (
    BINARY,
    BOOTMGR,
    DWORD,
    EMS,
    LOADER,
    LOADER_SETTINGS,
    MEMDIAG,
    flag,
    make_store,
    mbr,
    number,
    ramdisk,
    seed_objects,
    vhd,
)


def element_of(tree: dict[str, object], object_id: str, name: str) -> dict[str, object]:
    objects = {item["id"]: item for item in json.loads(json.dumps(tree))["objects"]}
    found: dict[str, object] = next(each for each in objects[object_id]["elements"] if each["name"] == name)
    return found


def test_json() -> None:
    tree = store_to_json(make_store(seed_objects()))
    assert (tree["schema"], tree["name"], tree["system"]) == ("bootmend.bcd/1", "BCD00000000", True)
    assert (tree["default"], tree["display_order"]) == (LOADER, [LOADER])
    assert element_of(tree, LOADER, "imcdevice") == {
        "id": "0x21000138",
        "name": "imcdevice",
        "format": "device",
        "value": {"kind": "locate", "by": "element", "element": "0x22000137", "path": ""},
        "text": ["locate=\\IMC.hiv"],
        "registry_type": 3,
        "raw": "00000000000000000000000000000000080000000000000" + "01e0000000000000000000000370100220000000" + "00000",
        "key": "21000138",
        "remark": "",
    }
    assert element_of(tree, LOADER, "nx")["value"] == 1
    assert element_of(tree, LOADER, "nx")["text"] == ["OptOut"]
    assert element_of(tree, LOADER, "recoveryenabled")["value"] is False
    assert element_of(tree, LOADER, "inherit")["value"] == [LOADER_SETTINGS]
    device = {"kind": "partition", "scheme": "MBR", "disk_id": "0x0badd15c", "partition_id": 0x100000}
    assert element_of(tree, BOOTMGR, "device")["value"] == device


def test_json_of_nested_and_broken_values() -> None:
    partition = mbr(0x5EED0067, 0x100000)[1][16:]
    elements = {
        "11000001": (BINARY, vhd(partition, "\\a.vhd")),
        "21000001": ramdisk(partition, "\\boot.wim", bytes(15) + b"\1"),
        "25000020": (DWORD, b"\1\0\0\0"),
        "28000001": (BINARY, b"\xab"),
        "21000138": (BINARY, b"broken"),
    }
    tree = store_to_json(make_store({LOADER: (0x10200003, elements)}))
    inner = {"kind": "partition", "scheme": "MBR", "disk_id": "0x5eed0067", "partition_id": 0x100000}
    assert element_of(tree, LOADER, "device")["value"] == {
        "kind": "vhd",
        "parent": inner,
        "path": "\\a.vhd",
        "partition": inner | {"disk_id": "0x1234abcd"},
    }
    loaded = element_of(tree, LOADER, "osdevice")["value"]
    assert isinstance(loaded, dict)
    assert (loaded["kind"], loaded["options"]) == ("ramdisk", "{00000000-0000-0000-0000-000000000001}")
    assert element_of(tree, LOADER, "nx")["value"] is None
    assert element_of(tree, LOADER, "nx")["remark"]
    assert element_of(tree, LOADER, "custom:28000001")["value"] == "ab"
    assert element_of(tree, LOADER, "imcdevice")["value"] == {"kind": "unknown"}


def test_no_differences() -> None:
    store = make_store(seed_objects())
    assert differences(store, store) == []
    assert differences(store, make_store(seed_objects())) == []


def test_differences_by_object_and_element() -> None:
    objects = seed_objects(imc=False)
    objects[BOOTMGR][1]["25000004"] = number(5)
    objects[BOOTMGR][1]["26000020"] = flag(True)
    objects[EMS] = (0x20100000, {"15000022": number(1)})
    del objects[MEMDIAG]
    found = differences(make_store(seed_objects()), make_store(objects))
    assert [(each.object_id, each.name, each.before is None, each.after is None) for each in found] == [
        (BOOTMGR, "timeout", False, False),
        (BOOTMGR, "displaybootmenu", True, False),
        (LOADER, "imcdevice", False, True),
        (LOADER, "imchivename", False, True),
        (MEMDIAG, "Windows Memory Tester", True, True),
        (EMS, "EMS Settings", True, True),
        (EMS, "emsport", True, False),
    ]
    assert found[4].owner_after is None
    assert found[5].owner_before is None


def test_a_value_on_one_line() -> None:
    store = make_store(seed_objects())
    loader = store.get(LOADER)
    assert loader is not None
    printer = Printer(store, both_ids=True)
    assert printer.value(loader.elements[0x21000138], loader) == "locate=\\IMC.hiv"
    assert printer.value(loader.elements[0x14000006], loader) == f"{{bootloadersettings}} {LOADER_SETTINGS}"


def test_spelling_of_a_key_is_no_difference() -> None:
    lower = make_store({MEMDIAG: (0x10200005, {"1600000b": flag(True)})})
    upper = make_store({MEMDIAG.upper(): (0x10200005, {"1600000B": flag(True)})})
    assert differences(lower, upper) == []


def test_a_type_that_differs() -> None:
    found = differences(make_store({LOADER: (0x10200003, {})}), make_store({LOADER: (0x10200004, {})}))
    assert [(each.object_id, each.element) for each in found] == [(LOADER, None)]
