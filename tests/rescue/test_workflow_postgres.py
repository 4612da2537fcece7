"""The same promises with PostgreSQL as the record: another machine goes on, and two at once are kept apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("dbos", reason="dbos is not installed (pip install bootmend[fleet])")

from bootmend.errors import ReadError
from bootmend.rescue.workflow import BusyError, State, open_engine, open_ledger
from tests.rescue.flows import STEPS, SUBJECT, Diary, begun, finished, killed_at, spawned
from tests.rescue.postgres import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with cluster() as url:
        yield url


def test_another_machine_goes_on_after_a_kill(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(spawned(tmp_path, 0.15, server), "begins:copy")
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "another machine"))  # nothing but the database is shared
    events, (workflow_id, result, continued) = finished(spawned(tmp_path, 0.0, server))
    assert result == [f"{name}-{workflow_id}" for name in STEPS]
    assert continued
    assert [event for event in events if event.startswith("kept:")] == ["kept:find", "kept:snapshot", "kept:diagnose"]
    counts = begun(Diary(tmp_path).lines())
    assert all(counts[name] == 1 for name in STEPS if name != "copy")
    assert not (tmp_path / "another machine").exists()


def test_a_second_operator_is_told_of_the_first(tmp_path: Path, server: str) -> None:
    first = spawned(tmp_path, 1.0, server)
    assert first.stdout is not None
    assert [first.stdout.readline(), first.stdout.readline()] == ["open\n", "begins:find\n"]
    with pytest.raises(BusyError) as caught, open_engine(SUBJECT, {}, database=server):
        pass
    assert f"process {first.pid}" in caught.value.holder
    with open_ledger(server) as ledger:
        assert ledger.records(SUBJECT)[-1].state is State.RUNNING
    first.kill()
    first.communicate()
    with open_ledger(server) as ledger:
        for _ in range(100):  # the server lets go of a dead client's lock when it sees the closed socket
            if ledger.records(SUBJECT)[-1].state is State.UNFINISHED:
                break
            time.sleep(0.1)
        assert ledger.records(SUBJECT)[-1].state is State.UNFINISHED


def test_two_engines_at_once_are_kept_apart_by_their_subjects(tmp_path: Path, server: str) -> None:
    first = spawned(tmp_path, 0.3, server)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    with open_engine("test/other", {"work": lambda flow: flow.step("one", lambda: flow.id)}, database=server) as engine:
        assert engine.run("work", {}).result == "test/other/1"
    finished(first)
    assert all(count == 1 for count in begun(Diary(tmp_path).lines()).values())


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ReadError, match="cannot be reached"), open_engine(SUBJECT, {}, database="postgresql://127.0.0.1:1/x"):
        pass
