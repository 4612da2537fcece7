"""Write boot code into the MBR: ``bootrec /fixmbr``, with code of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.machine.boot_sectors import mbr_of
from bootmend.model import Change
from bootmend.partition.boot_code import MBR_CODE_SIZE, OUR_MBR_CODE, owner

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class WriteBootCode(NamedTuple):
    """Put our boot code into the first 440 bytes of the disk; signature and partition table stay."""

    kind: str = "write-boot-code"

    def do(self, workspace: Workspace) -> list[Change]:
        """Write it; nothing to do where it is there."""
        before = mbr_of(workspace.machine)[:MBR_CODE_SIZE]
        after = OUR_MBR_CODE.ljust(MBR_CODE_SIZE, b"\0")
        if not before:
            raise MissingError("there is no disk with a first sector")
        if before == after:
            return []
        workspace.write_disk(0, after)
        who = owner(before)
        shown = "zeros" if who == "nobody" else f"code of {who or 'an unknown program'}"
        return [Change("MBR", "boot code", "code", shown, "bootmend's own: starts the active partition")]
