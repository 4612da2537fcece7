"""Setup that was interrupted must not refuse to go on.

``Setup\\Status\\ChildCompletion`` notes how far Windows Setup came.  If the machine was restarted in the middle,
``setup.exe`` stays 1 and every start ends with "The computer restarted unexpectedly"; with 3 setup goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="sysprep-unexpected-restart",
    title="Windows Setup was interrupted and does not go on",
    severity=Severity.ERROR,
    applicability=Applicability.UNSAFE,
    screen_texts=(
        "The computer restarted unexpectedly or encountered an unexpected error.",
        "Windows installation cannot proceed.",
    ),
    references=("The computer restarted unexpectedly during VM boot (Microsoft Learn)",),
    phase=Phase.SESSION,
)
KEY = "Setup\\Status\\ChildCompletion"
BEGUN, DONE = 1, 3


def detect(machine: Machine) -> Iterator[Finding]:
    """Look how far the setup of every installation came."""
    for installation in machine.windows:
        values = [installation.system.hive.key(key) for key in ("Setup", KEY)]
        found = [
            key.value(name) if key else None for key, name in zip(values, ("SystemSetupInProgress", "setup.exe"), strict=True)
        ]
        if any(value is None or value.integer() != BEGUN for value in found):
            continue
        yield Finding(
            rule=RULE.id,
            title=RULE.title,
            severity=RULE.severity,
            applicability=RULE.applicability,
            subject=installation.where,
            sentence=f"The setup of {installation.where} was interrupted: every start ends before the logon.",
            evidence=(
                Evidence("registry value", f"{KEY} setup.exe", str(BEGUN), str(DONE)),
                Evidence("registry value", "Setup SystemSetupInProgress", "1"),
            ),
            fix="marks the interrupted part of setup as done, so that setup goes on",
            details={"volume": str(installation.volume.number), "path": installation.hive_path("SYSTEM")},
        )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Let setup go on."""
    yield SetValue.dword(int(finding.details["volume"]), finding.details["path"], KEY, "setup.exe", DONE)


def break_(workspace: Workspace) -> None:
    """Leave setup in the middle."""
    for installation in workspace.machine.windows:
        place = (installation.volume.number, installation.hive_path("SYSTEM"))
        SetValue.dword(*place, "Setup", "SystemSetupInProgress", BEGUN).do(workspace)
        SetValue.dword(*place, KEY, "setup.exe", BEGUN).do(workspace)
