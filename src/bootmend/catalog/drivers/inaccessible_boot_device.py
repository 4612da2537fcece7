"""The drivers between the kernel and its disk must all be started by the loader, and no filter may be named that is gone.

``disk``, ``partmgr``, ``volmgr`` and their kin are needed on every platform, so their ``Start`` is 0 everywhere.  Which
storage controller a machine has cannot be seen on its disk: a controller's driver that does not start is healthy where
another one is used.  Those are only enabled when a 0x7B was reported and nothing else explains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine.drivers import driver_file, has_drivers, why_no_program
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import DeleteValue, SetValue
from bootmend.registry import ValueType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.machine.windows import Service
    from bootmend.operations import Operation

RULE = Rule(
    id="inaccessible-boot-device",
    title="Windows cannot reach its disk",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    stop_codes=("0x0000007B",),
    names=("INACCESSIBLE_BOOT_DEVICE",),
    screen_texts=("INACCESSIBLE_BOOT_DEVICE", "INACCESSIBLE BOOT DEVICE", "*** STOP: 0x0000007B"),
    references=("Stop error 0x7B INACCESSIBLE_BOOT_DEVICE on an Azure VM (Microsoft Learn)",),
    phase=Phase.KERNEL,
)
NEEDED = frozenset({"acpi", "disk", "volmgr", "partmgr", "volsnap", "volume"})
#: Hyper-V and Azure, AHCI, NVMe, virtio, VMware: those of a platform that Windows or its tools brought
CONTROLLERS = frozenset(
    {
        "vmbus",
        "storvsc",
        "storahci",
        "stornvme",
        "viostor",
        "vioscsi",
        "pvscsi",
        "lsi_sas",
        "iastorv",
        "intelide",
        "atapi",
        "msahci",
    }
)
#: disk drives, disk controllers, SCSI controllers, volumes (stop error 0x7B, Microsoft Learn)
CLASSES = (
    "{4d36e967-e325-11ce-bfc1-08002be10318}",
    "{4d36e96a-e325-11ce-bfc1-08002be10318}",
    "{4d36e97b-e325-11ce-bfc1-08002be10318}",
    "{71a27cdd-812a-11d0-bec7-08002be2092f}",
)
FILTERS = ("UpperFilters", "LowerFilters")


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the drivers and class filters of every installation."""
    for installation in machine.windows:
        services = {service.name.lower(): service for service in installation.service_list}
        for name in sorted(NEEDED & services.keys()):
            if services[name].start not in (None, 0):
                yield _not_started(installation, services[name])
        yield from _lost_filters(installation, services)


def _base(installation: WindowsInstallation) -> dict[str, str]:
    return {"volume": str(installation.volume.number), "path": installation.hive_path("SYSTEM")}


def _not_started(installation: WindowsInstallation, service: Service) -> Finding:
    key = f"{installation.control_set}\\Services\\{service.name}"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=RULE.applicability,
        subject=f"{installation.where} {service.name}",
        sentence=f"The driver {service.name}, without which {installation.where} cannot reach its disk, is not started at boot.",
        evidence=(Evidence("registry value", f"{key} Start", str(service.start), "0"),),
        stop_codes=RULE.stop_codes,
        fix=f"sets Start of {service.name} to 0",
        details={**_base(installation), "state": "start", "keys": key, "driver": service.name},
    )


def _lost_filters(installation: WindowsInstallation, services: dict[str, Service]) -> Iterator[Finding]:
    for guid in CLASSES:
        key = installation.control_key(f"Class\\{guid}")
        for name in FILTERS if key is not None else ():
            value = key.value(name) if key is not None else None
            if value is None or value.type not in (ValueType.MULTI_SZ, ValueType.SZ):
                continue
            filters = [one for one in value.strings() if one] if value.type == ValueType.MULTI_SZ else [value.text()]
            lost = [one for one in filters if one and _is_lost(installation, services, one)]
            if lost:
                yield _filter_finding(installation, guid, name, filters, lost)


