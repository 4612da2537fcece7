"""The channel file 291 that CrowdStrike handed out on 2024-07-19 between 04:09 and 05:27 UTC must not be there.

Its sensor reads the file at every start and stops Windows with 0x50 or 0x7E in csagent.sys.  Later files of the same
name are good, and stay: the official scripts delete every file of that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.catalog.known_bad_files import bad_files
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import DeleteFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="crowdstrike-2024",
    title="A CrowdStrike channel file of 2024-07-19 stops Windows",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    stop_codes=("0x00000050", "0x0000007E"),
    names=("PAGE_FAULT_IN_NONPAGED_AREA", "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED"),
    screen_texts=("What failed: csagent.sys", "csagent.sys"),
    references=("KB5042421 (Microsoft)", "Azure/repair-script-library win-crowdstrike-fix-bootloop.ps1"),
    phase=Phase.KERNEL,
)
SAMPLE_FILE = "System32\\drivers\\CrowdStrike\\C-00000291-00000000-00000032.sys"
#: 2024-07-19 04:10 UTC
WRITTEN = 133_658_358_000_000_000


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for files of that name and time in every installation."""
    for installation in machine.windows:
        volume = installation.volume
        for path, entry in bad_files(installation, RULE.id):
            yield Finding(
                rule=RULE.id,
                title=RULE.title,
                severity=RULE.severity,
                applicability=RULE.applicability,
                subject=volume.where(path),
                sentence=f"{volume.where(path)} is the CrowdStrike channel file of 2024-07-19 that stops Windows at every start.",
                evidence=(
                    Evidence(
                        "file",
                        volume.where(path),
                        f"{entry.size} bytes, written between 04:09 and 05:27 UTC on 2024-07-19",
                        "one that was written later, or none",
                    ),
                ),
                stop_codes=RULE.stop_codes,
                fix="deletes 1 file; the sensor fetches a good one by itself",
                details={"volume": str(volume.number), "path": path},
            )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Delete the file."""
    yield DeleteFile(int(finding.details["volume"]), finding.details["path"])


def break_(workspace: Workspace) -> None:
    """Put such a file there, written in the night in question."""
    now, workspace.now = workspace.now, WRITTEN
    for installation in workspace.machine.windows:
        workspace.create_file(installation.volume.number, installation.path(SAMPLE_FILE), bytes(41_000))
    workspace.now = now
