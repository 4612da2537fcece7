"""Stores made for tests: from a description, or from text that the real bcdedit printed.

The hive is written byte by byte by ``tests/registry/raw_hive.py``; the device values are packed here
from the published layout, without the package under test.
"""

from __future__ import annotations

import struct

from bootmend.bcd import PartitionDevice, Store, StoreEditor
from bootmend.registry import Hive, HiveEditor
from bootmend.source import MemorySource
from tests.registry.raw_hive import K, RawHive

SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7
BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
EMS = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
DEBUGGER = "{4636856e-540f-4170-a130-a84776f4c654}"
GLOBAL = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
LOADER_SETTINGS = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
LOADER = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
OTHER = "{4d2f1a60-67ab-11ee-9b1c-00155d010067}"
RESUME = "{e6df4561-50ce-11e7-a810-806e6f6e6963}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
NOW = 0x01DC5B0000000000

Stored = tuple[int, bytes]
Objects = dict[str, tuple[int, dict[str, Stored]]]


def text(value: str) -> Stored:
    return SZ, (value + "\0").encode("utf-16-le")


def texts(*values: str) -> Stored:
    return MULTI_SZ, ("".join(value + "\0" for value in values) + "\0").encode("utf-16-le")


def number(value: int, size: int = 8) -> Stored:
    return BINARY, value.to_bytes(size, "little")


def flag(value: bool) -> Stored:
    return BINARY, bytes([value])


def boot() -> Stored:
    return BINARY, bytes(16) + struct.pack("<IIII", 5, 0, 0x48, 0) + bytes(56)


def mbr(signature: int, offset: int) -> Stored:
    body = struct.pack("<QQIII12x", offset, 0, 0, 1, signature)
    return BINARY, bytes(16) + struct.pack("<IIII", 6, 0, 0x48, 0) + body + bytes(16)


def locate(element: int) -> Stored:
    return BINARY, bytes(16) + struct.pack("<IIII", 8, 0, 0x1E, 0) + struct.pack("<III", 0, element, 0) + b"\0\0"


def ramdisk(parent: bytes, path: str, options: bytes) -> Stored:
    name = (path + "\0").encode("utf-16-le")
    block = struct.pack("<III", 1, 12 + 72 + len(name), 5) + parent + name
    body = struct.pack("<IQQI", 3, 0, 0, 0) + block
    return BINARY, options + struct.pack("<IIII", 0, 1, 16 + len(body), 0) + body


def seed_objects(imc: bool = True) -> Objects:
    """The store that the article of stop code 0x67 prints."""
    loader = {
        "11000001": boot(),
        "12000002": text("\\Windows\\system32\\winload.exe"),
        "12000004": text("Windows Server 2016"),
        "12000005": text("en-US"),
        "14000006": texts(LOADER_SETTINGS),
        "14000008": texts("{821346ba-615b-11e7-a81b-000d3a23c6df}"),
        "16000009": flag(False),
        "21000001": boot(),
        "22000002": text("\\Windows"),
        "23000003": text(RESUME),
        "25000020": number(1),
        "250000e0": number(1),
    }
    if imc:
        loader |= {"21000138": locate(0x22000137), "22000137": text("\\IMC.hiv")}
    manager = {
        "11000001": mbr(0x0BADD15C, 0x100000),
        "12000004": text("Windows Boot Manager"),
        "12000005": text("en-us"),
        "14000006": texts(GLOBAL),
        "24000001": texts(LOADER),
        "24000010": texts(MEMDIAG),
        "25000004": number(30),
    }
    return {
        BOOTMGR: (0x10100002, manager),
        LOADER: (0x10200003, loader),
        MEMDIAG: (0x10200005, {}),
        GLOBAL: (0x20100000, {}),
    }


def hive_bytes(objects: Objects, *, description: dict[str, Stored] | None = None, root: str = "NewStoreRoot") -> bytes:
    """The bytes of a store with these objects; keys are sorted as the registry sorts them."""
    described = description if description is not None else {"KeyName": text("BCD00000000"), "System": (DWORD, b"\1\0\0\0")}
    folder = K("Objects", children=_sorted(_object(name, *item) for name, item in objects.items()))
    return bytes(RawHive(K(root, children=[K("Description", values=_values(described)), folder])).data)


def _object(name: str, kind: int, elements: dict[str, Stored]) -> K:
    children = [K(number, values=[("Element", *stored)]) for number, stored in elements.items()]
    description = K("Description", values=[("Type", DWORD, struct.pack("<I", kind))])
    return K(name, children=[description, K("Elements", children=_sorted(children))])


