"""Delete a value from a registry hive."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.model import Change
from bootmend.operations.set_value import value_text

if TYPE_CHECKING:
    from bootmend.machine import Workspace


class DeleteValue(NamedTuple):
    """Delete ``name`` below ``key`` of the hive file ``path`` on ``volume``."""

    volume: int
    path: str
    key: str
    name: str
    kind: str = "delete-value"

    def do(self, workspace: Workspace) -> list[Change]:
        """Delete it; nothing to do where it is not there."""
        hive = workspace.hive(self.volume, self.path)
        key = hive.key(self.key)
        old = key.value(self.name) if key else None
        if old is None:
            return []
        before = value_text(old)
        hive.delete_value(self.key, self.name)
        where = workspace.machine.volume(self.volume).where(self.path)
        return [Change(where, self.key, self.name, before, None)]
