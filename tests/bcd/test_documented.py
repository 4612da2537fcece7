"""Command lines from Microsoft's own documentation of BCDEdit, and what they must leave in the store.

Elements and values are those of the published lists: the number, the registry type and the bytes.
"""

from __future__ import annotations

import pytest

from bootmend.bcd import PartitionDevice, StoreEditor, VirtualDiskDevice
from bootmend.bcd.commands import Surroundings, parse, run
from tests.bcd.stores import BOOTMGR, DEBUGGER, GLOBAL, LOADER, MEMDIAG, OTHER, editable, seed_objects, texts

FRESH = "{5d2f1a60-67ab-11ee-9b1c-00155d010067}"
DONE = "The operation completed successfully.\n"
D_DRIVE = PartitionDevice("MBR", "0x5eed0067", 0x20000000)
INSIDE = PartitionDevice("MBR", "0x1234abcd", 0x100000)
AROUND = Surroundings(
    find_partition=lambda name: D_DRIVE if name == "D:" else None,
    new_id=lambda: FRESH,
    new_key=lambda: "1.2.3.4",
    find_virtual_disk=lambda parent, path: INSIDE if (parent, path) == (D_DRIVE, "\\Windows7.vhd") else None,
)
BADMEMORY = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
HYPERVISOR = "{7ff607e0-4395-11db-b0de-0800200c9a66}"
RAMDISK = "{ae5534e0-a924-466c-b836-758539a3ee3a}"
NTLDR = "{466f5a88-0af2-4f76-9038-095b170dc21c}"


def store() -> StoreEditor:
    objects = seed_objects()
    objects[OTHER] = objects[LOADER]
    objects[BOOTMGR][1]["24000001"] = texts(LOADER, OTHER)
    objects[BADMEMORY] = (0x20100000, {})
    return editable(objects)


def stored(opened: StoreEditor, owner: str, element: int) -> object:
    item = opened.get(owner)
    assert item is not None
    found = item.elements.get(element)
    return None if found is None else found.raw


def integer(value: int) -> bytes:
    return value.to_bytes(8, "little")


def utf16(value: str) -> bytes:
    return f"{value}\0".encode("utf-16-le")


def guids(*values: str) -> bytes:
    return utf16("\0".join(values) + "\0")


