"""A service of a program must not restart the machine when it cannot be started.

``ErrorControl`` 2 and 3 mean that Windows starts again, with the last known good configuration, when the service fails:
without a word, again and again.  That is for drivers of Windows; agents that were set so made reboot loops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue
from bootmend.registry import ValueType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.machine.windows import Service
    from bootmend.operations import Operation

RULE = Rule(
    id="reboot-loop-critical-service",
    title="A service restarts the machine when it fails",
    severity=Severity.WARNING,
    applicability=Applicability.SAFE,
    references=("Windows VM restarts in a loop (Microsoft Learn)",),
    phase=Phase.SESSION,
)
#: agents of Azure that were set so, by the page named above
AGENTS = frozenset({"rdagent", "azurewlbackupcoordinatorsvc", "azurewlbackupinquirysvc", "azurewlbackuppluginsvc"})
AUTOMATIC, NORMAL, SEVERE = 2, 1, 2
#: a service that is a program, alone or shared (CreateService)
PROGRAM = 0x30


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at every service that starts by itself and is a program, but none of Windows."""
    for installation in machine.windows:
        for service in installation.service_list:
            if (service.error_control or 0) >= SEVERE and service.start == AUTOMATIC and _is_foreign(installation, service):
                yield _finding(installation, service)


def _is_foreign(installation: WindowsInstallation, service: Service) -> bool:
    """Whether it is a known agent, or a program outside the Windows directory."""
    if service.name.lower() in AGENTS:
        return True
    if not (service.integer("Type") or 0) & PROGRAM:
        return False
    path = service.image_path.strip().lstrip('"').lower().removeprefix("\\??\\")
    return path[1:3] == ":\\" and not path[2:].startswith(installation.root.lower() + "\\")


def _finding(installation: WindowsInstallation, service: Service) -> Finding:
    key = f"{installation.control_set}\\Services\\{service.name}"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=RULE.applicability,
        subject=f"{installation.where} {service.name}",
        sentence=f"{installation.where} starts again whenever its service {service.name} cannot be started.",
        evidence=(
            Evidence("registry value", f"{key} ErrorControl", str(service.error_control), "1"),
            Evidence("registry value", f"{key} ImagePath", service.image_path),
        ),
        fix=f"sets ErrorControl of {service.name} to 1: a failure is only noted",
        details={
            "volume": str(installation.volume.number),
            "path": installation.hive_path("SYSTEM"),
            "key": key,
            "driver": service.name,
        },
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Let a failure of the service be noted and no more."""
    details = finding.details
    yield SetValue.dword(int(details["volume"]), details["path"], details["key"], "ErrorControl", NORMAL)


def break_(workspace: Workspace) -> None:
    """Register the agent of Azure as critical."""
    for installation in workspace.machine.windows:
        place = (installation.volume.number, installation.hive_path("SYSTEM"), f"{installation.control_set}\\Services\\RdAgent")
        for name, number in (("Type", 0x10), ("Start", AUTOMATIC), ("ErrorControl", 3)):
            SetValue.dword(*place, name, number).do(workspace)
        program = "C:\\WindowsAzure\\GuestAgent_2.7\\WaAppAgent.exe\0"
        SetValue(*place, "ImagePath", ValueType.EXPAND_SZ, program.encode("utf-16-le")).do(workspace)
