"""Create a BCD object: ``bcdedit /create``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change
from bootmend.operations.elements import group

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class CreateObject(NamedTuple):
    """Create the object ``object_id`` of ``object_type`` in the store ``path`` of ``volume``."""

    volume: int
    path: str
    object_id: str
    object_type: int
    kind: str = "create-object"

    def do(self, workspace: Workspace) -> list[Change]:
        """Create it, empty; nothing to do where it is there."""
        store = workspace.store(self.volume, self.path)
        if store.get(self.object_id) is not None:
            return []
        store.create_object(self.object_id, self.object_type)
        obj = store.get(self.object_id)
        assert obj is not None
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, group(obj), "object", None, obj.title)]