def _sorted(keys: object) -> list[K]:
    return sorted(keys, key=lambda key: key.name.upper())  # type: ignore[call-overload, no-any-return]


def _values(stored: dict[str, Stored]) -> list[tuple[str, int, bytes]]:
    return [(name, *value) for name, value in stored.items()]


def open_store(data: bytes) -> Store:
    return Store(Hive(MemorySource(data)))


def make_store(objects: Objects) -> Store:
    return open_store(hive_bytes(objects))


# -- from printed text ---------------------------------------------------------------------------------

TITLES = {
    "Firmware Boot Manager": 0x10100001,
    "Windows Boot Manager": 0x10100002,
    "Firmware Application (101fffff)": 0x101FFFFF,
    "Windows Boot Loader": 0x10200003,
    "Resume from Hibernate": 0x10200004,
    "Windows Memory Tester": 0x10200005,
    "EMS Settings": 0x20100000,
    "Debugger Settings": 0x20100000,
    "RAM Defects": 0x20100000,
    "Global Settings": 0x20100000,
    "Boot Loader Settings": 0x20200003,
    "Hypervisor Settings": 0x20200003,
    "Resume Loader Settings": 0x20200004,
    "Device options": 0x30000000,
    "Setup Ramdisk Options": 0x30000000,
}
ALIASES = {
    "{bootmgr}": BOOTMGR,
    "{fwbootmgr}": "{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}",
    "{memdiag}": MEMDIAG,
    "{globalsettings}": GLOBAL,
    "{bootloadersettings}": LOADER_SETTINGS,
    "{resumeloadersettings}": "{1afa9c49-16ab-4a5c-901b-212802da9460}",
    "{hypervisorsettings}": "{7ff607e0-4395-11db-b0de-0800200c9a66}",
    "{dbgsettings}": DEBUGGER,
    "{emssettings}": EMS,
    "{badmemory}": "{5189b25c-5558-4bf2-bca4-289b11bd29e2}",
    "{ramdiskoptions}": "{ae5534e0-a924-466c-b836-758539a3ee3a}",
    "{default}": LOADER,
}
#: names to ids, typed from the published lists
IDS = {
    "device": 0x11000001, "path": 0x12000002, "description": 0x12000004, "locale": 0x12000005, "busparams": 0x12000019,
    "key": 0x1200001D, "loadoptions": 0x12000030, "inherit": 0x14000006, "recoverysequence": 0x14000008,
    "debugtype": 0x15000011, "hostip": 0x1500001A, "port": 0x1500001B, "displaymessage": 0x15000065,
    "displaymessageoverride": 0x15000066, "recoveryenabled": 0x16000009, "badmemoryaccess": 0x1600000B,
    "bootdebug": 0x16000010, "bootems": 0x16000020, "testsigning": 0x16000049, "isolatedcontext": 0x16000060,
    "bootshutdowndisabled": 0x16000074, "flightsigning": 0x1600007E, "allowedinmemorysettings": 0x17000077,
    "osdevice": 0x21000001, "filedevice": 0x21000001, "custom:21000026": 0x21000026, "imcdevice": 0x21000138,
    "systemroot": 0x22000002, "filepath": 0x22000002, "imchivename": 0x22000137, "default": 0x23000003,
    "displayorder": 0x24000001, "toolsdisplayorder": 0x24000010, "timeout": 0x25000004, "nx": 0x25000020,
    "pae": 0x25000021, "safeboot": 0x25000080, "bootstatuspolicy": 0x250000E0, "hypervisordebugtype": 0x250000F3,
    "hypervisordebugport": 0x250000F4, "hypervisorbaudrate": 0x250000F5, "bootux": 0x250000F7,
    "debugoptionenabled": 0x26000006, "detecthal": 0x26000010, "displaybootmenu": 0x26000020, "winpe": 0x26000022,
    "quietboot": 0x26000041, "debug": 0x260000A0, "ems": 0x260000B0, "hypervisordebug": 0x260000F2,
    "ramdisksdidevice": 0x31000003, "ramdisksdipath": 0x32000004, "custom:46000010": 0x46000010,
}  # fmt: skip
#: those that depend on the kind of object
BY_TITLE = {
    ("Windows Boot Manager", "resumeobject"): 0x23000006,
    ("Windows Boot Loader", "resumeobject"): 0x23000003,
    ("Windows Boot Loader", "bootmenupolicy"): 0x250000C2,
    ("Resume from Hibernate", "bootmenupolicy"): 0x25000008,
}
WORDS = {
    "OptIn": 0, "OptOut": 1, "IgnoreAllFailures": 1, "Standard": 1, "Recovery": 3, "Minimal": 0, "NET": 3, "Local": 4,
    "Serial": 0, "ForceEnable": 1, "Disabled": 0,
}  # fmt: skip
LOCATED_BY = {0x11000001: 0x12000002, 0x21000001: 0x22000002, 0x21000138: 0x22000137}


