"""Reading stores, tidy and untidy."""

from __future__ import annotations

import pytest

from bootmend.bcd import BootDevice, LocateDevice, PartitionDevice, enum_text
from bootmend.errors import CorruptError, MissingError, UsageError
from tests.bcd.stores import (
    BINARY,
    BOOTMGR,
    DWORD,
    EMS,
    GLOBAL,
    LOADER,
    LOADER_SETTINGS,
    MEMDIAG,
    OTHER,
    RESUME,
    SZ,
    Objects,
    flag,
    hive_bytes,
    make_store,
    number,
    open_store,
    seed_objects,
    text,
    texts,
)


def test_the_article_s_store() -> None:
    store = make_store(seed_objects())
    loader = store.get(LOADER)
    assert loader is not None
    assert (loader.type, loader.title, loader.alias) == (0x10200003, "Windows Boot Loader", None)
    assert list(loader.elements) == sorted(loader.elements)
    values = {element.name: element.value for element in loader.elements.values()}
    assert values["device"] == BootDevice()
    assert values["imcdevice"] == LocateDevice("element", 0x22000137)
    assert values["imchivename"] == "\\IMC.hiv"
    assert values["nx"] == 1
    assert values["recoveryenabled"] is False
    assert values["inherit"] == (LOADER_SETTINGS,)
    assert values["resumeobject"] == RESUME
    assert loader.element("IMCDEVICE") is loader.elements[0x21000138]
    assert loader.element(0x22000137) is loader.element("custom:22000137")
    assert loader.element("timeout") is None
    assert loader.text("description") == "Windows Server 2016"
    assert loader.text("device") is None
    assert loader.text("loadoptions") is None
    assert (store.name, store.system, store.remarks, loader.remarks) == ("BCD00000000", True, [], [])


def test_objects_are_sorted_by_type_and_id() -> None:
    store = make_store(seed_objects())
    assert [item.id for item in store.objects()] == [BOOTMGR, LOADER, MEMDIAG, GLOBAL]
    assert [item.id for item in store.loaders()] == [LOADER]


@pytest.mark.parametrize("name", [LOADER, LOADER.upper(), LOADER.strip("{}"), "{default}", "default", "{DEFAULT}"])
def test_an_object_by_any_name(name: str) -> None:
    found = make_store(seed_objects()).get(name)
    assert found is not None
    assert found.id == LOADER


@pytest.mark.parametrize("name", ["{current}", "{dbgsettings}", OTHER, "rubbish", ""])
def test_an_object_that_is_not_there(name: str) -> None:
    assert make_store(seed_objects()).get(name) is None


def with_default(default: str, *order: str) -> Objects:
    objects = seed_objects()
    objects[BOOTMGR][1]["23000003"] = text(default)
    objects[BOOTMGR][1]["24000001"] = texts(*order)
    objects[OTHER] = objects[LOADER]
    return objects


def test_the_default_is_what_the_boot_manager_states() -> None:
    store = make_store(with_default(OTHER, LOADER, OTHER))
    assert (store.default_id, store.display_order) == (OTHER, (LOADER, OTHER))
    assert [item.id for item in store.loaders()] == [LOADER, OTHER]
    assert store.get("{default}") is store.get(OTHER)
    assert [item.alias for item in store.loaders()] == [None, "{default}"]
    assert "identifier              {default}\n" in enum_text(store)


def test_loaders_outside_the_menu_come_last() -> None:
    assert [item.id for item in make_store(with_default(OTHER, OTHER)).loaders()] == [OTHER, LOADER]


def test_without_a_stated_default_it_is_the_first_of_the_menu_and_has_no_alias() -> None:
    store = make_store(seed_objects())
    assert (store.default_id, store.stated_default, store.alias(LOADER)) == (LOADER, None, None)


def test_without_a_boot_manager() -> None:
    objects = seed_objects()
    del objects[BOOTMGR]
    store = make_store(objects)
    assert (store.default_id, store.display_order, store.boot_manager) == (None, (), None)
    assert enum_text(store) == "There are no matching objects or the store is empty.\n"
    assert "Windows Boot Loader" in enum_text(store, "osloader")


