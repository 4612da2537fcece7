r"""A UEFI disk must have an EFI system partition that the firmware finds and can read.

UEFI firmware starts ``\EFI\...`` from a FAT volume whose partition has the type "EFI system partition".  When that type was
changed, the files are there and nobody looks for them: the type is set back.  A partition that is gone, or whose FAT
cannot be read, must be made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import listed
from bootmend.machine.boot_sectors import sound_backup
from bootmend.machine.generations import mismatch
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetPartitionType
from bootmend.partition import type_name
from bootmend.partition.table import BASIC_DATA, ESP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="esp-missing",
    title="The EFI system partition is missing or cannot be read",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=(
        "No UEFI-compatible file system was found",
        "The boot loader did not load an operating system.",
        "No operating system was loaded. Your virtual machine may be configured incorrectly.",
        "Start PXE over IPv4",
    ),
    references=("self-help article on 'No UEFI-compatible file system was found' (Azure SelfHelpContent)",),
    phase=Phase.PREBOOT,
    firmware="UEFI",
)
SIGNS = ("\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "\\EFI\\Microsoft\\Boot\\BCD", "\\EFI\\Boot\\bootx64.efi")
MAKE_ONE = "make an EFI system partition of 100 MB in Windows PE, then  bcdboot W:\\Windows /s S: /f UEFI"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for the type in the GPT, and for the FAT volume that has the firmware's files."""
    table = machine.table
    if table is None or table.scheme != "GPT" or mismatch(machine):
        return
    typed = [volume for volume in machine.volumes if volume.partition is not None and volume.partition.type == ESP]
    if not typed:
        yield _untyped(machine)
    elif not any(_is_readable(machine, volume) for volume in typed) and not any(map(sound_backup, typed)):
        yield _unreadable(machine, typed)


def _is_readable(machine: Machine, volume: Volume) -> bool:
    return volume.kind.startswith("FAT") and any(volume is one for one in machine.readable_volumes)


def _untyped(machine: Machine) -> Finding:
    found = [
        volume
        for volume in machine.readable_volumes
        if volume.kind.startswith("FAT") and any(volume.exists(path) for path in SIGNS)
    ]
    sure = len(found) == 1
    types = [Evidence("partition type", each.name, type_name(_type(each)), "EFI system") for each in found]
    files = [Evidence("file", each.where(path), "there") for each in found for path in SIGNS if each.exists(path)]
    names = listed(each.name for each in found) if found else ""
    rest = f"{names} has its files under another type" if sure else f"{names} could be it" if found else "none could be it"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.SAFE if sure else Applicability.MANUAL,
        subject="EFI system partition",
        sentence=f"No partition is marked as the EFI system partition; {rest}.",
        evidence=(*types, *files) or (Evidence("partition table", "GPT", "no EFI system partition", "one"),),
        fix=f"gives {found[0].name} the type of an EFI system partition" if sure else MAKE_ONE,
        details={"target": str(found[0].number) if sure else ""},
        hides=True,
    )


def _type(volume: Volume) -> int | str:
    assert volume.partition is not None
    return volume.partition.type


def _unreadable(machine: Machine, typed: list[Volume]) -> Finding:
    reasons = {volume.number: str(error.message) for volume, error in machine.unreadable}
    shown = [Evidence("volume", each.name, reasons.get(each.number, each.kind), "FAT32") for each in typed]
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.MANUAL,
        subject="EFI system partition",
        sentence=f"The EFI system partition {listed(each.name for each in typed)} holds no FAT that can be read, "
        "nor a backup of it.",
        evidence=tuple(shown),
        fix=f"format it with FAT32 in Windows PE, then  {MAKE_ONE.partition('then  ')[2]}",
        details={"volume": str(typed[0].number)},
        hides=True,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Give the one volume that has the files its type back."""
    if finding.details.get("target"):
        yield SetPartitionType(int(finding.details["target"]), ESP)


def break_(workspace: Workspace) -> None:
    """Give the EFI system partition the type of a data partition, as partitioning tools do."""
    for volume in workspace.machine.volumes:
        if volume.partition is not None and volume.partition.type == ESP:
            SetPartitionType(volume.number, BASIC_DATA).do(workspace)
