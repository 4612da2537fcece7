"""The letter that Windows gave itself must belong to its own partition.

``MountedDevices`` notes which partition has which letter: the disk signature and the offset on MBR disks, ``DMIO:ID:``
and the partition's GUID on GPT ones.  After a clone the letter of Windows may name another partition, and no logon
comes to its end.  An entry that names another disk is left alone: Windows gives the letter anew.
"""

from __future__ import annotations

from struct import pack, unpack
from typing import TYPE_CHECKING

from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import SetValue
from bootmend.registry import ValueType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, WindowsInstallation, Workspace
    from bootmend.operations import Operation
    from bootmend.partition import Partition

RULE = Rule(
    id="p2v-wrong-letter",
    title="The drive letter of Windows belongs to another partition",
    severity=Severity.ERROR,
    applicability=Applicability.SAFE,
    stop_codes=("0xC000021A",),
    references=("Mount manager, persistent letters (Windows driver documentation)",),
    phase=Phase.SESSION,
)
KEY = "MountedDevices"
GPT_PREFIX = b"DMIO:ID:"
MBR_LENGTH = 12


def detect(machine: Machine) -> Iterator[Finding]:
    """Compare the letter in the registry with the partition of every installation."""
    for installation in machine.windows:
        right = _own_entry(machine, installation.volume.partition)
        name = f"\\DosDevices\\{installation.system_root[:2].upper()}"
        key = installation.system.hive.key(KEY) if right and name.endswith(":") else None
        value = key.value(name) if key is not None else None
        if value is not None and value.data != right and _is_of_this_disk(machine, value.data):
            yield _finding(installation, name, value.data, right)


def _own_entry(machine: Machine, partition: Partition | None) -> bytes:
    """What the mount manager notes of a partition; empty where there is no partition, or no identity."""
    if partition is None or machine.table is None:
        return b""
    if partition.guid:
        return GPT_PREFIX + _packed(partition.guid)
    signature = machine.table.signature
    return b"" if not signature else pack("<IQ", signature, partition.offset)


def _packed(guid: str) -> bytes:
    first, second, third, fourth, last = guid.strip("{}").split("-")
    return pack("<IHH", int(first, 16), int(second, 16), int(third, 16)) + bytes.fromhex(fourth + last)


def _is_of_this_disk(machine: Machine, data: bytes) -> bool:
    if data.startswith(GPT_PREFIX):
        return any(data == _own_entry(machine, volume.partition) for volume in machine.volumes)
    if len(data) != MBR_LENGTH or machine.table is None:
        return False
    signature: int = unpack("<I", data[:4])[0]
    return signature == machine.table.signature


def _finding(installation: WindowsInstallation, name: str, found: bytes, right: bytes) -> Finding:
    letter = name[-2:]
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=RULE.severity,
        applicability=RULE.applicability,
        subject=installation.where,
        sentence=f"{installation.where} calls itself {letter}, and its registry gives {letter} to another partition of the disk.",
        evidence=(Evidence("registry value", f"{KEY} {name}", found.hex(" "), right.hex(" ")),),
        stop_codes=RULE.stop_codes,
        fix=f"gives {letter} to the partition with this Windows",
        details={
            "volume": str(installation.volume.number),
            "path": installation.hive_path("SYSTEM"),
            "name": name,
            "right": right.hex(),
        },
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Give the letter to the partition with this Windows."""
    details = finding.details
    data = bytes.fromhex(details["right"])
    yield SetValue(int(details["volume"]), details["path"], KEY, details["name"], ValueType.BINARY, data)


def break_(workspace: Workspace) -> None:
    """Give the letter to the first partition of the disk, or, if that is the one of Windows, to a place behind its start."""
    machine = workspace.machine
    for installation in machine.windows:
        first = machine.volumes[0].partition
        data = _own_entry(machine, first)
        if first == installation.volume.partition and first is not None and machine.table is not None:
            data = pack("<IQ", machine.table.signature or 0, first.offset + (1 << 20))
        name = f"\\DosDevices\\{installation.system_root[:2].upper()}"
        place = (installation.volume.number, installation.hive_path("SYSTEM"), KEY, name)
        SetValue(*place, ValueType.BINARY, data).do(workspace)
