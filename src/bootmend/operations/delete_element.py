"""Delete an element of a BCD object: ``bcdedit /deletevalue``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.model import Change
from bootmend.operations.elements import group, shown

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class DeleteElement(NamedTuple):
    """Delete ``element`` (its name or id) of ``object_id`` in the store ``path`` of ``volume``."""

    volume: int
    path: str
    object_id: str
    element: str
    kind: str = "delete-element"

    def do(self, workspace: Workspace) -> list[Change]:
        """Delete it; nothing to do where it is not there."""
        store = workspace.store(self.volume, self.path)
        obj = store.get(self.object_id)
        if obj is None:
            raise MissingError(f"the store has no object {self.object_id}")
        found = obj.element(self.element)
        if found is None:
            return []
        before = shown(workspace, store, obj, self.element)
        store.delete_element(obj.id, found.id)
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, group(obj), found.name, before, None)]
