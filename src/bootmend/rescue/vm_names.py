"""What one run on one machine is called, in words that are the same each time."""

from __future__ import annotations

from typing import NamedTuple

from bootmend.cloud.azure.names import made_name, parse_id, run_name


class Names(NamedTuple):
    """The run's short name, and the names of what it makes; ``attempt`` counts repairs within a run."""

    run: str
    vm: str
    disk: str
    attempt: int = 1

    @classmethod
    def of(cls, workflow_id: str, vm: str, disk: str) -> Names:
        """From the workflow's id and the names of the machine and its disk."""
        return cls(run_name(workflow_id), vm, parse_id(disk).name if disk.startswith("/") else disk)

    @property
    def first_snapshot(self) -> str:
        """The snapshot that is looked at while the machine is not touched."""
        return made_name(self.disk, self.run, self._numbered("look"))

    @property
    def snapshot(self) -> str:
        """The full snapshot of the stopped machine's disk."""
        return made_name(self.disk, self.run, self._numbered("snap"))

    @property
    def new_disk(self) -> str:
        """The repaired disk."""
        return made_name(self.disk, self.run, self._numbered("disk"))

    def _numbered(self, what: str) -> str:
        return what if self.attempt == 1 else f"{what}{self.attempt}"
