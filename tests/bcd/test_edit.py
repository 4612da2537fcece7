"""Editing stores: what is named changes, everything else stays."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import BootDevice, LocateDevice, Store, StoreEditor, differences
from bootmend.errors import BootmendError, MissingError, RefusedError, UsageError
from bootmend.registry import Hive, HiveEditor, check
from bootmend.source import MemorySource
from tests.bcd.stores import (
    BINARY,
    BOOTMGR,
    DWORD,
    EMS,
    GLOBAL,
    LOADER,
    MULTI_SZ,
    NOW,
    OTHER,
    RESUME,
    SZ,
    Objects,
    committed,
    edit,
    editable,
    flag,
    hive_bytes,
    locate,
    open_store,
    seed_objects,
    text,
    texts,
)
from tests.support import shared_data

if TYPE_CHECKING:
    from bootmend.bcd import BcdObject


def loader_of(store: Store) -> BcdObject:
    found = store.get(LOADER)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("element", "value", "stored"),
    [
        ("timeout", 5, (BINARY, b"\5" + bytes(7))),
        ("displaybootmenu", True, (BINARY, b"\1")),
        ("displaybootmenu", False, (BINARY, b"\0")),
        ("default", LOADER.upper(), text(LOADER)),
        ("displayorder", (OTHER, LOADER), texts(OTHER, LOADER)),
        ("displayorder", [LOADER], texts(LOADER)),
        ("description", "Men\u00fc", text("Men\u00fc")),
        ("device", BootDevice(), (BINARY, bytes(16) + bytes.fromhex("050000000000000048000000") + bytes(60))),
        ("bcddevice", LocateDevice("element", 0x22000023), locate(0x22000023)),
        ("customactions", (0x1000085000001, 1), (BINARY, bytes.fromhex("0100008500000100") + b"\1" + bytes(7))),
        (0x28000001, b"raw", (BINARY, b"raw")),
        ("custom:26000020", True, (BINARY, b"\1")),
    ],
)
def test_each_format_is_stored_as_windows_stores_it(element: str | int, value: object, stored: tuple[int, bytes]) -> None:
    data = hive_bytes(seed_objects())
    store = edit(data)
    store.set_element("{bootmgr}", element, value)  # type: ignore[arg-type]
    manager = open_store(committed(store, data)).boot_manager
    assert manager is not None
    found = manager.element(element)
    assert found is not None
    assert (found.registry_type, found.raw) == stored
    assert found.key_name == f"{found.id:08x}"


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("timeout", "5"), ("timeout", -1), ("timeout", 1 << 64), ("timeout", True), ("displaybootmenu", 1),
        ("default", "nobody"), ("displayorder", ("nobody",)), ("displayorder", LOADER), ("device", "boot"),
        ("description", 5), ("description", "a\0b"), ("customactions", 5), ("customactions", ("x",)), (0x2F000001, 5),
    ],
)  # fmt: skip
def test_values_of_another_format_are_refused(element: str | int, value: object) -> None:
    store = editable(seed_objects())
    with pytest.raises(UsageError):
        store.set_element(BOOTMGR, element, value)  # type: ignore[arg-type]
    assert store.edits == []


def test_missing_things() -> None:
    store = editable(seed_objects())
    with pytest.raises(MissingError, match="no object"):
        store.set_element(OTHER, "nx", 1)
    with pytest.raises(MissingError, match="no element nonsense"):
        store.set_element(LOADER, "nonsense", 1)
    with pytest.raises(MissingError, match="no element ems"):
        store.delete_element(LOADER, "ems")
    with pytest.raises(MissingError, match="no object"):
        store.delete_object(OTHER)
    assert store.edits == []


def test_the_repair_of_the_article() -> None:
    data = hive_bytes(seed_objects())
    store = edit(data)
    before = loader_of(store)
    store.delete_element(LOADER, "imcdevice")
    store.delete_element("{default}", "imchivename")
    assert [(change.name, change.after) for change in store.edits] == [("imcdevice", None), ("imchivename", None)]
    assert before.element("imcdevice") is not None
    assert loader_of(store).element("imcdevice") is None
    repaired = open_store(committed(store, data))
    assert differences(repaired, open_store(hive_bytes(seed_objects(imc=False)))) == []
    assert [change.name for change in differences(open_store(data), repaired)] == ["imcdevice", "imchivename"]


def test_adding_and_deleting_leaves_the_element_set_and_the_size() -> None:
    data = hive_bytes(seed_objects(imc=False))
    for _ in range(30):
        store = edit(data)
        store.set_element(LOADER, "imcdevice", LocateDevice("element", 0x22000137))
        store.set_element(LOADER, "imchivename", "\\IMC.hiv")
        broken = committed(store, data)
        assert loader_of(open_store(broken)).text("imchivename") == "\\IMC.hiv"
        store = edit(broken)
        store.delete_element(LOADER, 0x21000138)
        store.delete_element(LOADER, 0x22000137)
        data = committed(store, broken)
        assert differences(open_store(data), open_store(hive_bytes(seed_objects(imc=False)))) == []
    assert len(data) == len(hive_bytes(seed_objects(imc=False)))
    assert check(MemorySource(data)) == []


def test_the_same_value_is_not_written() -> None:
    data = hive_bytes(seed_objects())
    store = edit(data)
    store.set_element(LOADER, "nx", 1)
    store.set_element(LOADER, "device", BootDevice())
    store.create_object(GLOBAL, 0x20100000)
    assert store.edits == []
    assert committed(store, data) == data


def test_an_upper_case_key_stays_the_only_one() -> None:
    objects: Objects = {LOADER: (0x10200003, {"260000B0": flag(False), "1600000B": flag(True)})}
    data = hive_bytes(objects)
    store = edit(data)
    store.set_element(LOADER, "ems", True)
    store.delete_element(LOADER, "badmemoryaccess")
    found = loader_of(open_store(committed(store, data)))
    assert [(element.key_name, element.value) for element in found.elements.values()] == [("260000B0", True)]


def test_a_value_of_the_wrong_registry_type_is_put_right() -> None:
    data = hive_bytes({BOOTMGR: (0x10100002, {"25000004": (DWORD, b"\5\0\0\0")})})
    store = edit(data)
    store.set_element(BOOTMGR, "timeout", 5)
    manager = open_store(committed(store, data)).boot_manager
    assert manager is not None
    assert (manager.elements[0x25000004].registry_type, manager.elements[0x25000004].value) == (BINARY, 5)


def test_creating_and_deleting_objects() -> None:
    data = hive_bytes(seed_objects())
    store = edit(data)
    created = store.create_object(EMS.upper(), 0x20100000)
    assert (created.id, created.title, created.elements) == (EMS, "EMS Settings", {})
    store.set_element("{emssettings}", "emsport", 1)
    store.set_element("{emssettings}", "emsbaudrate", 115200)
    assert [change.created for change in store.edits] == [True, False, False]
    changed = committed(store, data)
    found = open_store(changed).get("emssettings")
    assert found is not None
    assert {element.name: element.value for element in found.elements.values()} == {"emsport": 1, "emsbaudrate": 115200}
    store = edit(changed)
    store.delete_object(EMS)
    assert store.get(EMS) is None
    assert differences(open_store(committed(store, changed)), open_store(data)) == []


def test_objects_that_cannot_be_created() -> None:
    store = editable(seed_objects())
    with pytest.raises(RefusedError, match="exists with type"):
        store.create_object(LOADER, 0x20100000)
    with pytest.raises(UsageError):
        store.create_object("nobody", 0x20100000)


def test_an_object_without_an_elements_key_gets_one() -> None:
    from tests.registry.raw_hive import K, RawHive

    kind = K("Description", values=[("Type", DWORD, bytes.fromhex("03002010"))])
    bare = K(LOADER, children=[kind])
    data = bytes(RawHive(K("System", children=[K("Objects", children=[bare])])).data)
    store = edit(data)
    store.set_element(LOADER, "nx", 3)
    assert loader_of(open_store(committed(store, data))).elements[0x25000020].value == 3


def test_an_alias_follows_the_default() -> None:
    store = editable(seed_objects())
    assert loader_of(store).alias is None
    store.set_element(BOOTMGR, "default", LOADER)
    assert loader_of(store).alias == "{default}"
    store.delete_element(BOOTMGR, "default")
    assert loader_of(store).alias is None


def test_what_was_got_before_stays_as_it_was() -> None:
    store = editable(seed_objects())
    loader, manager = loader_of(store), store.boot_manager
    store.delete_object(LOADER)
    assert manager is not None
    assert loader.text("path") == "\\Windows\\system32\\winload.exe"
    assert manager.elements[0x25000004].value == 30


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name",
    ["trolldbois_sample-bcd-1_ec9d6913.bcd", "FireOOO_efi-microsoft-boot-bcd_1658eab6.bcd", "italuH_boot-bcd_eb9e850b.bcd"],
)
def test_real_stores_read_back_by_dissect(name: str) -> None:
    regf = pytest.importorskip("dissect.regf")
    data = (shared_data("bcd") / name).read_bytes()
    store = StoreEditor(HiveEditor(MemorySource(data), now=NOW))
    target = next(item for item in store.loaders())
    store.set_element(target.id, "imcdevice", LocateDevice("element", 0x22000137))
    store.set_element(target.id, "imchivename", "\\IMC.hiv")
    store.set_element("{emssettings}", "emsport", 1)
    store.set_element(target.id, "inherit", (GLOBAL, RESUME))
    changed = committed(store, data)
    assert len(changed) == len(data)
    root = regf.RegistryHive(io.BytesIO(changed)).root().subkey("Objects")
    elements = root.subkey(target.id).subkey("Elements")
    assert elements.subkey("22000137").value("Element").value == "\\IMC.hiv"
    assert elements.subkey("21000138").value("Element").value == locate(0x22000137)[1]
    assert list(elements.subkey("14000006").value("Element").value) == [GLOBAL, RESUME]
    assert elements.subkey("22000137").value("Element").type == SZ
    assert elements.subkey("14000006").value("Element").type == MULTI_SZ
    assert root.subkey(EMS).subkey("Elements").subkey("15000022").value("Element").value == b"\1" + bytes(7)
    names = [change.name for change in differences(Store(Hive(MemorySource(data))), open_store(changed))]
    assert names == ["inherit", "imcdevice", "imchivename", "emsport"]


@pytest.mark.oracle
def test_a_damaged_store_is_refused_not_mangled() -> None:
    data = (shared_data("bcd") / "trolldbois_sample-bcd-2_50a2379d.bcd").read_bytes()
    with pytest.raises(BootmendError):
        edit(data).set_element(BOOTMGR, "timeout", 5)