def _is_lost(installation: WindowsInstallation, services: dict[str, Service], name: str) -> bool:
    """Whether a filter is named of which the service is gone, is disabled, or has no file."""
    service = services.get(name.lower())
    if service is None or service.start == 4:
        return True
    path = driver_file(installation, service)
    return path is not None and has_drivers(installation) and why_no_program(installation.volume.tree, path) == "not there"


def _filter_finding(installation: WindowsInstallation, guid: str, name: str, filters: list[str], lost: list[str]) -> Finding:
    key = f"{installation.control_set}\\Control\\Class\\{guid}"
    return Finding(
        rule=RULE.id,
        title="A filter of the disk or volume class is gone",
        severity=RULE.severity,
        applicability=RULE.applicability,
        subject=f"{installation.where} {guid} {name}",
        sentence=f"{name} of the device class {guid} of {installation.where} names {', '.join(lost)}, which cannot be loaded.",
        evidence=(Evidence("registry value", f"{key} {name}", " ".join(filters), "only drivers that are there"),),
        stop_codes=RULE.stop_codes,
        fix=f"takes {', '.join(lost)} out of {name}",
        details={
            **_base(installation),
            "state": "filter",
            "keys": key,
            "value": name,
            "left": "\0".join(one for one in filters if one not in lost),
            "driver": lost[0],
        },
    )


def offer(machine: Machine) -> Iterator[Finding]:
    """For a 0x7B that nothing on the disk explains: start the drivers of all controllers that this Windows has."""
    for installation in machine.windows:
        if not has_drivers(installation):
            continue
        idle = [service for service in installation.service_list if _is_idle(installation, service)]
        if not idle:
            continue
        names = ", ".join(service.name for service in idle)
        yield Finding(
            rule=RULE.id,
            title="Start the drivers of all disk controllers",
            severity=Severity.NOTE,
            applicability=Applicability.UNSAFE,
            subject=f"{installation.where} controllers",
            sentence=f"{installation.where} has drivers of disk controllers that are not started at boot: {names}. "
            "If the machine was moved to another platform, one of them is needed.",
            evidence=tuple(
                Evidence("registry key", f"{installation.control_set}\\Services\\{one.name}", "not started at boot")
                for one in idle
            ),
            stop_codes=RULE.stop_codes,
            fix=f"lets {len(idle)} drivers be started at boot",
            details={
                **_base(installation),
                "state": "start",
                "keys": "\n".join(f"{installation.control_set}\\Services\\{one.name}" for one in idle),
            },
        )


def _is_idle(installation: WindowsInstallation, service: Service) -> bool:
    if service.name.lower() not in CONTROLLERS:
        return False
    path = driver_file(installation, service)
    if path is None or why_no_program(installation.volume.tree, path):
        return False
    override = service.key.subkey("StartOverride")
    return service.start != 0 or (override is not None and any(value.integer() != 0 for value in override.values()))


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Start the drivers at boot, or take the lost filters out; a filter's service is never disabled while it is listed."""
    details = finding.details
    place = (int(details["volume"]), details["path"])
    if details["state"] == "filter":
        yield _without_lost(place, details["keys"], details["value"], details["left"])
        return
    for key in details["keys"].split("\n"):
        yield SetValue.dword(*place, key, "Start", 0)
        override = workspace.hive(*place).key(f"{key}\\StartOverride")
        for value in list(override.values()) if override is not None else []:
            yield SetValue.dword(*place, f"{key}\\StartOverride", value.name, 0)


def _without_lost(place: tuple[int, str], key: str, name: str, left: str) -> Operation:
    if not left:
        return DeleteValue(*place, key, name)
    return SetValue(*place, key, name, ValueType.MULTI_SZ, f"{left}\0\0".encode("utf-16-le"))


def break_(workspace: Workspace) -> None:
    """Start ``disk`` on demand, and leave a filter behind whose program was removed."""
    for installation in workspace.machine.windows:
        place = (installation.volume.number, installation.hive_path("SYSTEM"))
        control = installation.control_set
        SetValue.dword(*place, f"{control}\\Services\\disk", "Start", 3).do(workspace)
        data = "gonefilter\0partmgr\0\0".encode("utf-16-le")
        SetValue(*place, f"{control}\\Control\\Class\\{CLASSES[0]}", "UpperFilters", ValueType.MULTI_SZ, data).do(workspace)
