"""Two Windows installations on one disk: each loader belongs to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.catalog.bcd import bcd_device_unknown as rule
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.machine import device_for, installation_of
from bootmend.model import Applicability, Finding
from bootmend.operations import CreateObject, SetElement
from bootmend.samples import profile, tables
from bootmend.samples.templates import Templates
from tests.catalog.conftest import edit, own_state

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.bcd import PartitionDevice

__all__ = ["own_state"]
STORE = (1, "\\Boot\\BCD")
SECOND = "{11111111-2222-3333-4444-555555555555}"


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """A system volume and the same Windows volume twice, with a loader for each."""
    parts = profile.parts("usual", "384m")
    parts.append(parts[1]._replace(offset=parts[1].end))
    path = tmp_path / "two.raw"
    with path.open("wb") as file:
        file.truncate(2 << 30)
        file.write(tables.mbr(parts))
        for part in parts:
            for offset, data in Templates().extents(str(part.template)):
                file.seek(part.offset + offset)
                file.write(data)
    edit(
        path,
        CreateObject(*STORE, SECOND, 0x10200003),
        SetElement(*STORE, SECOND, "path", "\\Windows\\system32\\winload.exe"),
        SetElement(*STORE, SECOND, "systemroot", "\\Windows"),
        SetElement(*STORE, SECOND, "description", "The other one"),
    )
    point(str(path), "{default}", device(str(path), 2))
    point(str(path), SECOND, device(str(path), 3))
    return str(path)


def device(path: str, volume: int) -> PartitionDevice:
    with Target(path) as target:
        found = device_for(target.machine, target.machine.volume(volume))
    assert found is not None
    return found


def point(path: str, loader: str, where: PartitionDevice) -> None:
    edit(path, SetElement(*STORE, loader, "device", where), SetElement(*STORE, loader, "osdevice", where))


def findings(path: str) -> list[Finding]:
    with Target(path) as target:
        return list(diagnose(target, rules=[rule.RULE.id]).findings)


def test_each_loader_leads_to_its_own_installation(disk: str) -> None:
    assert findings(disk) == []
    with Target(disk) as target:
        machine = target.machine
        store = machine.stores[0]
        found = {loader.id: installation_of(machine, store, loader) for loader in store.store.loaders()}
        numbers = {loader: installation.volume.number for loader, installation in found.items() if installation}
    assert sorted(numbers.values()) == [2, 3]
    assert numbers[SECOND] == 3


def test_the_volume_that_no_other_loader_starts_is_the_one_that_fits(disk: str) -> None:
    point(disk, SECOND, device(disk, 3)._replace(partition_id=0x7000000))
    (finding,) = findings(disk)
    assert (finding.applicability, finding.details["target"]) == (Applicability.SAFE, "3")
    with Target(disk) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME))
    assert {change.after for change in plan.changes} == {"partition=\\Device\\HarddiskVolume3"}


def test_two_lost_loaders_and_two_volumes_are_for_a_person_to_choose(disk: str) -> None:
    gone = device(disk, 3)._replace(partition_id=0x7000000)
    point(disk, "{default}", gone)
    point(disk, SECOND, gone)
    both = findings(disk)
    assert [finding.applicability for finding in both] == [Applicability.MANUAL] * 2
    assert all("volume 2 and volume 3 would fit" in finding.sentence for finding in both)
