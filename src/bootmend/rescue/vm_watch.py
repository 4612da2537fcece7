"""After the start: does the machine boot?  The evidence is graded, and nothing is claimed that was not seen.

``answers``: Remote Desktop answered (at least an X.224 confirm).  ``booted``: the screen shows a Windows that runs, or
the agent inside reports.  ``failing``: the same failure was seen on two pictures.  ``unchecked``: none of these in time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.errors import BootmendError
from bootmend.rescue.vm_look import seen_now
from bootmend.screen.phrases import KINDS
from bootmend.screen.show import title
from bootmend.verify.rdp import probe_rdp

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.cloud.provider import Provider
    from bootmend.screen import Reading

ANSWERS, BOOTED, FAILING, UNCHECKED = "answers", "booted", "failing", "unchecked"
GOOD = {ANSWERS, BOOTED}


class Patience(NamedTuple):
    """How long is watched, and between two looks, in seconds; in the first ``settle`` a picture may be of the boot before."""

    longest: float = 600.0
    between: float = 20.0
    settle: float = 60.0
    rdp_timeout: float = 5.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Watch:
    """One start of a machine that is watched."""

    def __init__(self, provider: Provider, vm_id: str, patience: Patience, say: Callable[[str], None]) -> None:
        self._provider = provider
        self._vm_id = vm_id
        self._patience = patience
        self._say = say
        self._failures: list[str] = []
        self._seen: list[str] = []
        self._last: str = ""
        self._agent = ""

    def run(self) -> dict[str, Any]:
        """Watch until the end is clear or the time is over; plain JSON for the record."""
        start = self._patience.clock()
        while True:
            verdict = self._look(settled=self._patience.clock() - start >= self._patience.settle)
            if verdict or self._patience.clock() - start >= self._patience.longest:
                return {"verdict": verdict or UNCHECKED, "evidence": self._evidence(), "screen": self._last}
            self._patience.sleep(self._patience.between)

    def _look(self, *, settled: bool) -> str:
        vm = self._provider.vm(self._vm_id)
        answer = self._ask_rdp(vm)
        if answer:
            self._seen.append(answer)
            return ANSWERS
        pictures, logs, _ = seen_now(self._provider, vm)
        readings = [*pictures, *logs]
        for reading in readings:
            self._last = _shown(reading)
            self._say(f"{reading.file}: {self._last}")
        if not settled:
            return ""
        healthy = [one for one in readings if KINDS.get(one.state) == "healthy"]
        if healthy and not any(KINDS.get(one.state) == "fault" for one in readings):
            self._seen += [f"{one.file}: {_shown(one)}" for one in healthy]
            return BOOTED
        if self._agent == "Ready":
            self._seen.append("the agent inside the VM reports Ready")
            return BOOTED
        return self._failure(readings)

    def _ask_rdp(self, vm: Any) -> str:  # noqa: ANN401 (Vm)
        try:
            self._agent = self._provider.agent_status(self._vm_id)
            for host in self._provider.addresses(vm):
                answer = probe_rdp(host, timeout=self._patience.rdp_timeout)
                if answer.answers:
                    return f"Remote Desktop answers at {host} (level {answer.level} of 4)"
                self._say(f"Remote Desktop does not answer at {host} yet")
        except BootmendError as error:
            self._say(f"Remote Desktop could not be asked: {error.message}")
        return ""

    def _failure(self, readings: list[Reading]) -> str:
        """The same failure on two looks, one after the other; one alone may be a picture of the boot before."""
        failing = next((_key(one) for one in readings if KINDS.get(one.state) == "fault"), "")
        self._failures.append(failing)
        return FAILING if failing and self._failures[-2:] == [failing, failing] else ""

    def _evidence(self) -> list[str]:
        if self._seen:
            return self._seen
        return [f"the last screen: {self._last}" if self._last else "no picture, no serial log, and no answer of Remote Desktop"]


def _shown(reading: Reading) -> str:
    """A reading in a few words."""
    code = reading.stop_code or reading.status_code
    return " ".join(filter(None, (title(reading.state), code, reading.stop_name or reading.status_name)))


def _key(reading: Reading) -> str:
    """What makes two pictures the same failure."""
    return " ".join(filter(None, (reading.state, reading.stop_code, reading.status_code, reading.failing_file)))
