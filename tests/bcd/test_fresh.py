"""What bcdboot makes, beside a published output and the stores of installed systems; every difference has its reason."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import PartitionDevice, RamdiskDevice, Store, enum_text
from bootmend.bcd.create import edit_store, empty_store
from bootmend.bcd.fresh import (
    TEMPLATE_LOADERS,
    TEMPLATE_RESUME,
    FreshObject,
    Installation,
    Recovery,
    fill,
    fresh_objects,
)
from bootmend.registry import Hive, check
from bootmend.source import MemorySource
from tests.bcd.stores import BOOTMGR, LOADER_SETTINGS, MEMDIAG, NOW, flag, make_store, number, open_store, text, texts
from tests.support import shared_data, shared_files

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = PartitionDevice("MBR", "0x5eed0067", 1 << 20)
WINDOWS = PartitionDevice("MBR", "0x5eed0067", 1 << 29)
THIRD = PartitionDevice("MBR", "0x5eed0067", 1 << 30)
RECOVERY = Recovery(THIRD, "\\Recovery\\WindowsRE\\Winre.wim", "\\Recovery\\WindowsRE\\boot.sdi")
WINDOWS_11 = Installation("BIOS", SYSTEM, WINDOWS, "\\WINDOWS", "Windows 11", 26200, server=False, recovery=RECOVERY)


def new_ids() -> object:
    numbers = count(1)
    return lambda: f"{{{next(numbers):08x}-67ab-11ee-9b1c-00155d010067}}"


def objects_of(windows: Installation, template: Store | None = None) -> list[FreshObject]:
    return fresh_objects(windows, new_ids(), template)  # type: ignore[arg-type]


def store_of(windows: Installation, template: Store | None = None) -> Store:
    data = edit_store(empty_store(NOW, system=True), NOW, lambda store: fill(store, objects_of(windows, template)))
    assert check(MemorySource(data)) == []
    return open_store(data)


def elements(store: Store, which: str) -> set[int]:
    found = store.get(which)
    assert found is not None
    return set(found.elements)


def loader_and_resume(store: Store) -> tuple[set[int], set[int]]:
    manager = store.get("{bootmgr}")
    assert manager is not None
    return elements(store, store.default_id or ""), elements(store, manager.text("resumeobject") or "")


@pytest.mark.oracle
def test_the_whole_text_of_a_published_windows_11() -> None:
    """``bcdedit /enum all /v`` of a new Windows 11 25H2 with BIOS, to the letter, identifiers and letters apart."""
    printed = (shared_data("bcd") / "enum_outputs" / "win11_25h2_bios_enum_all_v.txt").read_text(encoding="utf-8")
    renamed = {
        "{0fd8694a-e7fe-11f0-91cd-eabb9ab44a94}": "{00000001-67ab-11ee-9b1c-00155d010067}",
        "{0fd86949-e7fe-11f0-91cd-eabb9ab44a94}": "{00000002-67ab-11ee-9b1c-00155d010067}",
        "{0fd8694b-e7fe-11f0-91cd-eabb9ab44a94}": "{00000003-67ab-11ee-9b1c-00155d010067}",
        "{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}": "{00000004-67ab-11ee-9b1c-00155d010067}",
    }
    for theirs, ours in renamed.items():
        printed = printed.replace(theirs, ours)
    names = {SYSTEM: "\\Device\\HarddiskVolume1", WINDOWS: "C:", THIRD: "\\Device\\HarddiskVolume3"}
    ours = enum_text(store_of(WINDOWS_11), "ALL", verbose=True, resolver=names.get)
    assert sections(ours) == sections(printed)


def sections(printed: str) -> list[str]:
    return sorted(printed.strip("\n").split("\n\n"))


# -- which Windows has which elements ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "firmware", "server", "loader", "resume"),
    [
        (7601, "BIOS", False, set(), set()),
        (9600, "BIOS", False, {0x17000077, 0x250000C2}, {0x17000077, 0x25000008}),
        (19045, "BIOS", False, {0x17000077, 0x250000C2}, {0x17000077, 0x25000008}),
        (19045, "UEFI", False, {0x16000060, 0x17000077, 0x250000C2}, {0x16000060, 0x17000077, 0x25000008}),
        (22631, "UEFI", False, {0x16000060, 0x17000077, 0x250000C2}, {0x16000060, 0x17000077, 0x21000026, 0x25000008}),
        (17763, "UEFI", True, {0x16000060, 0x17000077}, {0x16000060, 0x17000077}),
    ],
)
def test_what_each_windows_brought(build: int, firmware: str, server: bool, loader: set[int], resume: set[int]) -> None:
    windows = Installation(firmware, SYSTEM, WINDOWS, "\\Windows", "Windows", build, server=server)
    always_loader = {0x11000001, 0x12000002, 0x12000004, 0x12000005, 0x14000006, 0x21000001, 0x22000002, 0x23000003, 0x25000020}
    always_resume = {0x11000001, 0x12000002, 0x12000004, 0x12000005, 0x14000006, 0x21000001, 0x22000002, 0x26000006}
    assert loader_and_resume(store_of(windows)) == (always_loader | loader, always_resume | resume)


@pytest.mark.parametrize(("firmware", "suffix"), [("BIOS", "exe"), ("UEFI", "efi")])
def test_paths_by_firmware(firmware: str, suffix: str) -> None:
    store = store_of(WINDOWS_11._replace(firmware=firmware))
    manager, loader, tester = store.get("{bootmgr}"), store.get("{default}"), store.get(MEMDIAG)
    assert manager is not None
    assert loader is not None
    assert tester is not None
    assert loader.text("path") == f"\\WINDOWS\\system32\\winload.{suffix}"
    assert manager.text("path") == (None if firmware == "BIOS" else "\\EFI\\Microsoft\\Boot\\bootmgfw.efi")
    assert tester.text("path") == ("\\boot\\memtest.exe" if firmware == "BIOS" else "\\EFI\\Microsoft\\Boot\\memtest.efi")


def test_a_server_has_data_execution_prevention_for_all_and_no_graphical_menu() -> None:
    client, server = (store_of(WINDOWS_11._replace(server=server)).get("{default}") for server in (False, True))
    assert client is not None
    assert server is not None
    shown = [[item.elements.get(number) for number in (0x25000020, 0x250000C2)] for item in (client, server)]
    assert [[element and element.value for element in row] for row in shown] == [[0, 1], [1, None]]


def test_without_a_recovery_environment_nothing_speaks_of_one() -> None:
    store = store_of(WINDOWS_11._replace(recovery=None))
    assert not [item for item in store.objects() if item.type == 0x30000000]
    assert len(store.loaders()) == 1
    assert not {0x14000008, 0x15000066, 0x16000009} & elements(store, "{default}")


def test_the_recovery_environment_is_a_memory_disk() -> None:
    store = store_of(WINDOWS_11)
    loader = store.get("{default}")
    assert loader is not None
    (sequence,) = loader.objects("recoverysequence")
    recovery = store.get(sequence)
    assert recovery is not None
    device = recovery.elements[0x11000001].value
    assert isinstance(device, RamdiskDevice)
    assert (device.parent, device.path) == (THIRD, RECOVERY.image)
    options = store.get(device.options or "")
    assert options is not None
    assert options.elements[0x31000003].value == THIRD


# -- a template ------------------------------------------------------------------------------------------------


def template(firmware: str) -> Store:
    """A template with values of its own, and with some that are about another machine."""
    other = "UEFI" if firmware == "BIOS" else "BIOS"
    loader = {
        "12000004": text("Windows of the template"),
        "12000002": text("\\elsewhere\\winload.exe"),
        "12000005": text("de-DE"),
        "14000006": texts(LOADER_SETTINGS),
        "25000020": number(2),
        "46000004": flag(True),
    }
    manager = {"25000004": number(7), "24000001": texts(TEMPLATE_LOADERS[firmware]), "16000074": flag(True)}
    return make_store(
        {
            BOOTMGR: (0x10100002, manager),
            TEMPLATE_LOADERS[firmware]: (0x10200003, loader),
            TEMPLATE_LOADERS[other]: (0x10200003, {"12000004": text("the other firmware's")}),
            TEMPLATE_RESUME[firmware]: (0x10200004, {"26000006": flag(True)}),
        }
    )


@pytest.mark.parametrize("firmware", ["BIOS", "UEFI"])
def test_a_template_decides_what_is_not_about_this_machine(firmware: str) -> None:
    store = store_of(WINDOWS_11._replace(firmware=firmware), template(firmware))
    loader, manager = store.get("{default}"), store.get("{bootmgr}")
    assert loader is not None
    assert manager is not None
    assert loader.text("description") == "Windows of the template"
    assert [loader.elements[number].value for number in (0x25000020, 0x12000005)] == [2, "en-US"]
    assert (loader.text("path") or "").startswith("\\WINDOWS\\system32\\winload.")
    assert 0x46000004 not in loader.elements
    assert manager.objects("displayorder") == (store.default_id,) == (loader.id,)
    assert [manager.elements[number].value for number in (0x25000004, 0x16000074)] == [7, True]
    resume = store.get(manager.text("resumeobject") or "")
    assert resume is not None
    assert resume.elements[0x26000006].value is True
    assert TEMPLATE_LOADERS[firmware] not in {item.id for item in store.objects()}


# -- beside the stores of installed systems -----------------------------------------------------------------------

#: elements that an installed store has and a fresh one has not, or the other way round, and why
EXPLAINED = {
    "typed by the owner, or switched on with a feature (Hyper-V, test signing, flight signing, integrity)": {
        0x16000048,
        0x16000049,
        0x1600007E,
        0x1500004B,
        0x250000F0,
    },
    "a generalised image written without a resume device and its debugger option": {0x21000001, 0x26000006},
    "recovery switched off by the image's maker, its entry removed": {0x16000009},
    "the recovery environment was last entered by push-button reset": {0x15000066},
}
#: objects of which a fresh store has none: the running Windows copies the firmware's entries in at each start, and
#: Windows Setup makes options for the memory disk of its medium
NOT_MADE = {"{fwbootmgr}", "{ramdiskoptions}"}
ALLOWED = set().union(*EXPLAINED.values())
BUILDS = {"Windows 7": 7601, "Windows 8.1": 9600, "Windows 10": 19045, "Windows 11": 22631}
INSTALLED = [
    path
    for path in shared_files("bcd", "*.bcd")
    if any(
        name in path.name
        for name in (
            *("BAndysc_efi-microsoft-boot", "FireOOO_efi-microsoft-boot", "Chopong_efi-microsoft-boot", "mkorman90"),
            *("Fisummer_efi-microsoft-boot-bcd_48eec77e", "AdrianAmerico_efi-microsoft-boot", "F4nnnnn_efi-microsoft-boot"),
            *("HackBookEFIs_efi-microsoft-boot", "trolldbois_sample-bcd-1", "mhkarimi1383_bcd_", "TechInTech"),
        )
    )
]


def main_objects(store: Store) -> dict[str, set[int]]:
    """The objects that belong to the default installation, by what they are for, with their elements."""
    manager, loader = store.get("{bootmgr}"), store.get("{default}")
    assert manager is not None
    assert loader is not None
    found = {"loader": set(loader.elements)}
    resume = store.get(loader.text("resumeobject") or "")
    if resume is not None:
        found["resume"] = set(resume.elements)
    for sequence in loader.objects("recoverysequence"):
        recovery = store.get(sequence)
        if recovery is not None:
            found["recovery"] = set(recovery.elements)
    found |= {item.alias: set(item.elements) for item in store.objects() if item.alias and item.alias != "{default}"}
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("path", INSTALLED, ids=lambda path: path.name)
def test_a_fresh_store_beside_an_installed_one(path: Path) -> None:
    installed = Store(Hive(MemorySource(path.read_bytes()), dirty="accept"))
    theirs = main_objects(installed)
    loader = installed.get("{default}")
    assert loader is not None
    firmware = "UEFI" if (loader.text("path") or "").endswith(".efi") else "BIOS"
    build = BUILDS[(loader.text("description") or "").replace("\xa0", " ")]
    recovery = RECOVERY if "recovery" in theirs else None
    ours = main_objects(
        store_of(Installation(firmware, SYSTEM, WINDOWS, "\\Windows", "W", build, server=False, recovery=recovery))
    )
    for name in theirs.keys() | ours.keys():
        if name in NOT_MADE:
            continue
        differing = theirs.get(name, set()) ^ ours.get(name, set())
        assert differing <= ALLOWED, f"{name}: {[f'{each:08x}' for each in differing if each not in ALLOWED]}"
    values = {0x25000004, 0x14000006, 0x24000010}
    for name in ("{globalsettings}", "{bootloadersettings}", "{resumeloadersettings}"):
        assert theirs[name] == ours[name] <= values
    kinds = {item.type for item in installed.objects()} - {0x10100001, 0x101FFFFF}
    assert kinds - {0x30000000} <= {item.type for item in objects_of(WINDOWS_11)}
