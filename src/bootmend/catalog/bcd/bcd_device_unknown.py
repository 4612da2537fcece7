"""The devices of a boot loader must be on this disk.

A store names a partition by the disk's signature and the partition's offset (MBR), or by two GUIDs
(GPT).  A copied disk that was brought online beside its twin gets a new signature or GUID, and the
boot manager then stops with 0xc000000e.  Loaders of other disks are legitimate, so a loader is
pointed to another partition only where exactly one Windows volume fits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import Device, PartitionDevice, RamdiskDevice
from bootmend.filesystem import normalise
from bootmend.machine import (
    device_for,
    device_value,
    is_default,
    listed,
    loader_text,
    partitions_in,
    same_partition,
    starts_windows,
    text_value,
    volume_of,
    volumes_named,
)
from bootmend.machine.generations import mismatch
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import SetDiskId, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.machine import BootStore, Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bcd-device-unknown",
    title="The boot loader points to a disk or partition that is not there",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC000000E", "0xC0000225", "0xC000000F", "0xC0000001"),
    names=("STATUS_NO_SUCH_DEVICE",),
    screen_texts=("Status: 0xc000000e", "A required device isn't connected or can't be accessed."),
    references=("Windows boot error 0xC000000E (Azure troubleshooting documentation)",),
)
ELEMENTS = ("device", "osdevice")
RESUME_ELEMENTS = ("device", "filedevice")


class Lost(NamedTuple):
    """An element of a loader that leads nowhere; ``device`` is None where the element is missing."""

    element: str
    device: PartitionDevice | None


def detect(machine: Machine) -> Iterator[Finding]:
    """One finding for the disk where its own id is what changed; else one for each lost loader."""
    if machine.table is None or machine.table.scheme == "none" or mismatch(machine):
        return
    former = _former_disk_id(machine)
    if former is not None:
        yield _disk_finding(machine, former)
        return
    for store in machine.sound_stores:
        for loader in store.store.loaders():
            lost = _lost_elements(machine, loader)
            if lost and starts_windows(loader):
                yield _loader_finding(machine, store, loader, lost)


# -- the disk's id changed -----------------------------------------------------------------------
def _former_disk_id(machine: Machine) -> str | None:
    """The one id that all partition devices of all stores name, if it is not this disk's and their partitions are here."""
    assert machine.table is not None
    devices = list(_partition_devices(machine))
    ids = {device.disk_id for device in devices}
    if len(ids) != 1 or ids == {machine.table.disk_id}:
        return None
    if not all(same_partition(machine, device) for device in devices):
        return None
    loaders = (loader for store in machine.sound_stores for loader in store.store.loaders() if starts_windows(loader))
    named = (device_value(loader, element) for loader in loaders for element in ELEMENTS)
    return ids.pop() if any(isinstance(device, PartitionDevice) for device in named) else None


def _partition_devices(machine: Machine) -> Iterator[PartitionDevice]:
    for store in machine.sound_stores:
        for obj in store.store.objects():
            for element in obj.elements.values():
                if isinstance(element.value, Device):
                    yield from partitions_in(element.value)


def _disk_finding(machine: Machine, former: str) -> Finding:
    assert machine.table is not None
    assert machine.table.disk_id is not None
    what = "signature" if machine.table.scheme == "MBR" else "GUID"
    count = len(list(_partition_devices(machine)))
    stores = tuple(Evidence("store", store.where, f"names disk {former}") for store in machine.sound_stores)
    return Finding(
        rule=RULE.id,
        title="The disk's identity has changed since its boot configuration was written",
        severity=Severity.ERROR,
        applicability=Applicability.SAFE,
        subject="disk id",
        sentence=f"All {count} devices of the boot configuration name a disk with the {what} {former}; "
        f"this disk has {machine.table.disk_id}.",
        evidence=(Evidence(f"disk {what}", "partition table", machine.table.disk_id, former), *stores),
        fix=f"gives the disk its {what} {former} back",
        details={"disk_id": former},
        hides=True,
    )


# -- a loader that leads nowhere -------------------------------------------------------------------
def _lost_elements(machine: Machine, loader: BcdObject) -> list[Lost]:
    lost = []
    for name in ELEMENTS:
        if loader.element(name) is None:
            lost.append(Lost(name, None))
            continue
        device = device_value(loader, name)
        if device is None or isinstance(device, RamdiskDevice):
            continue
        lost += [Lost(name, part) for part in partitions_in(device) if volume_of(machine, part) is None]
    return lost


