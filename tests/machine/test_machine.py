"""The offline computer: which stores, which installations, which control set, and what pending logs change."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bootmend.catalog.bcd import imc_config_init_failed
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.errors import BootmendError
from bootmend.machine import installation_of
from bootmend.operations import SetElement, SetValue
from bootmend.samples import write_sample
from tests.catalog.conftest import change, edit, folder, own_state

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["folder", "own_state"]
SYSTEM = (1, "\\Windows\\System32\\config\\SYSTEM")
UEFI_STORE = "\\EFI\\Microsoft\\Boot\\BCD"
RECOVERY_STORE = "\\EFI\\Microsoft\\Recovery\\BCD"


def host(folder: Path, path: str) -> Path:
    return folder.joinpath(*path.strip("\\").split("\\"))


@pytest.fixture
def three_stores(folder: Path) -> Path:
    """A BIOS store, a UEFI store and recovery's own store on one machine."""
    for path in (UEFI_STORE, RECOVERY_STORE):
        host(folder, path).parent.mkdir(parents=True)
        shutil.copyfile(host(folder, "\\Boot\\BCD"), host(folder, path))
    return folder


def test_every_store_is_found_and_told_apart(three_stores: Path) -> None:
    with Target(str(three_stores)) as target:
        stores = [(store.path, store.firmware, store.recovery) for store in target.machine.stores]
    assert stores == [("\\Boot\\BCD", "BIOS", False), (UEFI_STORE, "UEFI", False), (RECOVERY_STORE, "UEFI", True)]


def test_each_store_is_judged_on_its_own(three_stores: Path) -> None:
    edit(three_stores, SetElement(1, UEFI_STORE, "{default}", "safeboot", 0))
    edit(three_stores, SetElement(1, RECOVERY_STORE, "{default}", "imchivename", "\\IMC.hiv"))
    with Target(str(three_stores)) as target:
        findings = {(finding.rule, finding.details["path"]) for finding in diagnose(target).findings}
    assert findings == {("safeboot-set", UEFI_STORE), ("imc-config-init-failed", RECOVERY_STORE)}


def test_two_faults_in_two_stores_are_one_plan(three_stores: Path) -> None:
    before = {path: path.read_bytes() for path in three_stores.rglob("*") if path.is_file()}
    edit(three_stores, SetElement(1, UEFI_STORE, "{default}", "safeboot", 0))
    change(three_stores, imc_config_init_failed.break_)
    broken = {path: path.read_bytes() for path in before}
    with Target(str(three_stores)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, serial_console=True))
    assert {ref.path.rpartition("/")[2] for ref in plan.patchset.sources} == {"BCD"}
    assert len(plan.patchset.sources) == 2
    outcome = apply_plan(plan, str(three_stores))
    with Target(str(three_stores)) as target:
        assert diagnose(target).verdict == "healthy"
    undo(find_run(outcome.run_id))
    assert {path: path.read_bytes() for path in before} == broken


def test_recovery_gets_no_serial_console(three_stores: Path) -> None:
    with Target(str(three_stores)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, serial_console=True))
    assert {change.where for change in plan.changes} == {"volume 1 \\Boot\\BCD", f"volume 1 {UEFI_STORE}"}


def test_the_default_is_the_first_of_the_display_order_where_none_is_stated(folder: Path) -> None:
    from bootmend.operations import DeleteElement

    edit(folder, DeleteElement(1, "\\Boot\\BCD", "{bootmgr}", "default"))
    edit(folder, SetElement(1, "\\Boot\\BCD", first_loader(folder), "safeboot", 1))
    with Target(str(folder)) as target:
        (finding,) = diagnose(target).findings
    assert "(first in the boot order)" in finding.sentence
    assert "{current}" not in finding.sentence


def first_loader(folder: Path) -> str:
    with Target(str(folder)) as target:
        return target.machine.stores[0].store.loaders()[0].id


