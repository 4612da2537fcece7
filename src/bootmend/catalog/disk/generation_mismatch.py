"""The partition table, the boot files and the machine must be for the same firmware.

A BIOS machine (generation 1) starts Windows from an MBR disk and ``\\Boot\\BCD``, a UEFI machine (generation 2) from a GPT disk
and ``\\EFI\\Microsoft\\Boot\\BCD``.  A disk whose table was converted without its boot files starts on neither; one
that was attached to a machine of the other generation only needs the right machine.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bootmend.machine.generations import mismatch
from bootmend.machine.system_volume import STORES
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Workspace
    from bootmend.machine.generations import Mismatch
    from bootmend.operations import Operation
    from bootmend.partition import PartitionTable

RULE = Rule(
    id="generation-mismatch",
    title="The disk is made for another kind of firmware",
    severity=Severity.ERROR,
    applicability=Applicability.MANUAL,
    screen_texts=(
        "No UEFI-compatible file system was found",
        "The boot loader did not load an operating system",
        "Boot failure. Reboot and Select proper Boot device",
    ),
    references=("self-help article on 'No UEFI-compatible file system was found' (Azure SelfHelpContent)",),
    phase=Phase.PREBOOT,
)
GENERATION = {"BIOS": "generation 1 (BIOS)", "UEFI": "generation 2 (UEFI)"}
SCHEME = {"BIOS": "MBR", "UEFI": "GPT"}
UEFI_STORE = STORES["UEFI"]


def detect(machine: Machine) -> Iterator[Finding]:
    """Compare the partition table with the boot files, and both with what the machine is said to be."""
    found = mismatch(machine)
    if found is not None:
        yield _converted(found)
    elif machine.expected_firmware and machine.table is not None and machine.expected_firmware != machine.firmware:
        yield _other_machine(machine)


def _converted(found: Mismatch) -> Finding:
    back = "mbr2gpt" if found.files == "BIOS" else "a partitioning tool"
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.MANUAL,
        subject="generation",
        sentence=f"The partition table is {SCHEME[found.table]}, for {GENERATION[found.table]}, but the boot files are for "
        f"{GENERATION[found.files]}: no machine starts from both.",
        evidence=(
            Evidence("partition table", "sector 0", SCHEME[found.table], SCHEME[found.files]),
            Evidence("store", found.where, f"read by {found.files} machines only"),
        ),
        fix=f"convert the table back to {SCHEME[found.files]} with {back}, or write boot files for {found.table} with bcdboot",
        details={"table": found.table, "files": found.files},
    )


def _other_machine(machine: Machine) -> Finding:
    has, needs = machine.expected_firmware, machine.firmware
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR,
        applicability=Applicability.MANUAL,
        subject="machine",
        sentence=f"The disk starts on {GENERATION[needs]} machines; this machine is {GENERATION[has]}.",
        evidence=(Evidence("machine", "as it was said", GENERATION[has], GENERATION[needs]),),
        fix=f"attach the disk to a machine of {GENERATION[needs]}",
        details={"table": needs, "files": needs},
    )


def repair(_finding: Finding, _workspace: Workspace) -> Iterator[Operation]:
    """Nothing on the disk is changed: which of the two is right only a person can say."""
    yield from ()


def break_(workspace: Workspace) -> None:
    """Turn a GPT into an MBR with the same partitions; on an MBR disk give the boot files the places of UEFI's."""
    table = workspace.machine.table
    if table is None or table.scheme == "none":
        return
    if table.scheme == "GPT":
        _to_mbr(workspace, table)
    else:
        _to_uefi_files(workspace)


def _to_mbr(workspace: Workspace, table: PartitionTable) -> None:
    entries = b"".join(_entry(part.offset // table.sector, part.size // table.sector) for part in table.partitions[:4])
    workspace.write_disk(446, entries.ljust(64, b"\0"))
    for what, offset, length in table.anchors():
        if "header" in what:
            workspace.write_disk(offset, bytes(length))


def _entry(first: int, length: int) -> bytes:
    return struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x07, b"\xfe\xff\xff", first, length)


def _to_uefi_files(workspace: Workspace) -> None:
    for store in workspace.machine.stores:
        if store.firmware == "BIOS":
            number = store.volume.number
            default = store.store.default_id
            if default is not None:
                SetElement(number, store.path, default, "path", "\\Windows\\system32\\winload.efi").do(workspace)
            workspace.reopen()
            workspace.create_file(number, UEFI_STORE, workspace.machine.volume(number).tree.read(store.path))
            workspace.delete_file(number, store.path)
