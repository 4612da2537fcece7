r"""The volume and the folder that a loader starts Windows from must hold a Windows.

A loader's ``osdevice`` and ``systemroot`` say where Windows is.  When they lead to a volume or a folder without one (a folder was
renamed, a partition was formatted, a configuration came over from another disk), the boot manager finds its
program nowhere.  Where the disk has exactly one Windows that no other loader starts, the loader is pointed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import PartitionDevice
from bootmend.filesystem import normalise
from bootmend.machine import (
    device_for,
    device_value,
    installation_of,
    is_default,
    listed,
    loader_details,
    loader_text,
    own_stores,
    starts_windows,
    text_value,
    volumes_named,
)
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.machine import BootStore, Machine, Volume, WindowsInstallation, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="os-not-found",
    title="The boot loader leads to a place without Windows",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=("An operating system wasn't found. Try disconnecting any drives that don't contain an operating system.",),
    references=("self-help article on 'An operating system wasn't found' (Azure SelfHelpContent)",),
)
PROGRAMS = {"BIOS": "winload.exe", "UEFI": "winload.efi"}


class Place(NamedTuple):
    """Where a loader looks for Windows."""

    volume: Volume
    root: str


def detect(machine: Machine) -> Iterator[Finding]:
    """Follow every loader of an installed Windows whose volume is here and can be read."""
    for store in own_stores(machine):
        for loader in store.store.loaders():
            place = _empty_place(machine, store, loader) if starts_windows(loader) else None
            if place is not None:
                yield _finding(machine, store, loader, place)


def _empty_place(machine: Machine, store: BootStore, loader: BcdObject) -> Place | None:
    root = normalise(text_value(loader, "systemroot") or "\\Windows")
    device = device_value(loader, "osdevice")
    if not isinstance(device, PartitionDevice):
        return None  # "boot" and "locate" name no place: which volume they mean is settled only when the machine starts
    volumes = volumes_named(machine, store, device)
    if len(volumes) != 1 or volumes[0].exists(f"{root}\\System32"):
        return None
    return Place(volumes[0], root)


def _unclaimed(machine: Machine, store: BootStore, loader: BcdObject) -> list[WindowsInstallation]:
    """The installations that no other loader of the store starts."""
    claimed = [installation_of(machine, store, each) for each in store.store.loaders() if each.id != loader.id]
    return [found for found in machine.windows if not any(found is one for one in claimed)]


def _finding(machine: Machine, store: BootStore, loader: BcdObject, place: Place) -> Finding:
    fitting = _unclaimed(machine, store, loader)
    sure = len(fitting) == 1 and device_for(machine, fitting[0].volume) is not None
    if sure:
        rest = f"the only Windows that nothing else starts is {fitting[0].where}"
    else:
        rest = f"{listed(one.where for one in fitting)} could be meant" if fitting else "no other Windows is on this disk"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if is_default(store, loader) else Severity.WARNING,
        applicability=Applicability.SAFE if sure else Applicability.MANUAL,
        subject=f"{store.where} {loader.id}",
        sentence=f"{loader_text(store.store, loader)} starts Windows from {place.volume.where(place.root)}, "
        f"where there is none; {rest}.",
        evidence=(
            Evidence("store", store.where, "the loader's store"),
            Evidence("folder", place.volume.where(f"{place.root}\\System32"), "not there", "a Windows"),
            *(Evidence("Windows", one.where, one.product or "found") for one in fitting),
        ),
        fix=f"points the loader to {fitting[0].where}" if sure else "restore the Windows volume from a backup, or choose by hand",
        details=loader_details(store, loader) | {"target": str(fitting[0].volume.number) if sure else ""},
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Point devices, folder and program of the loader to the one Windows that fits."""
    details = finding.details
    if not details["target"]:
        return
    machine = workspace.machine
    volume = machine.volume(int(details["target"]))
    installation = next(one for one in machine.windows if one.volume is volume)
    device = device_for(machine, volume)
    store = next(one for one in machine.stores if (one.volume.number, one.path) == (int(details["volume"]), details["path"]))
    assert device is not None
    where = store.volume.number, store.path, details["loader"]
    yield SetElement(*where, "device", device)
    yield SetElement(*where, "osdevice", device)
    yield SetElement(*where, "systemroot", installation.root)
    yield SetElement(*where, "path", installation.path(f"system32\\{PROGRAMS[store.firmware]}"))


def break_(workspace: Workspace) -> None:
    """Let the default loaders start from a folder that is not there, as after a rename."""
    for store in own_stores(workspace.machine):
        default = store.store.default_id
        if default is not None:
            where = store.volume.number, store.path, default
            SetElement(*where, "systemroot", "\\Windows.old").do(workspace)
            SetElement(*where, "path", f"\\Windows.old\\system32\\{PROGRAMS[store.firmware]}").do(workspace)
