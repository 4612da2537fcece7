"""Make one part of a GPT anew out of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import RefusedError, place
from bootmend.machine.boot_sectors import mbr_of
from bootmend.model import Change
from bootmend.partition.edit import protective_mbr, rebuilt_gpt
from bootmend.partition.gpt import read_copy

if TYPE_CHECKING:
    from bootmend.machine import Workspace
    from bootmend.partition import TableFault
    from bootmend.partition.edit import Piece


class WriteGptCopy(NamedTuple):
    """Make the ``primary`` or ``backup`` table, or the ``protective MBR``, whichever ``part`` says, from what is whole."""

    part: str
    kind: str = "write-gpt-copy"

    def do(self, workspace: Workspace) -> list[Change]:
        """Write it; nothing to do where that part is whole."""
        table = workspace.machine.table
        fault = next((one for one in table.faults if one.part == self.part), None) if table is not None else None
        if table is None or fault is None:
            return []
        with place("partition table"):
            for piece in _pieces(workspace, table.sector, fault):
                workspace.write_disk(*piece)
        return [Change("partition table", "GPT", self.part, fault.what, f"whole, at sector {fault.lba}")]


def _pieces(workspace: Workspace, sector: int, fault: TableFault) -> list[Piece]:
    disk = workspace.machine.disk
    assert disk is not None
    if fault.part == "protective MBR":
        return protective_mbr(mbr_of(workspace.machine), disk.size, sector)
    good = read_copy(disk, sector, 1 if fault.part == "backup" else _backup_place(workspace))
    if good.header is None:
        raise RefusedError("there is no whole copy of the table")
    return rebuilt_gpt(disk, sector, good.header, fault.lba, good.entries)


def _backup_place(workspace: Workspace) -> int:
    """The sector of the backup's header, from which the table was read."""
    table = workspace.machine.table
    assert table is not None
    return next(offset // table.sector for what, offset, _ in table.anchors() if what == "backup GPT header")
