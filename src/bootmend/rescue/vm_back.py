"""The way back, and clearing up: the old OS disk in the machine again, and what runs have left deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend.cloud.azure.client import PassingError
from bootmend.cloud.azure.names import run_name
from bootmend.cloud.provider import Operation, Power
from bootmend.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.provider import Owned, Provider
    from bootmend.rescue.workflow import Flow

LATE_ATTEMPTS = 2


class Back:
    """The way back to a machine's old OS disk.  A step that fails is not on record: the same command tries again."""

    def __init__(self, flow: Flow, provider: Provider, vm_id: str, why: str) -> None:
        self._flow = flow
        self._provider = provider
        self._vm_id = vm_id
        self._why = why

    def to(self, disk: str, *, start: bool) -> None:
        """Give the machine that disk again, where it has another one, and start it where it should run."""
        now = self._flow.step(f"{self._why}: which disk", lambda: self._provider.vm(self._vm_id).os_disk)
        if now.lower() != disk.lower():
            self._power("stop", self._provider.begin_stop)
            self._power("swap", lambda vm_id: self._provider.begin_swap(vm_id, disk))
        if start:
            self._power("start", self._provider.begin_start)

    def _power(self, step: str, begin: Callable[[str], Operation]) -> None:
        name = f"{self._why}: {step}"
        begun = self._flow.step(f"{name}: begin", lambda: begin(self._vm_id).to_json())

        def wait() -> bool:
            return waited(self._provider, Operation.from_json(begun), lambda: begin(self._vm_id), self._flow.say)

        self._flow.step(f"{name}: wait", wait)


def waited(provider: Provider, operation: Operation, again: Callable[[], Operation], say: Callable[[str], None]) -> bool:
    """Wait for an operation; one that fails late is begun once more."""
    for _ in range(LATE_ATTEMPTS - 1):
        try:
            provider.finish(operation)
        except PassingError:
            raise
        except CloudError as error:
            say(f"it failed ({error.message}); once more")
            operation = again()
        else:
            return True
    provider.finish(operation)
    return True


def undo(flow: Flow, provider: Provider, who: str) -> dict[str, Any]:
    """The workflow that swaps a machine's original disk back; ``inputs``: ``vm``, ``disk``, ``undoes``."""
    vm_id, disk, run = flow.inputs["vm"], flow.inputs["disk"], run_name(flow.id)

    def claim() -> str:
        provider.release(vm_id, flow.inputs["undoes"])  # the mark of the run that is undone, where it was interrupted
        return provider.claim(vm_id, f"{run} {who}".strip())

    owner = flow.step("claim", claim)
    result = {"run": run, "vm_id": vm_id, "disk": disk, "undoes": flow.inputs["undoes"]}
    if owner.partition(" ")[0] != run:
        return result | {"outcome": "refused", "owner": owner}
    power = flow.step("power", lambda: str(provider.vm(vm_id).power))
    replaced = flow.step("which disk", lambda: provider.vm(vm_id).os_disk)
    Back(flow, provider, vm_id, "undo").to(disk, start=power == Power.RUNNING or flow.inputs["start"])
    flow.step("release", lambda: provider.release(vm_id, run))
    outcome = "undone" if replaced.lower() != disk.lower() else "nothing"
    return result | {"outcome": outcome, "replaced": replaced}


def left_behind(owned: list[Owned], keep: set[str]) -> list[Owned]:
    """What may be deleted: nothing that a machine uses, and nothing of the runs that are still going on."""
    return [one for one in owned if not one.in_use and one.run not in keep]
