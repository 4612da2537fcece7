"""Element ids, names and enumerations; identifiers."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest

from bootmend.bcd import identifiers
from bootmend.bcd.element_table import ELEMENTS
from bootmend.bcd.elements import FORMAT_NAMES, element_type, find_element, format_of
from bootmend.bcd.object_types import application_of, title_of
from tests.support import ROOT, shared_folder

LOADER, MANAGER, RESUME, MEMDIAG, ANY, DEVICE = 0x10200003, 0x10100002, 0x10200004, 0x10200005, 0x20100000, 0x30000000


@pytest.mark.parametrize(
    ("name", "kind", "number"),
    [
        ("imcdevice", LOADER, 0x21000138),
        ("imchivename", LOADER, 0x22000137),
        ("IMCHiveName", LOADER, 0x22000137),
        ("imcdevice", MANAGER, None),
        ("timeout", MANAGER, 0x25000004),
        ("timeout", LOADER, None),
        ("testtofail", MEMDIAG, 0x25000004),
        ("osdevice", LOADER, 0x21000001),
        ("filedevice", RESUME, 0x21000001),
        ("osdevice", RESUME, None),
        ("pae", LOADER, 0x25000021),
        ("pae", RESUME, 0x26000004),
        ("resumeobject", MANAGER, 0x23000006),
        ("resumeobject", LOADER, 0x23000003),
        ("default", MANAGER, 0x23000003),
        ("displaybootmenu", MANAGER, 0x26000020),
        ("bootems", MANAGER, 0x16000020),
        ("bootems", ANY, 0x16000020),
        ("ems", LOADER, 0x260000B0),
        ("ems", MANAGER, None),
        ("emsport", ANY, 0x15000022),
        ("nx", ANY, None),
        ("hypervisordebugtype", 0x20200003, 0x250000F3),
        ("ramdisksdidevice", DEVICE, 0x31000003),
        ("ramdisksdidevice", LOADER, None),
        ("ramdisksdidevice", 0x20300000, 0x31000003),
        ("description", DEVICE, 0x12000004),
        ("custom:26000020", LOADER, 0x26000020),
        ("CUSTOM:250000E0", LOADER, 0x250000E0),
        ("250000e0", LOADER, 0x250000E0),
        ("custom:2f000001", LOADER, None),
        ("custom:250000", LOADER, None),
        ("no such thing", LOADER, None),
        ("", LOADER, None),
    ],
)
def test_names_belong_to_kinds_of_objects(name: str, kind: int, number: int | None) -> None:
    assert find_element(name, kind) == number


def test_one_id_has_a_name_for_each_application() -> None:
    assert element_type(0x25000004, application_of(MANAGER)).name == "timeout"
    assert element_type(0x25000004, application_of(MEMDIAG)).words[0] == "Stride"
    assert element_type(0x25000004, application_of(LOADER)).name == "custom:25000004"
    assert element_type(0x21000026, application_of(LOADER)).printed == "custom:21000026"
    assert element_type(0xFFFFFFFF).name == "custom:ffffffff"


@pytest.mark.oracle
def test_the_table_is_the_published_one() -> None:
    folder = shared_folder("reference")
    if folder is None:
        pytest.skip("third-party reference not present")
    with (folder / "bcd_elements.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 321
    seen = set()
    for row in rows:
        number = int(row["id"], 16)
        for application in APPLICATIONS[row["class"]]:
            typed, printed, words = ELEMENTS[number, application]
            assert (typed, printed) == (row["name_typed"], row["name_printed"])
            pairs = ";".join(f"{value}={word}" for value, word in enumerate(words or ()))
            assert pairs == row["enum_values"]
            seen.add((number, application))
        assert FORMAT_NAMES[format_of(number)].replace(" ", "") == row["format"]
    assert seen == set(ELEMENTS)


APPLICATIONS = {
    "all": [0], "(phnt)": [0], "app(any)": [0], "device": [0], "template": [0], "bootmgr/fwbootmgr": [1, 2],
    "osloader": [3], "resume": [4], "memdiag": [5], "ntldr/setupldr": [6, 7], "startup": [9], "bootapp": [10],
}  # fmt: skip


@pytest.mark.oracle
def test_the_table_is_what_the_tool_writes(tmp_path: object) -> None:
    folder = shared_folder("reference")
    if folder is None:
        pytest.skip("third-party reference not present")
    written = f"{tmp_path}/table.py"
    command = [sys.executable, str(ROOT / "tools" / "make_elements.py"), str(folder / "bcd_elements.tsv"), "-o", written]
    subprocess.run(command, check=True, timeout=60)
    with open(written, encoding="utf-8") as made:
        assert made.read() == (ROOT / "src/bootmend/bcd/element_table.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "guid"),
    [
        ("{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}", identifiers.BOOTMGR),
        ("9dea862c-5cdd-4e70-acc1-f32b344d4795", identifiers.BOOTMGR),
        (" {bootmgr} ", identifiers.BOOTMGR),
        ("BootMgr", identifiers.BOOTMGR),
        ("{legacy}", identifiers.NTLDR),
        ("{eventsettings}", identifiers.DEBUGGER_SETTINGS),
        ("{current}", identifiers.CURRENT),
        ("{default}", identifiers.DEFAULT),
        ("{9dea862c-5cdd-4e70-acc1-f32b344d479}", None),
        ("{9dea862c-5cdd-4e70-acc1-f32b344d479g}", None),
        ("9dea862c5cdd-4e70-acc1-f32b3-44d4795", None),
        ("{+dea862c-5cdd-4e70-acc1-f32b344d4795}", None),
        ("{_dea862c-5cdd-4e70-acc1-f32b344d4795}", None),
        ("{\uff11dea862c-5cdd-4e70-acc1-f32b344d4795}", None),
        ("{bootmgr", None),
        ("", None),
    ],
)
def test_identifiers(text: str, guid: str | None) -> None:
    assert identifiers.parse_identifier(text) == guid


def test_the_mixed_order_of_guid_bytes() -> None:
    stored = bytes.fromhex("2c86ea9ddd5c704eacc1f32b344d4795")
    assert identifiers.guid_from_bytes(stored) == identifiers.BOOTMGR
    assert identifiers.guid_to_bytes(identifiers.BOOTMGR) == stored


@pytest.mark.parametrize(
    ("guid", "kind", "title"),
    [
        (identifiers.EMS_SETTINGS, 0x20100000, "EMS Settings"),
        (identifiers.HYPERVISOR_SETTINGS, 0x20200003, "Hypervisor Settings"),
        (identifiers.RAMDISK_OPTIONS, 0x30000000, "Setup Ramdisk Options"),
        ("{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}", 0x30000000, "Device options"),
        ("{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}", 0x101FFFFF, "Firmware Application (101fffff)"),
        ("{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}", 0x10400008, "Real-mode Boot Sector"),
        ("{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}", 0xFEDCBA98, "Object (fedcba98)"),
    ],
)
def test_titles(guid: str, kind: int, title: str) -> None:
    assert title_of(guid, kind) == title
