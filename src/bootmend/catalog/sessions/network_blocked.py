"""A machine that takes its address from DHCP must have the DHCP client running.

With ``Dhcp`` disabled such a machine starts and cannot be reached.  Where all addresses are fixed, the client may be
disabled; and whether Remote Desktop is wanted is the owner's choice, so neither is a fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="network-blocked",
    title="The machine starts, but gets no network address",
    severity=Severity.WARNING,
    applicability=Applicability.SAFE,
    references=("Cannot connect by RDP because the DHCP Client service is disabled (Microsoft Learn)",),
    phase=Phase.SESSION,
)
AUTOMATIC, DISABLED = 2, 4
INTERFACES = "Services\\Tcpip\\Parameters\\Interfaces"
SAMPLE_INTERFACE = "{67ab5eed-0000-4000-8000-00155d010067}"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the DHCP client of every installation with an interface that needs it."""
    for installation in machine.windows:
        control = installation.control_set
        key = installation.system.hive.key(f"{control}\\Services\\Dhcp")
        start = key.value("Start") if key is not None else None
        if start is not None and start.integer() == DISABLED and _uses_dhcp(installation):
            yield Finding(
                rule=RULE.id,
                title=RULE.title,
                severity=RULE.severity,
                applicability=RULE.applicability,
                subject=installation.where,
                sentence=f"{installation.where} takes its address from DHCP, and its DHCP client is disabled.",
                evidence=(
                    Evidence("registry value", f"{control}\\Services\\Dhcp Start", str(DISABLED), str(AUTOMATIC)),
                    Evidence("registry key", f"{control}\\{INTERFACES}", "EnableDHCP is 1"),
                ),
                fix="lets the DHCP client start by itself",
                details={
                    "volume": str(installation.volume.number),
                    "path": installation.hive_path("SYSTEM"),
                    "key": f"{control}\\Services\\Dhcp",
                },
            )


def _uses_dhcp(installation: WindowsInstallation) -> bool:
    interfaces = installation.system.hive.key(f"{installation.control_set}\\{INTERFACES}")
    values = [one.value("EnableDHCP") for one in interfaces.subkeys()] if interfaces is not None else []
    return any(value is not None and value.integer() == 1 for value in values)


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Let the service start by itself."""
    details = finding.details
    yield SetValue.dword(int(details["volume"]), details["path"], details["key"], "Start", AUTOMATIC)


def break_(workspace: Workspace) -> None:
    """Disable the client of a machine that needs it."""
    for installation in workspace.machine.windows:
        place = (installation.volume.number, installation.hive_path("SYSTEM"))
        control = installation.control_set
        SetValue.dword(*place, f"{control}\\{INTERFACES}\\{SAMPLE_INTERFACE}", "EnableDHCP", 1).do(workspace)
        SetValue.dword(*place, f"{control}\\Services\\Dhcp", "Start", DISABLED).do(workspace)
