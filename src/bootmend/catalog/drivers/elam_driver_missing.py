"""An early-launch driver of an antivirus program must have its file.

Drivers of the group ``Early-Launch`` are loaded first of all.  If one is removed and stays registered, the loader
stops.  Windows keeps copies of these files in ``\\Windows\\ELAMBKUP``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine.drivers import driver_file, has_drivers, why_no_program
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import CopyFile, SetValue
from bootmend.registry import ValueType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.machine.windows import Service
    from bootmend.operations import Operation

RULE = Rule(
    id="elam-driver-missing",
    title="The early-launch driver of an antivirus program is missing",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    status_codes=("0xC0000428", "0xC000000F"),
    screen_texts=("WdBoot.sys",),
    references=("Early launch antimalware (Windows driver documentation)",),
    phase=Phase.WINLOAD,
)
GROUP = "early-launch"
BACKUP = "ELAMBKUP"
DISABLED = 4


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at every early-launch driver of every installation."""
    for installation in machine.windows:
        if not has_drivers(installation):
            continue
        for service in installation.boot_drivers:
            group = service.key.value("Group")
            path = driver_file(installation, service)
            if group is None or group.text().lower() != GROUP or path is None:
                continue
            reason = why_no_program(installation.volume.tree, path)
            if reason:
                yield _finding(installation, service, path, reason)


def _finding(installation: WindowsInstallation, service: Service, path: str, reason: str) -> Finding:
    volume = installation.volume
    backup = installation.path(BACKUP + path[path.rindex("\\") :])
    whole = not why_no_program(volume.tree, backup)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=Applicability.SAFE if whole else Applicability.UNSAFE,
        subject=f"{installation.where} {service.name}",
        sentence=f"The early-launch driver {service.name} of {installation.where} is registered, and its file is {reason}.",
        evidence=(
            Evidence("file", volume.where(path), reason, "a program"),
            Evidence("file", volume.where(backup), "a program" if whole else "no usable copy"),
        ),
        fix=f"copies the file from {BACKUP}" if whole else f"disables the driver {service.name}, which cannot be loaded anyway",
        details={
            "volume": str(volume.number),
            "path": installation.hive_path("SYSTEM"),
            "key": f"{installation.control_set}\\Services\\{service.name}",
            "driver": service.name,
            "file": path,
            "backup": backup if whole else "",
        },
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Give the file back; where there is no copy, disable the driver."""
    details = finding.details
    volume = int(details["volume"])
    if details["backup"]:
        yield CopyFile(volume, details["backup"], volume, details["file"])
    else:
        yield SetValue.dword(volume, details["path"], details["key"], "Start", DISABLED)


def break_(workspace: Workspace) -> None:
    """Register a driver whose file is not there, as quarantine leaves it; Windows has a copy."""
    for installation in workspace.machine.windows:
        program = installation.volume.tree.read(installation.path("System32\\drivers\\WdFilter.sys"))
        workspace.create_file(installation.volume.number, installation.path(f"{BACKUP}\\WdBoot.sys"), program)
        place = (installation.volume.number, installation.hive_path("SYSTEM"), f"{installation.control_set}\\Services\\WdBoot")
        for name, number in (("Type", 1), ("Start", 0), ("ErrorControl", 3)):
            SetValue.dword(*place, name, number).do(workspace)
        texts = (("Group", ValueType.SZ, "Early-Launch"), ("ImagePath", ValueType.EXPAND_SZ, "system32\\drivers\\WdBoot.sys"))
        for name, kind, text in texts:
            SetValue(*place, name, kind, f"{text}\0".encode("utf-16-le")).do(workspace)