def test_the_installation_and_its_values(folder: Path) -> None:
    with Target(str(folder)) as target:
        machine = target.machine
        (installation,) = machine.windows
        assert installation.where == "volume 1 \\Windows"
        assert installation.computer == "BOOTVM01"
        assert installation.product == "Windows Server 2019 Datacenter"
        assert installation.build.startswith("17763")
        assert installation.control_set == "ControlSet001"
        services = {service.name.lower(): service for service in installation.services()}
        assert (services["disk"].start, services["disk"].error_control) == (0, 3)
        assert services["disk"].image_path.lower().endswith("disk.sys")
        store = machine.stores[0]
        assert installation_of(machine, store, store.store.loaders()[0]) is installation


def test_a_select_that_names_a_control_set_that_is_not_there(folder: Path) -> None:
    edit(folder, SetValue.dword(*SYSTEM, "Select", "Current", 7))
    with Target(str(folder)) as target:
        (installation,) = target.machine.windows
        with pytest.raises(BootmendError, match="ControlSet007"):
            _ = installation.control_set


@pytest.mark.parametrize(
    ("generation", "layout", "expected"),
    [
        (1, "usual", {1: ("system",), 2: ("windows",)}),
        (1, "single", {1: ("system", "windows")}),
        (2, "usual", {1: ("system",), 2: (), 3: ("windows",), 4: ("recovery",)}),
    ],
)
def test_what_volumes_are_for(tmp_path: Path, generation: int, layout: str, expected: dict[int, tuple[str, ...]]) -> None:
    path = str(tmp_path / "disk.raw")
    write_sample(path, generation=generation, layout=layout, format="raw", size=4 << 30)
    with Target(path) as target:
        machine = target.machine
        assert {volume.number: machine.roles(volume) for volume in machine.volumes} == expected
        assert machine.firmware == ("UEFI" if generation == 2 else "BIOS")


def test_a_volume_that_cannot_be_read_is_inconclusive_and_never_healthy(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    write_sample(path, generation=1, layout="usual", format="raw", size=4 << 30)
    with Target(str(path)) as target:
        partition = target.machine.volume(2).partition
        assert partition is not None
        boot = target.machine.disk.read_at(partition.offset, 512) if target.machine.disk else b""
    mft = int.from_bytes(boot[48:56], "little") * boot[13] * 512
    with path.open("r+b") as file:
        file.seek(partition.offset + mft)
        file.write(b"BAAD" + bytes(1020))
    with Target(str(path)) as target:
        report = diagnose(target)
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)
    assert "volume 2" in report.inconclusive[0].reason


def test_bitlocker_anywhere_makes_a_change_need_consent(tmp_path: Path) -> None:
    from bootmend.errors import RefusedError

    path = tmp_path / "disk.raw"
    write_sample(path, generation=1, layout="usual", format="raw", size=4 << 30)
    change(path, lambda workspace: SetElement(1, "\\Boot\\BCD", "{default}", "safeboot", 0).do(workspace))
    with Target(str(path)) as target:
        partition = target.machine.volume(2).partition
        assert partition is not None
    with path.open("r+b") as file:  # the signature that BitLocker puts where NTFS has its own
        file.seek(partition.offset)
        file.write(b"\xeb\x58\x90-FVE-FS-")
    with Target(str(path)) as target:
        assert "BitLocker" in " ".join(diagnose(target).remarks)
        with pytest.raises(RefusedError, match="recovery key"):
            make_plan(target, Request(made_at=SAMPLE_TIME))
        assert make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True)).changes


def test_a_disk_without_windows_is_not_called_healthy(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with Target(str(tmp_path / "empty")) as target:
        report = diagnose(target)
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)
    assert "no Windows" in report.inconclusive[0].reason


def test_a_windows_without_a_store_is_not_called_healthy(folder: Path) -> None:
    host(folder, "\\Boot\\BCD").unlink()
    with Target(str(folder)) as target:
        report = diagnose(target)
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)
    assert "no boot configuration store" in report.inconclusive[0].reason