def test_an_empty_store() -> None:
    store = make_store({})
    assert store.objects() == []
    assert enum_text(store, "ALL") == "There are no matching objects or the store is empty.\n"


def test_a_hive_that_is_no_store() -> None:
    from bootmend.bcd import Store
    from bootmend.registry import Hive
    from bootmend.source import MemorySource
    from tests.registry.raw_hive import K, RawHive

    with pytest.raises(MissingError, match="not a boot configuration store"):
        Store(Hive(MemorySource(bytes(RawHive(K("SYSTEM", children=[K("Select")])).data))))


def test_no_hive_at_all() -> None:
    with pytest.raises(CorruptError):
        open_store(b"MZ" + bytes(8190))


def test_upper_and_lower_case_keys() -> None:
    objects: Objects = {MEMDIAG.upper(): (0x10200005, {"1600000B": flag(True), "1200000C": text("x")})}
    found = make_store(objects).get("{memdiag}")
    assert found is not None
    element = found.element("badmemoryaccess")
    assert element is not None
    assert (element.id, element.key_name, element.value) == (0x1600000B, "1600000B", True)
    assert found.id == MEMDIAG


@pytest.mark.parametrize(
    ("raw", "value"), [(b"\x1e", 30), (b"\x00\xc2\x01", 115200), (b"\xff" * 8, (1 << 64) - 1), (b"\5\0\0\0", 5)]
)
def test_integers_of_any_width(raw: bytes, value: int) -> None:
    found = make_store({BOOTMGR: (0x10100002, {"25000004": (BINARY, raw)})}).get("bootmgr")
    assert found is not None
    assert found.elements[0x25000004].value == value
    assert found.remarks == []


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        ("25000004", (BINARY, b"")),
        ("25000004", (BINARY, bytes(9))),
        ("25000004", (DWORD, b"\5\0\0\0")),
        ("26000020", (BINARY, b"")),
        ("12000004", (BINARY, b"a\0b\0\0\0")),
        ("24000001", (SZ, b"a\0\0\0")),
        ("27000030", (BINARY, bytes(7))),
    ],
)
def test_values_that_do_not_fit_are_kept_as_bytes(key: str, stored: tuple[int, bytes]) -> None:
    found = make_store({BOOTMGR: (0x10100002, {key: stored})}).get("bootmgr")
    assert found is not None
    element = found.elements[int(key, 16)]
    assert (element.value, element.raw, element.registry_type) == (stored[1], stored[1], stored[0])
    assert element.remark
    assert len(found.remarks) == 1
    enum_text(make_store({BOOTMGR: (0x10100002, {key: stored})}))


def test_what_is_odd_is_named_and_the_rest_is_read() -> None:
    objects = seed_objects()
    objects["no object"] = (0, {})
    objects[EMS] = (0, {"rubbish": flag(True), "123456789": flag(True), "16000020": flag(True), "00000000": (BINARY, b"?")})
    store = make_store(objects)
    assert len(store.remarks) == 1
    found = store.get("emssettings")
    assert found is not None
    assert list(found.elements) == [0, 0x16000020]
    assert found.elements[0].value == b"?"
    assert found.elements[0].format == "unknown"
    assert len(found.remarks) == 3
    enum_text(store, "ALL", True)


def test_names_that_are_garbage_are_no_names() -> None:
    garbage = (SZ, bytes.fromhex("3e1fc4770000000000000000f8f8ad0280e2f202"))
    assert open_store(hive_bytes({}, description={"KeyName": garbage})).name is None
    store = open_store(hive_bytes({}, description={}, root="System"))
    assert (store.name, store.system) == (None, False)


def test_object_ids_in_values_are_compared_in_lower_case() -> None:
    store = make_store(with_default(OTHER.upper(), LOADER.upper(), "rubbish"))
    assert (store.default_id, store.display_order) == (OTHER, (LOADER, "rubbish"))
    assert "displayorder            {3d2f" in enum_text(store)


