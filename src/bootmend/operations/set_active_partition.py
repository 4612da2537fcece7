"""Mark one partition of an MBR disk as active: ``diskpart``'s ``active``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.machine.boot_sectors import mbr_of
from bootmend.model import Change
from bootmend.partition.edit import activate

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class SetActivePartition(NamedTuple):
    """Mark the partition ``volume`` active and no other one; None marks none at all."""

    volume: int | None
    kind: str = "set-active-partition"

    def do(self, workspace: Workspace) -> list[Change]:
        """Set the flags; nothing to do where they are right."""
        machine = workspace.machine
        partition = machine.volume(self.volume).partition if self.volume is not None else None
        pieces = activate(mbr_of(machine), partition.slot if partition is not None else None)
        before = [volume.name for volume in machine.volumes if volume.partition is not None and volume.partition.active]
        for piece in pieces:
            workspace.write_disk(*piece)
        after = "none" if self.volume is None else f"volume {self.volume}"
        return [Change("partition table", "MBR", "active", " and ".join(before) or "none", after)] if pieces else []