def _fitting(machine: Machine, store: BootStore, loader: BcdObject) -> list[Volume]:
    """The volumes with a Windows that this loader could start, and that no other loader of the store starts."""
    root = normalise(text_value(loader, "systemroot") or "\\Windows").lower()
    path = text_value(loader, "path")
    claimed: set[int] = set()
    for other in store.store.loaders():
        if other.id != loader.id:
            claimed |= {volume.number for volume in volumes_named(machine, store, device_value(other, "osdevice"))}
    candidates = [found.volume for found in machine.windows if found.root.lower() == root and found.volume.number not in claimed]
    return [volume for volume in candidates if not path or volume.tree.lookup(path) is not None]


def _loader_finding(machine: Machine, store: BootStore, loader: BcdObject, lost: list[Lost]) -> Finding:
    fitting = _fitting(machine, store, loader)
    sure = len(fitting) == 1 and device_for(machine, fitting[0]) is not None
    foreign = _is_foreign(machine, lost)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if sure or (is_default(store, loader) and not foreign) else Severity.WARNING,
        applicability=Applicability.SAFE if sure else Applicability.MANUAL,
        subject=f"{store.where} {loader.id}",
        sentence=f"{loader_text(store.store, loader)} {_where_it_points(machine, lost)}"
        f"{_verdict(fitting, sure=sure, foreign=foreign)}.",
        evidence=(
            Evidence("store", store.where, "the loader's store"),
            *(_lost_evidence(machine, one) for one in lost),
            *(Evidence("Windows", volume.name, f"fits: it has {text_value(loader, 'path')}") for volume in fitting),
        ),
        fix=f"points {' and '.join(one.element for one in lost)} to {fitting[0].name}" if sure else "choose the volume by hand",
        details={
            "volume": str(store.volume.number),
            "path": store.path,
            "loader": loader.id,
            "loadername": loader.text("description") or "",
            "target": str(fitting[0].number) if sure else "",
        },
        hides=True,
    )


def _is_foreign(machine: Machine, lost: list[Lost]) -> bool:
    """Whether the loader names another disk, which may simply not be attached here."""
    assert machine.table is not None
    return any(one.device is not None and one.device.disk_id != machine.table.disk_id for one in lost)


def _where_it_points(machine: Machine, lost: list[Lost]) -> str:
    assert machine.table is not None
    missing = [one.element for one in lost if one.device is None]
    if missing:
        return f"has no {' and no '.join(missing)}"
    if _is_foreign(machine, lost):
        return "points to a disk that is not this one"
    return "points to a partition that this disk does not have"


def _verdict(fitting: list[Volume], *, sure: bool, foreign: bool) -> str:
    if sure:
        return f"; only {fitting[0].name} holds a Windows that fits"
    if not fitting:
        return "; no other Windows volume here fits it" + (", so it may belong to a disk that is not attached" if foreign else "")
    return f"; {listed(volume.name for volume in fitting)} would fit, and only a person can choose"


def _lost_evidence(machine: Machine, one: Lost) -> Evidence:
    assert machine.table is not None
    if one.device is None:
        return Evidence("element", one.element, "not there", "a device")
    found = f"disk {one.device.disk_id}, partition {_identity(one.device)}"
    return Evidence("element", one.element, found, f"a partition of disk {machine.table.disk_id}")


def _identity(device: PartitionDevice) -> str:
    return device.partition_id if isinstance(device.partition_id, str) else f"at byte {device.partition_id:#x}"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Give the disk its id back, or point the loader (and its resume object) to the one volume that fits."""
    details = finding.details
    if "disk_id" in details:
        yield SetDiskId(details["disk_id"])
        return
    if not details["target"]:
        return
    machine = workspace.machine
    number, path = int(details["volume"]), details["path"]
    device = device_for(machine, machine.volume(int(details["target"])))
    loader = workspace.store(number, path).get(details["loader"])
    if loader is None or device is None:
        return
    for element in dict.fromkeys(one.element for one in _lost_elements(machine, loader)):
        yield SetElement(number, path, loader.id, element, device)
    resume = workspace.store(number, path).get(text_value(loader, "resumeobject"))
    if resume is not None:
        for element in RESUME_ELEMENTS:
            old = device_value(resume, element)
            if isinstance(old, PartitionDevice) and volume_of(machine, old) is None:
                yield SetElement(number, path, resume.id, element, device)


def break_(workspace: Workspace) -> None:
    """Give the disk another id, as Windows does to a copy that is brought online beside its original."""
    table = workspace.machine.table
    assert table is not None
    other = "0x0badd15c" if table.scheme == "MBR" else "{00c0ffee-0000-4000-8000-0000deadd15c}"
    workspace.set_disk_id(other)
