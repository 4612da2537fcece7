"""Copy the boot code of one NTFS volume to another: both were written by the same Windows, or would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.machine.boot_sectors import NTFS_BOOT_FILE, boot_sector
from bootmend.model import Change
from bootmend.partition.boot_code import NTFS_CODE

if TYPE_CHECKING:
    from bootmend.machine import Workspace

JUMP = slice(0, 3)


class CopyBootCode(NamedTuple):
    """Copy the boot code of ``source`` to ``target``: the jump, the code of sector 0 and sectors 1 to 15 of ``$Boot``.

    What the boot sector says of its own volume stays.
    """

    source: int
    target: int
    kind: str = "copy-boot-code"

    def do(self, workspace: Workspace) -> list[Change]:
        """Copy it; nothing to do where the code is the same."""
        donor, volume = (workspace.machine.volume(number) for number in (self.source, self.target))
        assert donor.source is not None
        assert volume.source is not None
        code, old = donor.source.read_at(0, NTFS_BOOT_FILE), volume.source.read_at(0, NTFS_BOOT_FILE)
        first = bytearray(boot_sector(volume))
        first[JUMP], first[NTFS_CODE] = code[JUMP], code[NTFS_CODE]
        new = bytes(first) + code[len(first) :]
        if new == old:
            return []
        workspace.write_volume(self.target, len(first), new[len(first) :])
        workspace.write_volume(self.target, 0, bytes(first))
        return [Change(volume.name, "boot sector", "boot code", "starts nothing", f"that of {donor.name}")]
