"""Whether a disk is made for BIOS or for UEFI machines, by its table and by its boot files, and whether those agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bootmend.machine.machine import Machine

ESP_IN_MBR = 0xEF
"""the MBR partition type that UEFI firmware takes for an EFI system partition (UEFI specification 2.10, section 5.2.2)"""


class Mismatch(NamedTuple):
    """Firmware that the partition table is for, and the one that the boot files are for."""

    table: str
    files: str
    where: str


def mismatch(machine: Machine) -> Mismatch | None:
    """What does not agree; None where it does, or where nothing can be told.

    Windows starts from MBR disks by BIOS and from GPT disks by UEFI only.  A disk with boot files of both kinds agrees
    with either.  An MBR disk with a partition of type 0xEF can be started by UEFI, so it is left alone.
    """
    table = machine.table
    if table is None or table.scheme == "none":
        return None
    kinds = {store.firmware: store.where for store in machine.stores if not store.recovery}
    if len(kinds) != 1:
        return None
    ((files, where),) = kinds.items()
    expected = "BIOS" if table.scheme == "MBR" else "UEFI"
    if files == expected or any(partition.type == ESP_IN_MBR for partition in table.partitions):
        return None
    return Mismatch(expected, files, where)