class Printed:
    """A store made from printed text, with the resolver that gives its partitions the printed names."""

    def __init__(self, printed: str) -> None:
        self.partitions: dict[str, int] = {}
        self.objects: Objects = {}
        for section in printed.strip("\n").split("\n\n"):
            self._section(section.split("\n"))

    @property
    def store(self) -> Store:
        return make_store(self.objects)

    def resolver(self, device: PartitionDevice) -> str | None:
        names = {offset: name for name, offset in self.partitions.items()}
        return names.get(int(device.partition_id)) if device.disk_id == "0x5eed0067" else None

    def _section(self, lines: list[str]) -> None:
        title, dashes, identifier, *rest = lines
        assert dashes == "-" * len(title)
        elements: dict[str, Stored] = {}
        found: dict[int, list[str]] = {}
        for line in rest:
            name, value = line[:24].strip(), line[24:]
            if name:
                element = BY_TITLE.get((title, name)) or IDS[name]
            found.setdefault(element, []).append(value)
        for element, values in found.items():
            elements[f"{element:08x}"] = self._value(element, values)
        self.objects[_guid(identifier[24:])] = (TITLES[title], elements)

    def _value(self, element: int, values: list[str]) -> Stored:
        kind, value = element >> 24 & 0xF, values[0]
        if kind == 1:
            return BINARY, self._device(element, value)
        if kind in (2, 3):
            return text(value if kind == 2 else _guid(value))
        if kind == 4:
            return texts(*map(_guid, values))
        if kind == 6:
            return flag({"Yes": True, "No": False}[value])
        if kind == 7:
            return BINARY, b"".join(int(item, 16).to_bytes(8, "little") for item in values)
        if value.count(".") == 3:
            return number(int.from_bytes(bytes(map(int, value.split("."))), "big"))
        return number(WORDS[value] if value in WORDS else int(value))

    def _device(self, element: int, value: str) -> bytes:
        form, _, rest = value.partition("=")
        if value == "boot":
            return boot()[1]
        if value == "unknown":
            return mbr(0x0BADD15C, 0x100000)[1]
        if form == "partition":
            return self._partition(rest)
        if form == "locate":
            return locate(LOCATED_BY[element])[1]
        inner, path = rest[1:].split("]", 1)
        path, _, options = path.partition(",{")
        parent = (boot()[1] if inner == "boot" else self._partition(inner))[16:]
        if form == "ramdisk":
            return ramdisk(parent, path, _guid_bytes("{" + options))[1]
        assert form == "vhd"
        return vhd(parent, path)

    def _partition(self, name: str) -> bytes:
        offset = self.partitions.setdefault(name, (len(self.partitions) + 1) << 20)
        return mbr(0x5EED0067, offset)[1]


def vhd(parent: bytes, path: str) -> bytes:
    """A partition inside a virtual disk; layout from a published script, offsets from the start of the value."""
    name = (path + "\0").encode("utf-16-le")
    total = 176 + len(name)
    value = bytearray(bytes(16) + struct.pack("<IIII", 6, 0, total - 0x10, 0))
    value += struct.pack("<QQIII12x", 0x100000, 0, 6, 1, 0x1234ABCD)
    value += struct.pack("<IIII", 0, 0, total - 72, 0) + struct.pack("<IIII", 5, 1, total - 92, 5) + parent + name
    assert len(value) == total
    return bytes(value)


def _guid(word: str) -> str:
    return ALIASES.get(word, word)


def _guid_bytes(guid: str) -> bytes:
    first, second, third, fourth, fifth = guid.strip("{}").split("-")
    head = struct.pack("<IHH", int(first, 16), int(second, 16), int(third, 16))
    return head + bytes.fromhex(fourth + fifth)


def editable(objects: Objects) -> StoreEditor:
    return edit(hive_bytes(objects))


def edit(data: bytes) -> StoreEditor:
    return StoreEditor(HiveEditor(MemorySource(data), now=NOW, room=len(data) + 0x2000))


def committed(store: StoreEditor, data: bytes) -> bytes:
    """The bytes of the file after the changes to a store of ``data`` are written."""
    commit = store.hive.commit()
    file = bytearray(data.ljust(commit.size, b"\0"))
    for step in commit.steps:
        for offset, written in step:
            file[offset : offset + len(written)] = written
    return bytes(file)
