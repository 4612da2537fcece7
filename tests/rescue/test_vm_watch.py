"""After a start: what counts as booted, what as failing, and what is claimed of neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bootmend.cloud.provider import Power, Vm
from bootmend.rescue import vm_watch
from bootmend.rescue.vm_watch import ANSWERS, BOOTED, FAILING, UNCHECKED, Patience, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP = b"*** STOP: 0x00000067 (0x0000000000000001,0x0000000000000005,0xFFFFF80000000000,0xFFFFF80000000000)\r\n"
OTHER = b"*** STOP: 0x0000007B (0x0000000000000001,0x0000000000000005,0xFFFFF80000000000,0xFFFFF80000000000)\r\n"
SAC = b'Computer is booting, SAC started and initialized.\r\n\r\nUse the "ch -?" command.\r\n\r\nSAC>'
ID = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web01"


class Machine:
    """A machine whose serial log is another one at each look."""

    def __init__(self, logs: list[bytes | None], *, agent: str = "", addresses: tuple[str, ...] = ()) -> None:
        self._logs: Iterator[bytes | None] = iter([*logs, *[logs[-1] if logs else None] * 1000])
        self._agent, self._addresses = agent, addresses

    def vm(self, _: str) -> Vm:
        place = ("westeurope", Power.RUNNING, "Standard_D2s_v5", "Windows", 2, "Standard", "SCSI", "", "", "")
        return Vm(ID, "web01", *place, {}, "", {"diagnostics": True})

    def screenshot(self, _: str) -> bytes | None:
        return None

    def serial_log(self, _: str) -> bytes | None:
        return next(self._logs)

    def agent_status(self, _: str) -> str:
        return self._agent

    def addresses(self, _: Vm) -> list[str]:
        return list(self._addresses)


def watch(machine: Machine, *, longest: float = 100, settle: float = 0) -> tuple[dict[str, Any], float]:
    """What was seen, and after how many seconds."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    patience = Patience(longest=longest, between=10, settle=settle, clock=lambda: now[0], sleep=sleep)
    return Watch(machine, ID, patience, lambda _: None).run(), now[0]  # type: ignore[arg-type]


def test_two_looks_at_the_same_failure() -> None:
    seen, seconds = watch(Machine([STOP]))
    assert (seen["verdict"], seconds) == (FAILING, 10)
    assert "0x00000067" in seen["screen"]


def test_one_look_is_not_enough() -> None:
    seen, _ = watch(Machine([STOP, None, STOP, None, OTHER, STOP, None, None, None, None, None, SAC]))
    assert seen["verdict"] == UNCHECKED
    assert watch(Machine([STOP, OTHER, SAC]))[0]["verdict"] == BOOTED


def test_the_picture_of_the_start_before_does_not_count() -> None:
    assert watch(Machine([STOP, STOP, STOP, SAC]), settle=30)[0]["verdict"] == BOOTED


def test_the_agent_alone_is_booted_and_not_an_answer() -> None:
    seen, _ = watch(Machine([], agent="Ready"))
    assert seen["verdict"] == BOOTED
    assert seen["evidence"] == ["the agent inside the VM reports Ready"]
    assert watch(Machine([], agent="Not Ready"))[0]["verdict"] == UNCHECKED


def test_nothing_seen_nothing_claimed() -> None:
    seen, seconds = watch(Machine([None]))
    assert (seen["verdict"], seconds) == (UNCHECKED, 100)


class Probe:
    """An answer of Remote Desktop at a level."""

    def __init__(self, level: int) -> None:
        self.level, self.answers = level, level >= 1


@pytest.mark.parametrize(("level", "verdict"), [(-1, UNCHECKED), (0, UNCHECKED), (1, ANSWERS), (4, ANSWERS)])
def test_an_open_port_is_no_answer(monkeypatch: pytest.MonkeyPatch, level: int, verdict: str) -> None:
    monkeypatch.setattr(vm_watch, "probe_rdp", lambda _host, **_: Probe(level))
    assert watch(Machine([None], addresses=("192.0.2.7",)))[0]["verdict"] == verdict
