"""Delete a BCD object: ``bcdedit /delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change
from bootmend.operations.elements import group

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class DeleteObject(NamedTuple):
    """Delete the object ``object_id`` from the store ``path`` of ``volume``; what refers to it stays."""

    volume: int
    path: str
    object_id: str
    kind: str = "delete-object"

    def do(self, workspace: Workspace) -> list[Change]:
        """Delete it; nothing to do where it is not there."""
        store = workspace.store(self.volume, self.path)
        obj = store.get(self.object_id)
        if obj is None:
            return []
        store.delete_object(obj.id)
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, group(obj), "object", obj.title, None)]
