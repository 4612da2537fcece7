"""Give a GPT partition its type back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError, place
from bootmend.model import Change
from bootmend.partition import type_name
from bootmend.partition.edit import retyped

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class SetPartitionType(NamedTuple):
    """Set the type GUID of the partition ``volume``, in both copies of the table."""

    volume: int
    type: str
    kind: str = "set-partition-type"

    def do(self, workspace: Workspace) -> list[Change]:
        """Set it; nothing to do where it has that type."""
        machine = workspace.machine
        volume = machine.volume(self.volume)
        table, partition, disk = machine.table, volume.partition, machine.disk
        if table is None or partition is None or disk is None:
            raise MissingError("there is no partition table", at=volume.name)
        if partition.type == self.type:
            return []
        with place("partition table"):
            for piece in retyped(disk, table.sector, partition.slot, self.type):
                workspace.write_disk(*piece)
        return [
            Change("partition table", f"partition {partition.index}", "type", type_name(partition.type), type_name(self.type))
        ]
