"""Give a disk its MBR signature or GPT disk GUID back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class SetDiskId(NamedTuple):
    """Set the identity of the disk: ``0x5eed0067`` for MBR, ``{guid}`` for GPT."""

    disk_id: str
    kind: str = "set-disk-id"

    def do(self, workspace: Workspace) -> list[Change]:
        """Set it; nothing to do where the disk has that id already."""
        table = workspace.machine.table
        assert table is not None
        before = table.disk_id
        if before == self.disk_id:
            return []
        workspace.set_disk_id(self.disk_id)
        name = "disk signature" if table.scheme == "MBR" else "disk GUID"
        return [Change("partition table", table.scheme, name, before, self.disk_id)]
