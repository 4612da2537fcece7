"""Which volume the firmware starts from, by the partition table alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.partition.table import ESP

if TYPE_CHECKING:
    from bootmend.machine.machine import Machine
    from bootmend.machine.volumes import Volume

STORES = {"BIOS": "\\Boot\\BCD", "UEFI": "\\EFI\\Microsoft\\Boot\\BCD"}
"""where the boot manager of each firmware reads its store"""


def system_volumes(machine: Machine, firmware: str) -> list[Volume]:
    """The readable volumes that the firmware would start from: active partitions (BIOS), EFI system partitions (UEFI).

    None for a directory and for a disk without a table: nothing says there what is started.
    """
    table = machine.table
    if table is None or table.scheme != {"BIOS": "MBR", "UEFI": "GPT"}[firmware]:
        return []
    return [volume for volume in machine.readable_volumes if is_system(volume, firmware)]


def is_system(volume: Volume, firmware: str) -> bool:
    """Whether the partition table says that this volume is started from."""
    partition = volume.partition
    if partition is None:
        return False
    return partition.type == ESP if firmware == "UEFI" else partition.active


def holds_a_system(machine: Machine) -> bool:
    """Whether anything on the disk is there to be started: a data disk needs no boot code and no active partition."""
    return bool(machine.windows or machine.stores)
