"""Delete a file of the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class DeleteFile(NamedTuple):
    """Delete the file ``path`` of ``volume``; its clusters are not wiped, and the undo gives it back."""

    volume: int
    path: str
    kind: str = "delete-file"

    def do(self, workspace: Workspace) -> list[Change]:
        """Delete it; nothing to do where it is not there."""
        volume = workspace.reopened().volume(self.volume)
        entry = volume.tree.lookup(self.path)
        if entry is None:
            return []
        workspace.delete_file(self.volume, self.path)
        return [Change(volume.where(self.path), "file", "contents", f"{entry.size} bytes", None)]
