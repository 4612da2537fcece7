r"""On an MBR disk exactly one partition must be active, and it must be the one with the boot manager.

The boot code of the MBR starts the one partition that is marked active.  With none it stops with "Missing operating
system" or "An operating system wasn't found", with several it calls the partition table invalid, and where the wrong one is
marked its boot sector says "BOOTMGR is missing".  The right one has ``\bootmgr`` and ``\Boot\BCD``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import listed
from bootmend.machine.system_volume import holds_a_system
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetActivePartition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="no-active-partition",
    title="No partition, or the wrong one, is marked active",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=(
        "BOOTMGR is missing",
        "Boot failure. Reboot and Select proper Boot device",
        "Missing operating system",
        "An operating system wasn't found. Try disconnecting any drives that don't contain an operating system.",
        "Invalid partition table",
    ),
    references=("BOOTMGR is missing; Windows boot failure (Azure troubleshooting documentation)",),
    phase=Phase.PREBOOT,
    firmware="BIOS",
)


def detect(machine: Machine) -> Iterator[Finding]:
    """Compare the active flag of an MBR disk with where the boot manager is."""
    table = machine.table
    if table is None or table.scheme != "MBR" or machine.firmware != "BIOS" or not holds_a_system(machine):
        return
    active = [volume for volume in machine.volumes if volume.partition is not None and volume.partition.active]
    if len(active) == 1 and (not _readable(machine, active[0]) or _starts(active[0])):
        return
    candidates = _candidates(machine, active)
    if len(active) == 1 and not candidates:
        return  # nothing to start from is anywhere: that the boot manager is missing is another finding
    yield _finding(active, candidates)


def _readable(machine: Machine, volume: Volume) -> bool:
    return any(volume is one for one in machine.readable_volumes)


def _starts(volume: Volume) -> bool:
    return volume.exists("\\bootmgr") or volume.exists("\\Boot\\BCD")


def _candidates(machine: Machine, active: list[Volume]) -> list[Volume]:
    """The primary partitions that could be started from; of several, the best: both files, then one that is active."""
    primary = [each for each in machine.readable_volumes if each.partition is not None and not each.partition.logical]
    found = [volume for volume in primary if _starts(volume)]
    whole = [volume for volume in found if volume.exists("\\bootmgr") and volume.exists("\\Boot\\BCD")] or found
    return [volume for volume in whole if volume in active] or whole


def _finding(active: list[Volume], candidates: list[Volume]) -> Finding:
    sure = len(candidates) == 1
    marked = f"{listed(volume.name for volume in active)} {'is' if len(active) == 1 else 'are'} active" if active else "no one is"
    if sure:
        rest = f"{candidates[0].name} has the boot manager"
    elif candidates:
        rest = f"{listed(volume.name for volume in candidates)} have a boot manager"
    else:
        rest = "no volume that can be read has a boot manager"
    places = [Evidence("file", volume.where("\\bootmgr"), "there") for volume in candidates if volume.exists("\\bootmgr")]
    places += [Evidence("file", volume.where("\\Boot\\BCD"), "there") for volume in candidates if volume.exists("\\Boot\\BCD")]
    expected = candidates[0].name if sure else "one partition"
    found = " and ".join(volume.name for volume in active) or "none"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE if sure else Applicability.MANUAL,
        subject="active partition",
        sentence=f"Of the partitions {marked}, and {rest}." if active else f"No partition is active, and {rest}.",
        evidence=(Evidence("active", "partition table", found, expected), *places),
        fix=f"marks {candidates[0].name} active, and no other" if sure else "mark the right partition active with diskpart",
        details={"target": str(candidates[0].number) if sure else ""},
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Mark the partition with the boot manager active, and no other."""
    if finding.details["target"]:
        yield SetActivePartition(int(finding.details["target"]))


def break_(workspace: Workspace) -> None:
    """Take the active flag away, as a partitioning tool does with a wrong click."""
    if workspace.machine.table is not None and workspace.machine.table.scheme == "MBR":
        SetActivePartition(None).do(workspace)
