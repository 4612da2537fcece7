"""Tell a volume's boot code where on the disk the volume begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.machine.boot_sectors import HIDDEN_SECTORS, boot_sector, sound_backup
from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class SetHiddenSectors(NamedTuple):
    """Set the number of sectors before ``volume`` in its boot sector, and in the backup of that."""

    volume: int
    sectors: int
    kind: str = "set-hidden-sectors"

    def do(self, workspace: Workspace) -> list[Change]:
        """Set it; nothing to do where it is right."""
        volume = workspace.machine.volume(self.volume)
        after = self.sectors.to_bytes(4, "little")
        before = boot_sector(volume)[HIDDEN_SECTORS]
        if before == after:
            return []
        backup = sound_backup(volume)
        workspace.write_volume(self.volume, HIDDEN_SECTORS.start, after)
        if backup is not None:
            workspace.write_volume(self.volume, backup.offset + HIDDEN_SECTORS.start, after)
        shown = str(int.from_bytes(before, "little"))
        return [Change(volume.name, "boot sector", "hidden sectors", shown, str(self.sectors))]
