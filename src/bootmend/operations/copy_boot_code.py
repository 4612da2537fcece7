"""Copy the boot code of one NTFS volume to another: both were written by the same Windows, or would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.machine.boot_sectors import NTFS_BOOT_FILE, boot_sector, sound_backup
from bootmend.model import Change
from bootmend.partition.boot_code import NTFS_CODE

if TYPE_CHECKING:
    from bootmend.machine import Volume, Workspace

JUMP = slice(0, 3)


class CopyBootCode(NamedTuple):
    """Copy the boot code of ``source`` to ``target``: the jump, the code of sector 0 and sectors 1 to 15 of ``$Boot``.

    What the boot sector says of its own volume stays.  A volume that is its own source takes the code of its boot sector's
    backup; the sectors behind the first one stay then.
    """

    source: int
    target: int
    kind: str = "copy-boot-code"

    def do(self, workspace: Workspace) -> list[Change]:
        """Copy it; nothing to do where the code is the same."""
        donor, volume = (workspace.machine.volume(number) for number in (self.source, self.target))
        assert volume.source is not None
        old = volume.source.read_at(0, NTFS_BOOT_FILE)
        code = _code_of(donor, old if self.source == self.target else b"")
        first = bytearray(boot_sector(volume))
        first[JUMP], first[NTFS_CODE] = code[JUMP], code[NTFS_CODE]
        new = bytes(first) + code[len(first) :]
        if new == old:
            return []
        workspace.write_volume(self.target, len(first), new[len(first) :])
        workspace.write_volume(self.target, 0, bytes(first))
        origin = "that of its backup" if donor is volume else f"that of {donor.name}"
        return [Change(volume.name, "boot sector", "boot code", "starts nothing", origin)]


def _code_of(donor: Volume, own: bytes) -> bytes:
    """The first 8 KiB with the code: of a volume, or of the backup of its boot sector before the ``own`` rest."""
    assert donor.source is not None
    if not own:
        return donor.source.read_at(0, NTFS_BOOT_FILE)
    backup = sound_backup(donor)
    if backup is None:
        raise MissingError("there is no backup of the boot sector that fits the volume", at=donor.name)
    return backup.sector + own[len(backup.sector) :]
