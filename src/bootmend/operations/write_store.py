"""Put a whole boot configuration store in the place of one that cannot be read, or of none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import place
from bootmend.machine.hives import logs_of
from bootmend.model import Change

if TYPE_CHECKING:
    from bootmend.machine import Workspace

BASE_BLOCK = 4096
"""the sequence numbers are in here: what lies behind it tells whether two stores are the same"""


class WriteStore(NamedTuple):
    """Write the bytes ``store`` of a whole store to ``path`` of ``volume``.

    A file that is long enough keeps its length; its new sequence number is above that of every log beside it.
    """

    volume: int
    path: str
    store: bytes
    kind: str = "write-store"

    def do(self, workspace: Workspace) -> list[Change]:
        """Write it; nothing to do where that store is there already."""
        there = workspace.machine.volume(self.volume)
        entry = there.tree.lookup(self.path)
        before = None if entry is None else f"{entry.size} bytes"
        if entry is None or entry.size < len(self.store):
            workspace.create_file(self.volume, self.path, self.store)
        elif not self._overwrite(workspace):
            return []
        return [Change(there.where(self.path), "boot configuration", "store", before, f"new, {len(self.store)} bytes")]

    def _overwrite(self, workspace: Workspace) -> bool:
        from bootmend.registry.create import replace_hive

        there = workspace.machine.volume(self.volume)
        with place(there.where(self.path)):
            file = there.tree.open(self.path)
            after = self.store[BASE_BLOCK:].ljust(file.size - BASE_BLOCK, b"\0")
            if file.read_at(BASE_BLOCK, file.size - BASE_BLOCK) == after and file.read_at(0, 4) == self.store[:4]:
                return False
            replace_hive(file, self.store, logs_of(there, self.path)).write(file)
            file.barrier()
        workspace.touched.append((there, self.path))
        return True