@pytest.mark.parametrize(
    ("line", "owner", "element", "raw"),
    [
        # /set, booleans
        (["/set", LOADER, "onecpu", "on"], LOADER, 0x26000060, b"\1"),
        (["/set", LOADER, "nocrashautoreboot", "Yes"], LOADER, 0x26000024, b"\1"),
        (["/set", "useplatformclock", "true"], LOADER, 0x260000A2, b"\1"),
        (["/set", LOADER, "safebootalternateshell", "0"], LOADER, 0x26000081, b"\0"),
        (["/set", GLOBAL, "optionsedit", "true"], GLOBAL, 0x16000041, b"\1"),
        (["/set", "{bootmgr}", "displaybootmenu", "yes"], BOOTMGR, 0x26000020, b"\1"),
        # integers and words
        (["/set", LOADER, "numproc", "2"], LOADER, 0x25000061, integer(2)),
        (["/set", LOADER, "truncatememory", "0x10000000"], LOADER, 0x15000007, integer(0x10000000)),
        (["/set", LOADER, "increaseuserva", "3072"], LOADER, 0x25000032, integer(3072)),
        (["/set", LOADER, "safeboot", "DsRepair"], LOADER, 0x25000080, integer(2)),
        (["/set", LOADER, "hypervisorlaunchtype", "auto"], LOADER, 0x250000F0, integer(1)),
        (["/set", LOADER, "bootmenupolicy", "legacy"], LOADER, 0x250000C2, integer(0)),
        (["/set", LOADER, "pae", "forcedisable"], LOADER, 0x25000021, integer(2)),
        (["/set", LOADER, "tscsyncpolicy", "Enhanced"], LOADER, 0x250000A6, integer(2)),
        (["/set", LOADER, "custom:15000065", "3"], LOADER, 0x15000065, integer(3)),
        # strings, objects, lists
        (["/set", LOADER, "loadoptions", "NO_KDNIC"], LOADER, 0x12000030, utf16("NO_KDNIC")),
        (["/set", "{bootmgr}", "path", "\\EFI\\x.efi"], BOOTMGR, 0x12000002, utf16("\\EFI\\x.efi")),
        (["/set", LOADER, "kernel", "ntoskrnl.exe"], LOADER, 0x22000011, utf16("ntoskrnl.exe")),
        (["/set", LOADER, "resumeobject", OTHER], LOADER, 0x23000003, utf16(OTHER)),
        (["/set", "{bootmgr}", "displayorder", OTHER, "/addfirst"], BOOTMGR, 0x24000001, guids(OTHER, LOADER)),
        (["/set", "{bootmgr}", "displayorder", LOADER, "/addlast"], BOOTMGR, 0x24000001, guids(OTHER, LOADER)),
        (["/set", "{bootmgr}", "displayorder", LOADER, "/remove"], BOOTMGR, 0x24000001, guids(OTHER)),
        (["/set", "{badmemory}", "badmemorylist", "0x123", "0x456"], BADMEMORY, 0x1700000A, integer(0x123) + integer(0x456)),
        # devices
        (["/set", LOADER, "osdevice", "boot"], LOADER, 0x21000001, bytes(16) + b"\5" + bytes(7) + b"\x48" + bytes(63)),
        # the commands with a name of their own
        (["/timeout", "15"], BOOTMGR, 0x25000004, integer(15)),
        (["/default", OTHER], BOOTMGR, 0x23000003, utf16(OTHER)),
        (["/displayorder", OTHER, LOADER], BOOTMGR, 0x24000001, guids(OTHER, LOADER)),
        (["/bootsequence", OTHER, "/addfirst"], BOOTMGR, 0x24000002, guids(OTHER)),
        (["/toolsdisplayorder", "{memdiag}", "/remove"], BOOTMGR, 0x24000010, None),
        (["/toolsdisplayorder", OTHER, "/addlast"], BOOTMGR, 0x24000010, guids(MEMDIAG, OTHER)),
        (["/bootems", "{bootmgr}", "ON"], BOOTMGR, 0x16000020, b"\1"),
        (["/ems", LOADER, "on"], LOADER, 0x260000B0, b"\1"),
        (["/bootdebug", "{bootmgr}", "on"], BOOTMGR, 0x16000010, b"\1"),
        (["/debug", OTHER, "off"], OTHER, 0x260000A0, b"\0"),
        (["/event", LOADER, "ON"], LOADER, 0x26000141, b"\1"),
        (["/dbgsettings", "serial", "debugport:1", "baudrate:115200"], DEBUGGER, 0x15000014, integer(115200)),
        (["/dbgsettings", "1394", "CHANNEL:23"], DEBUGGER, 0x15000015, integer(23)),
        (["/eventsettings", "serial", "debugport:2", "baudrate:57600"], DEBUGGER, 0x15000014, integer(57600)),
        (["/eventsettings", "local"], DEBUGGER, 0x15000011, integer(4)),
        (["/dbgsettings", "usb", "targetname:debugging"], DEBUGGER, 0x12000016, utf16("debugging")),
        (["/dbgsettings", "local"], DEBUGGER, 0x15000011, integer(4)),
        (["/hypervisorsettings", "SERIAL", "DEBUGPORT:1", "BAUDRATE:115200"], HYPERVISOR, 0x250000F4, integer(1)),
        (["/deletevalue", LOADER, "nx"], LOADER, 0x25000020, None),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_what_a_command_leaves(line: list[str], owner: str, element: int, raw: bytes | None) -> None:
    opened = store()
    result = run(parse(line), opened, AROUND)
    assert (result.text, result.exit_code) == (DONE, 0)
    assert stored(opened, owner, element) == raw


@pytest.mark.parametrize(
    ("line", "owner", "kind"),
    [
        (["/create", "{ntldr}", "/d", "Earlier Windows"], NTLDR, 0x10300006),
        (["/create", "{ramdiskoptions}"], RAMDISK, 0x30000000),
        (["/create", "{dbgsettings}"], DEBUGGER, 0x20100000),
        (["/create", "/d", "Windows", "/application", "osloader"], FRESH, 0x10200003),
        (["/create", "/application", "RESUME"], FRESH, 0x10200004),
        (["/create", "/application", "bootsector"], FRESH, 0x10400008),
        (["/create", "/application", "startup"], FRESH, 0x10400009),
        (["/create", "/application", "bootapp"], FRESH, 0x1020000A),
        (["/create", "/inherit"], FRESH, 0x20100000),
        (["/create", "/inherit", "osloader"], FRESH, 0x20200003),
        (["/create", "/inherit", "bootmgr"], FRESH, 0x20200002),
        (["/create", "/inherit", "memdiag"], FRESH, 0x20200005),
        (["/create", "/inherit", "ntldr"], FRESH, 0x20200006),
        (["/create", "/inherit", "device"], FRESH, 0x20300000),
        (["/create", "/device"], FRESH, 0x30000000),
        (["/create", OTHER.replace("4d2", "6d2"), "/device"], OTHER.replace("4d2", "6d2"), 0x30000000),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_what_create_makes(line: list[str], owner: str, kind: int) -> None:
    opened = store()
    result = run(parse(line), opened, AROUND)
    made = opened.get(owner)
    assert made is not None
    assert made.type == kind
    assert result.text == f"The entry {made.alias or made.id} was successfully created.\n"
    words = line[line.index("/d") + 1] if "/d" in line else None
    assert made.text("description") == words


def test_starting_from_a_virtual_disk() -> None:
    """The lines of Microsoft's page on adding a native-boot virtual hard disk."""
    opened = store()
    copied = run(parse(["/copy", "{default}", "/d", "vhd boot"]), opened, AROUND)
    assert copied.text == f"The entry was successfully copied to {FRESH}.\n"
    for element in ("device", "osdevice"):
        assert run(parse(["/set", FRESH, element, "vhd=[D:]\\Windows7.vhd"]), opened, AROUND).text == DONE
    made = opened.get(FRESH)
    assert made is not None
    for number in (0x11000001, 0x21000001):
        assert made.elements[number].value == VirtualDiskDevice(INSIDE, D_DRIVE, "\\Windows7.vhd")
    refused = run(parse(["/set", FRESH, "device", "vhd=[D:]\\none.vhd"]), opened, AROUND)
    assert refused.text.startswith("The device is not valid as specified.\n")


@pytest.mark.parametrize(("switch", "left"), [("/cleanup", (LOADER,)), ("/nocleanup", (LOADER, OTHER)), ("", (LOADER,))])
def test_delete_with_and_without_cleaning_up(switch: str, left: tuple[str, ...]) -> None:
    opened = store()
    assert run(parse(["/delete", OTHER, *([switch] if switch else [])]), opened, AROUND).text == DONE
    assert opened.get(OTHER) is None
    assert opened.display_order == left


def test_delete_of_a_well_known_entry() -> None:
    opened = store()
    assert run(parse(["/delete", "{memdiag}"]), opened, AROUND).exit_code == 1
    assert opened.get(MEMDIAG) is not None
    assert run(parse(["/delete", "{memdiag}", "/f"]), opened, AROUND).text == DONE
    assert opened.get(MEMDIAG) is None
