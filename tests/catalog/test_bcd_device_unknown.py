"""Loaders that lead nowhere: when one partition fits, when none or several do, and when the disk itself has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import PartitionDevice
from bootmend.catalog.bcd import bcd_device_unknown as rule
from bootmend.engine.diagnose import Report, diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.machine import device_for
from bootmend.model import Applicability, Finding, Severity
from bootmend.operations import CreateObject, DeleteElement, SetElement
from bootmend.samples import write_sample
from tests.catalog.conftest import change, edit

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.machine import Workspace

STORE = (1, "\\Boot\\BCD")
OTHER = "{11111111-2222-3333-4444-555555555555}"
FOREIGN = PartitionDevice("MBR", "0x12345678", 0x100000)


@pytest.fixture
def disk(tmp_path: Path) -> str:
    path = str(tmp_path / "disk.raw")
    write_sample(path, generation=1, layout="usual", format="raw", size=4 << 30)
    return path


def look(path: str) -> Report:
    with Target(path) as target:
        return diagnose(target, rules=[rule.RULE.id])


def finding(path: str) -> Finding:
    (only,) = look(path).findings
    return only


def own_device(path: str, volume: int) -> PartitionDevice:
    with Target(path) as target:
        device = device_for(target.machine, target.machine.volume(volume))
    assert device is not None
    return device


def repair(path: str) -> tuple[str, ...]:
    with Target(path) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, rules=(rule.RULE.id,)))
    apply_plan(plan, path)
    return tuple(f"{one.name} {one.after}" for one in plan.changes)


def test_a_partition_that_is_not_there_and_one_windows_that_fits(disk: str) -> None:
    gone = own_device(disk, 2)._replace(partition_id=0x7000000)
    edit(disk, SetElement(*STORE, "{default}", "device", gone), SetElement(*STORE, "{default}", "osdevice", gone))
    found = finding(disk)
    assert (found.applicability, found.severity) == (Applicability.SAFE, Severity.ERROR)
    assert set(repair(disk)) == {
        "device partition=\\Device\\HarddiskVolume2",
        "osdevice partition=\\Device\\HarddiskVolume2",
    }
    assert look(disk).verdict == "healthy"


def test_a_missing_element_is_set(disk: str) -> None:
    edit(disk, DeleteElement(*STORE, "{default}", "osdevice"))
    assert "has no osdevice" in finding(disk).sentence
    assert repair(disk) == ("osdevice partition=\\Device\\HarddiskVolume2",)


def test_the_resume_object_follows_its_loader(disk: str) -> None:
    gone = own_device(disk, 2)._replace(partition_id=0x7000000)

    def lose(workspace: Workspace) -> None:
        store = workspace.store(*STORE)
        loader = store.get("{default}")
        assert loader is not None
        resume = loader.text("resumeobject")
        assert resume
        for target, element in ((loader.id, "device"), (loader.id, "osdevice"), (resume, "device"), (resume, "filedevice")):
            SetElement(*STORE, target, element, gone).do(workspace)

    change(disk, lose)
    assert len(repair(disk)) == 4
    assert look(disk).verdict == "healthy"


def second_loader(device: PartitionDevice) -> tuple[CreateObject | SetElement, ...]:
    return (
        CreateObject(*STORE, OTHER, 0x10200003),
        SetElement(*STORE, OTHER, "path", "\\Windows\\system32\\winload.exe"),
        SetElement(*STORE, OTHER, "systemroot", "\\Windows"),
        SetElement(*STORE, OTHER, "device", device),
        SetElement(*STORE, OTHER, "osdevice", device),
    )


def test_a_loader_of_another_disk_may_be_legitimate(disk: str) -> None:
    """The only Windows here belongs to the default loader already, so the other one is nobody's to redirect."""
    edit(disk, *second_loader(FOREIGN))
    found = finding(disk)
    assert (found.applicability, found.severity) == (Applicability.MANUAL, Severity.WARNING)
    assert "may belong to a disk that is not attached" in found.sentence
    with Target(disk) as target:
        assert make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True)).is_empty


def test_a_windows_that_no_file_fits_is_not_chosen(disk: str) -> None:
    gone = own_device(disk, 2)._replace(partition_id=0x7000000)
    edit(
        disk,
        SetElement(*STORE, "{default}", "path", "\\Windows\\system32\\nowhere.exe"),
        SetElement(*STORE, "{default}", "device", gone),
        SetElement(*STORE, "{default}", "osdevice", gone),
    )
    assert finding(disk).applicability is Applicability.MANUAL


@pytest.mark.parametrize("generation", [1, 2])
def test_a_disk_whose_own_id_changed_gets_it_back(tmp_path: Path, generation: int) -> None:
    disk = str(tmp_path / "disk.raw")
    write_sample(disk, generation=generation, layout="usual", format="raw", size=4 << 30)
    with Target(disk) as target:
        table = target.machine.table
        assert table is not None
        original = table.disk_id
    change(disk, rule.break_)
    found = finding(disk)
    assert (found.subject, found.applicability) == ("disk id", Applicability.SAFE)
    assert repair(disk) == (f"disk {'signature' if generation == 1 else 'GUID'} {original}",)
    assert look(disk).verdict == "healthy"


def test_a_boot_manager_alone_that_points_nowhere_is_a_remark(disk: str) -> None:
    edit(disk, SetElement(*STORE, "{bootmgr}", "device", FOREIGN))
    report = look(disk)
    assert report.verdict == "healthy"
    assert any("{bootmgr} is unknown" in remark for remark in report.remarks)
