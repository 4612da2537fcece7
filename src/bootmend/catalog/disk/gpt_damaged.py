"""Both copies of a GPT must be whole, and the protective MBR must announce them.

A GPT is kept twice: at the beginning of the disk and at its end, each with checksums.  Firmware and Windows look for it
only where the protective MBR says so, and not every firmware turns to the backup.  Each part can be made anew from
the other.  A backup that is not at the end of the disk is no fault: the disk was enlarged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import WriteGptCopy
from bootmend.partition import looks_like_gpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.errors import BootmendError
    from bootmend.machine import Machine, Workspace
    from bootmend.operations import Operation
    from bootmend.partition import TableFault

RULE = Rule(
    id="gpt-damaged",
    title="The partition table (GPT) is damaged",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=(
        "No bootable device",
        "The boot loader did not load an operating system",
        "BdsDxe: No bootable option or device was found",
    ),
    references=("UEFI specification 2.10, section 5.3",),
    phase=Phase.PREBOOT,
    firmware="UEFI",
)
BACKUP = "backup"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the checksums of both copies and at the protective MBR; all of it was read to find the partitions."""
    failure = machine.layout_failure
    if failure is not None:
        if machine.disk is not None and isinstance(failure, CorruptError) and looks_like_gpt(machine.disk):
            yield _lost(failure)
        return
    table = machine.table
    for fault in table.faults if table is not None else ():
        yield _finding(fault)


def _finding(fault: TableFault) -> Finding:
    backup = fault.part == BACKUP
    source = "backup" if fault.part == "primary" else "primary table" if backup else "table itself"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING if backup else Severity.ERROR,
        applicability=Applicability.SAFE,
        subject=f"GPT {fault.part}",
        sentence=f"The {fault.part} of the disk's GPT is damaged: {fault.what}. The {source} is whole"
        + (", and the machine can start from it." if backup else "; firmware may not turn to it."),
        evidence=(
            Evidence("partition table", f"GPT {fault.part}, sector {fault.lba}", fault.what, "whole, with right checksums"),
        ),
        fix=f"makes the {fault.part} anew from the {source}",
        details={"part": fault.part},
        hides=not backup,
    )


def _lost(failure: BootmendError) -> Finding:
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.MANUAL,
        subject="GPT",
        sentence="Neither copy of the disk's GPT can be used, so its partitions cannot be told.",
        evidence=(Evidence("partition table", "GPT", failure.message, "one whole copy at least"),),
        fix="find the partitions again with a tool such as TestDisk, on a copy, or restore the disk",
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Make the damaged part anew from what is whole."""
    if finding.details.get("part"):
        yield WriteGptCopy(finding.details["part"])


def break_(workspace: Workspace) -> None:
    """Overwrite the header of the primary table with zeros."""
    table = workspace.machine.table
    if table is not None and table.scheme == "GPT":
        workspace.write_disk(table.sector, bytes(table.sector))
