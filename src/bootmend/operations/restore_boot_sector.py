"""Restore a volume's boot sector from its backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.machine.boot_sectors import boot_sector, sound_backup
from bootmend.model import Change
from bootmend.partition.bootsector import file_system

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class RestoreBootSector(NamedTuple):
    """Copy the backup of the boot sector of ``volume`` to its first sector."""

    volume: int
    kind: str = "restore-boot-sector"

    def do(self, workspace: Workspace) -> list[Change]:
        """Restore it; nothing to do where both are the same."""
        volume = workspace.machine.volume(self.volume)
        backup = sound_backup(volume)
        if backup is None:
            raise MissingError("there is no backup of the boot sector that fits the volume", at=volume.name)
        before = boot_sector(volume)
        if before == backup.sector:
            return []
        workspace.write_volume(self.volume, 0, backup.sector)
        shown = "zeros" if not any(before) else file_system(before) or "no boot sector"
        return [
            Change(volume.name, "boot sector", "sector 0", shown, f"{file_system(backup.sector)}, from byte {backup.offset:#x}")
        ]