def test_devices_that_are_located_by_each_other_end() -> None:
    from tests.bcd.stores import locate

    store = make_store({LOADER: (0x10200003, {"11000001": locate(0x21000001), "21000001": locate(0x11000001)})})
    assert "device                  locate=locate=locate" in enum_text(store, "osloader")


def test_text_cannot_steer_the_terminal() -> None:
    objects = seed_objects()
    objects[LOADER][1]["12000004"] = text("evil\x1b[2J\r\n\x9b31m \u00e9\u4e2d")
    objects[LOADER][1]["12000005"] = (SZ, b"\x00\xd8a\0\0\0")
    shown = enum_text(make_store(objects))
    assert "description             evil\ufffd[2J\ufffd\ufffd\ufffd31m \u00e9\u4e2d\n" in shown
    shown.encode("utf-8")


def test_both_ids() -> None:
    store = make_store(with_default(LOADER, LOADER))
    assert f"identifier              {{default}} {LOADER}\n" in enum_text(store, both_ids=True)
    assert f"identifier              {LOADER}\n" in enum_text(store, verbose=True, both_ids=True)


def test_template_elements_need_verbose() -> None:
    store = make_store({LOADER: (0x10200003, {"46000010": flag(True)})})
    assert "46000010" not in enum_text(store, LOADER)
    assert "custom:46000010         Yes\n" in enum_text(store, LOADER, True)


def test_numbers_as_printed() -> None:
    elements = {
        "15000007": number(0x80000000),
        "1500000e": number(0x1000),
        "25000020": number(9),
        "25000061": number(4),
        "17000077": (BINARY, (0x15000075).to_bytes(8, "little") + (7).to_bytes(8, "little")),
        "25000144": number(1),
        "250000fd": number(0xA9FEFFFF),
        "28000001": (BINARY, b"\xab\xcd"),
    }
    shown = enum_text(make_store({LOADER: (0x10200003, elements)}), LOADER)
    assert "truncatememory          0x80000000\n" in shown
    assert "avoidlowmemory          0x1000\n" in shown
    assert "nx                      9\n" in shown
    assert "numproc                 4\n" in shown
    assert "allowedinmemorysettings 0x15000075\n                        0x7\n" in shown
    assert "hypervisorenforcedcodeintegrity Enable\n" in shown
    assert "hypervisorhostip        169.254.255.255\n" in shown
    assert "custom:28000001         ab cd\n" in shown


def test_the_types_of_enum() -> None:
    objects = seed_objects() | {
        "{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}": (0x10100001, {}),
        RESUME: (0x10200004, {}),
        "{72da8d8b-6f82-11ec-85f6-806e6f6e6963}": (0x101FFFFF, {}),
        LOADER_SETTINGS: (0x20200003, {}),
    }
    store = make_store(objects)

    def titles(what: str) -> list[str]:
        lines = enum_text(store, what).split("\n")
        return [lines[place - 1] for place, line in enumerate(lines) if line and not line.strip("-")]

    assert titles("firmware") == ["Firmware Boot Manager", "Windows Boot Manager", "Firmware Application (101fffff)"]
    assert titles("BOOTAPP") == ["Windows Boot Loader", "Resume from Hibernate", "Windows Memory Tester"]
    assert titles("bootmgr") == ["Windows Boot Manager"]
    assert titles("OsLoader") == ["Windows Boot Loader"]
    assert titles("RESUME") == ["Resume from Hibernate"]
    assert titles("INHERIT") == ["Global Settings", "Boot Loader Settings"]
    assert len(titles("ALL")) == 8
    assert titles("{memdiag}") == ["Windows Memory Tester"]
    assert titles(OTHER) == []
    with pytest.raises(UsageError):
        enum_text(store, "nonsense")


def test_partitions_are_named_by_the_resolver() -> None:
    shown = enum_text(make_store(seed_objects()), resolver=lambda device: f"{device.disk_id}:{device.partition_id:#x}")
    assert "device                  partition=0x0badd15c:0x100000\n" in shown
    manager = make_store(seed_objects()).boot_manager
    assert manager is not None
    assert manager.elements[0x11000001].value == PartitionDevice("MBR", "0x0badd15c", 0x100000)
