"""Set an element of a BCD object: ``bcdedit /set``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.model import Change
from bootmend.operations.elements import group, shown

if TYPE_CHECKING:
    from bootmend.bcd import Device
    from bootmend.machine import Workspace


class SetElement(NamedTuple):
    """Give ``element`` (its name or id) of ``object_id`` the typed ``value``."""

    volume: int
    path: str
    object_id: str
    element: str | int
    value: Device | str | int | bool | tuple[str, ...] | tuple[int, ...] | bytes
    kind: str = "set-element"

    def do(self, workspace: Workspace) -> list[Change]:
        """Set it; nothing to do where it has that value already."""
        store = workspace.store(self.volume, self.path)
        obj = store.get(self.object_id)
        if obj is None:
            raise MissingError(f"the store has no object {self.object_id}")
        found = obj.element(self.element)
        if found is not None and found.value == self.value:
            return []
        before = shown(workspace, store, obj, self.element)
        store.set_element(obj.id, self.element, self.value)
        obj = store.get(self.object_id)
        assert obj is not None
        after = shown(workspace, store, obj, self.element)
        changed = obj.element(self.element)
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, group(obj), changed.name if changed else str(self.element), before, after)]
