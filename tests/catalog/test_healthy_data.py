"""No rule speaks on what real machines have: third-party stores, hives and disks that nobody called broken."""

from __future__ import annotations

import contextlib
import gzip
import shutil
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.diagnose import diagnose
from bootmend.engine.target import Target
from bootmend.errors import BootmendError
from bootmend.operations import SetElement
from bootmend.samples import profile
from tests.catalog.conftest import edit
from tests.support import shared_files, unpacked

if TYPE_CHECKING:
    from pathlib import Path

#: what these stores really have, which the rules name rightly
REMARKABLE = {
    "Sasmithere": {"bcd-debug-flags"},  # a phone on which Windows is being developed: debug is on
    "jc-lab": {"bcd-no-bootmgr-object"},  # a template, from which a store is made: it has no objects yet
    "jpz4085": {"bcd-no-bootmgr-object"},
}
STORES = shared_files("bcd", "*.bcd")
DISKS = [path for path in shared_files("disks") if path.suffix not in {".tsv", ".tgz"}]
SYSTEMS = [path for path in shared_files("hives") if "system" in path.name.lower() and path.suffix != ".tsv"]
PROGRAM = b"MZ".ljust(8192, b"\1")
STUBS = ("winload.exe", "winload.efi", "winresume.exe", "winresume.efi", "ntoskrnl.exe")


@pytest.fixture
def machine(folder: Path) -> Path:
    """A machine in a folder, with programs to load Windows for both kinds of firmware."""
    for name in STUBS:
        (folder / "Windows" / "System32" / name).write_bytes(PROGRAM)
    return folder


def findings(path: object) -> set[str]:
    with Target(str(path)) as target:
        return {finding.rule for finding in diagnose(target).findings}


@pytest.mark.oracle
@pytest.mark.parametrize("store", STORES, ids=lambda path: path.stem)
def test_stores(machine: Path, store: Path) -> None:
    data = unpacked(store)
    if not data.startswith(b"regf") or len(data) % 4096:
        assert store.name.startswith("trolldbois"), "a transaction log, not a store"
        return
    uefi = "efi" in store.name or b"w\0i\0n\0l\0o\0a\0d\0.\0e\0f\0i\0" in data
    place = (
        machine / "EFI" / "Microsoft" / ("Recovery" if "recovery-bcd" in store.name else "Boot") / "BCD"
        if uefi
        else machine / "Boot" / "BCD"
    )
    shutil.rmtree(machine / "Boot")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    expected = next((rules for name, rules in REMARKABLE.items() if store.name.startswith(name)), set())
    assert findings(machine) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("hive", SYSTEMS, ids=lambda path: path.stem)
def test_system_hives(machine: Path, hive: Path) -> None:
    data = unpacked(hive)
    (machine / "Windows" / "System32" / "config" / "SYSTEM").write_bytes(data)
    assert findings(machine) == set()


@pytest.mark.oracle
@pytest.mark.parametrize("disk", DISKS, ids=lambda path: path.name)
def test_disks(tmp_path: Path, disk: Path) -> None:
    """Volumes and disks without a Windows: nothing can be said of them, so nothing is."""
    path = tmp_path / disk.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(disk.read_bytes()) if disk.suffix == ".gz" else disk.read_bytes())
    with contextlib.suppress(BootmendError):
        assert findings(path) == set()


# -- settings that are somebody's choice -----------------------------------------------------------------------
STORE = (1, "\\Boot\\BCD")
SETTINGS = {
    "Azure": (
        SetElement(*STORE, "{bootmgr}", "displaybootmenu", value=True),
        SetElement(*STORE, "{bootmgr}", "timeout", 5),
        SetElement(*STORE, "{bootmgr}", "bootems", value=True),
        SetElement(*STORE, "{default}", "ems", value=True),
        SetElement(*STORE, "{default}", "recoveryenabled", value=False),
        SetElement(*STORE, "{default}", "bootstatuspolicy", 1),
    ),
    "KVM with test-signed drivers": (
        SetElement(*STORE, "{default}", "testsigning", value=True),
        SetElement(*STORE, "{default}", "useplatformclock", value=True),
        SetElement(*STORE, "{default}", "hypervisorlaunchtype", 0),
    ),
    "physical": (
        SetElement(*STORE, "{default}", "numproc", 4),
        SetElement(*STORE, "{bootmgr}", "timeout", 30),
        SetElement(*STORE, "{default}", "nx", 3),
    ),
    "debugging switched off": (
        SetElement(*STORE, "{default}", "debug", value=False),
        SetElement(*STORE, "{default}", "bootdebug", value=False),
        SetElement(*STORE, "{bootmgr}", "displaybootmenu", value=False),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_are_somebody_s_choice(machine: Path, name: str) -> None:
    edit(machine, *SETTINGS[name])
    assert findings(machine) == set()


def test_a_few_bad_pages_of_a_physical_machine(machine: Path) -> None:
    bad = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
    edit(machine, SetElement(*STORE, bad, "badmemorylist", tuple(range(10))))
    assert findings(machine) == set()
    with Target(str(machine)) as target:
        (offer,) = diagnose(target, codes=("0xC0000017",)).offers
    assert (offer.rule, str(offer.applicability)) == ("badmemory-list", "unsafe")


def test_a_menu_of_two_that_goes_on_after_thirty_seconds(machine: Path) -> None:
    tester = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
    edit(machine, SetElement(*STORE, "{bootmgr}", "displayorder", (profile.LOADER_ID, tester)))
    assert findings(machine) == set()
