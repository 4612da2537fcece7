"""Give a first sector its 55 AA back, without which nothing is started from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.machine.boot_sectors import mbr_of
from bootmend.model import Change
from bootmend.partition.edit import BOOT_SIGNATURE

if TYPE_CHECKING:
    from bootmend.machine import Workspace

SIGNATURE_AT = 510


class SetBootSignature(NamedTuple):
    """Write 55 AA at the end of the disk's first sector."""

    kind: str = "set-boot-signature"

    def do(self, workspace: Workspace) -> list[Change]:
        """Write it; nothing to do where it is there."""
        before = mbr_of(workspace.machine)[SIGNATURE_AT:]
        if before == BOOT_SIGNATURE:
            return []
        workspace.write_disk(SIGNATURE_AT, BOOT_SIGNATURE)
        return [Change("MBR", "boot signature", "bytes 510 and 511", before.hex(" ").upper(), "55 AA")]
