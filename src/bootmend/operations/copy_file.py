"""Copy a file of the disk to another place on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class CopyFile(NamedTuple):
    """Copy ``source`` of the volume ``from_volume`` to ``target`` of the volume ``to_volume``.

    A file of the same length is overwritten where it lies; else a new one is made.
    """

    from_volume: int
    source: str
    to_volume: int
    target: str
    kind: str = "copy-file"

    def do(self, workspace: Workspace) -> list[Change]:
        """Copy it; nothing to do where the target holds these bytes already."""
        machine = workspace.machine
        data = machine.volume(self.from_volume).tree.read(self.source)
        there = machine.volume(self.to_volume)
        entry = there.tree.lookup(self.target)
        if entry is not None and entry.size == len(data):
            if there.tree.read(self.target) == data:
                return []
            workspace.overwrite_file(self.to_volume, self.target, data)
        else:
            workspace.create_file(self.to_volume, self.target, data)
        before = None if entry is None else f"{entry.size} bytes"
        origin = machine.volume(self.from_volume).where(self.source)
        return [Change(there.where(self.target), "file", "contents", before, f"{len(data)} bytes of {origin}")]
