"""A set-up that was interrupted must be able to go on.

While set-up runs, ``SYSTEM\\Setup\\Status\\ChildCompletion`` holds 1 for ``setup.exe``, and 3 when that part is done.  A restart in
between leaves the 1, and every further start ends at the message that the computer restarted unexpectedly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.operations import Operation
    from bootmend.registry import Hive

RULE = Rule(
    id="sysprep-unexpected-restart",
    title="Set-up was interrupted by a restart",
    severity=Severity.ERROR,
    applicability=Applicability.UNSAFE,
    screen_texts=(
        "The computer restarted unexpectedly or encountered an unexpected error.",
        "Windows installation cannot proceed.",
    ),
    references=("The computer restarted unexpectedly during VM boot (Azure troubleshooting documentation)",),
    phase=Phase.SESSION,
)
SETUP = "Setup"
COMPLETION = "Setup\\Status\\ChildCompletion"
PROGRAM = "setup.exe"
BEGUN, DONE = 1, 3
ANSWERS = "Panther\\unattend.xml"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at each installation: a part of set-up that was begun, in a Windows that is still being set up."""
    for windows in machine.windows:
        hive = windows.system.hive
        if _number(hive, COMPLETION, PROGRAM) == BEGUN and _number(hive, SETUP, "SystemSetupInProgress"):
            yield _finding(windows)


def _number(hive: Hive, path: str, name: str) -> int | None:
    key = hive.key(path)
    value = key.value(name) if key else None
    return value.integer() if value else None


def _finding(windows: WindowsInstallation) -> Finding:
    path = windows.hive_path("SYSTEM")
    answers = windows.path(ANSWERS)
    found = Evidence("answer file", windows.volume.where(answers), "there: set-up will read it again")
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.UNSAFE,
        subject=windows.where,
        sentence=f"The set-up of {windows.where} was interrupted; it refuses to go on, and offers only to install again.",
        evidence=(
            Evidence("hive", windows.volume.where(path), "the SYSTEM hive"),
            Evidence("value", f"{COMPLETION} {PROGRAM}", f"{BEGUN} (begun)", f"{DONE} (done)"),
            Evidence("value", f"{SETUP} SystemSetupInProgress", "1"),
            *((found,) if windows.volume.exists(answers) else ()),
        ),
        fix="marks the interrupted part as done, so that set-up goes on; what it left out stays left out",
        details={"volume": str(windows.volume.number), "path": path},
    )


def repair(finding: Finding, _workspace: Workspace) -> Iterator[Operation]:
    """Mark the part as done; the answer file stays, for it may be what the machine needs."""
    details = finding.details
    yield SetValue.dword(int(details["volume"]), details["path"], COMPLETION, PROGRAM, DONE)


def break_(workspace: Workspace) -> None:
    """Be interrupted in the middle of set-up."""
    for windows in workspace.machine.windows:
        where = windows.volume.number, windows.hive_path("SYSTEM")
        SetValue.dword(*where, SETUP, "SystemSetupInProgress", 1).do(workspace)
        SetValue.dword(*where, COMPLETION, PROGRAM, BEGUN).do(workspace)
