"""The first sector of an MBR disk must hold code that starts the active partition, and end with 55 AA.

A BIOS runs the first sector only where it ends with 55 AA.  Zeros there, or the leftover of another boot loader whose
own files are gone, start nothing.  Microsoft's boot code is not ours to give; the job is small and documented, so
code of our own is written.  Code that is merely unknown is left alone: there are many good ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine.boot_sectors import mbr_of
from bootmend.machine.system_volume import holds_a_system
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetBootSignature, WriteBootCode
from bootmend.partition.boot_code import MBR_CODE_SIZE, owner
from bootmend.partition.bootsector import file_system, has_signature
from bootmend.partition.mbr import EXTENDED, MBR_SIZE, PROTECTIVE, Entry, parse_entries, plausible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Workspace
    from bootmend.operations import Operation
    from bootmend.source import Source

RULE = Rule(
    id="mbr-bootcode-damaged",
    title="The boot code in the disk's first sector is gone",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    screen_texts=(
        "Missing operating system",
        "Error loading operating system",
        "No bootable device",
        "Boot failed: not a bootable disk",
        "FATAL: No bootable medium found! System halted.",
        "Operating System not found",
    ),
    references=("Advanced troubleshooting for Windows boot problems (Windows troubleshooting documentation)",),
    phase=Phase.PREBOOT,
    firmware="BIOS",
)
LINUX_TYPES = frozenset({0x82, 0x83, 0x85, 0x8E, 0xFD})
"""with one of these on the disk, a Linux boot loader in the MBR may be at home there"""


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the first sector of every MBR disk: its 55 AA, and whose code it holds."""
    mbr = mbr_of(machine)
    if not mbr or not _is_mbr_disk(machine, mbr):
        return
    who = owner(mbr[:MBR_CODE_SIZE])
    if who and who != "nobody" and any(entry.type in LINUX_TYPES for entry in parse_entries(mbr)):
        who = ""
    if who or not has_signature(mbr):
        yield _finding(who, signed=has_signature(mbr))


def _is_mbr_disk(machine: Machine, mbr: bytes) -> bool:
    """Whether Windows on this disk is started by an MBR; one without its 55 AA is told by what its entries lead to."""
    if machine.layout_failure is None:
        return (
            machine.table is not None and machine.table.scheme == "MBR" and machine.firmware == "BIOS" and holds_a_system(machine)
        )
    if has_signature(mbr) or machine.disk is None:
        return False
    entries = [entry for entry in parse_entries(mbr) if entry.used]
    if any(entry.type == PROTECTIVE for entry in entries) or not plausible(entries, machine.disk.size):
        return False
    return all(entry.type in EXTENDED or _leads_to_a_volume(machine.disk, entry) for entry in entries)


def _leads_to_a_volume(disk: Source, entry: Entry) -> bool:
    start = entry.first * MBR_SIZE
    return start + MBR_SIZE <= disk.size and file_system(disk.read_at(start, MBR_SIZE)) is not None


def _finding(who: str, *, signed: bool) -> Finding:
    foreign = who not in {"", "nobody"}
    wiped = who == "nobody"
    if wiped:
        what = "holds no boot code" + ("" if signed else " and has lost its 55 AA")
    elif foreign:
        what = f"holds the boot code of {who}, and nothing of that is on the disk"
    else:
        what = "has lost its 55 AA, without which no BIOS runs it"
    evidence = [Evidence("boot code", "sector 0", "zeros" if wiped else who or "there", "code that starts the active partition")]
    if not signed:
        evidence.append(Evidence("boot signature", "sector 0", "not there", "55 AA"))
    fixes = [f"writes bootmend's own boot code over {'zeros' if wiped else who}"] if who else []
    fixes += [] if signed else ["writes 55 AA"]
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.UNSAFE if foreign else Applicability.SAFE,
        subject="MBR",
        sentence=f"The first sector of the disk {what}.",
        evidence=tuple(evidence),
        fix=" and ".join(fixes) + "; signature and partitions stay",
        details={"code": "yes" if who else "", "signature": "" if signed else "yes"},
        hides=not signed,
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Write our boot code where none is or a foreign one is, and the 55 AA where it is gone."""
    if finding.details["code"]:
        yield WriteBootCode()
    if finding.details["signature"]:
        yield SetBootSignature()


def break_(workspace: Workspace) -> None:
    """Overwrite the boot code with zeros."""
    if workspace.machine.table is not None and workspace.machine.table.scheme == "MBR":
        workspace.write_disk(0, bytes(MBR_CODE_SIZE))
