"""The workflow port over DBOS: what is finished stays finished, whatever kills the process."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("dbos", reason="dbos is not installed (pip install bootmend[fleet])")

from bootmend.errors import BootmendError, ReadError, UsageError
from bootmend.rescue.workflow import BusyError, CancelledRunError, Event, Moment, State, open_engine, open_ledger, to_record
from tests.rescue.flows import STEPS, SUBJECT, Diary, begun, finished, killed_at, repair, spawned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bootmend.rescue.workflow import Flow


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_step_the_same_command_goes_on(tmp_path: Path, step: str) -> None:
    killed_at(spawned(tmp_path, 0.15), f"begins:{step}")
    before = begun(Diary(tmp_path).lines())
    events, (workflow_id, result, continued) = finished(spawned(tmp_path, 0.0))
    assert result == [f"{name}-{SUBJECT}/1" for name in STEPS]
    assert (workflow_id, continued) == (f"{SUBJECT}/1", True)
    done = STEPS[: STEPS.index(step)]
    assert [event for event in events if event.startswith("kept:")] == [f"kept:{name}" for name in done]
    after = begun(Diary(tmp_path).lines())
    assert all(after[name] == 1 for name in done)
    assert after[step] == before[step] + 1  # it may have been killed before the step's first line
    assert all(after[name] == 1 for name in STEPS[STEPS.index(step) + 1 :])


def test_killed_again_and_again(tmp_path: Path) -> None:
    for step in STEPS:
        killed_at(spawned(tmp_path, 0.1), f"begins:{step}")
    _, (_, result, _) = finished(spawned(tmp_path, 0.0))
    assert len(result) == len(STEPS)
    assert all(count <= 2 for count in begun(Diary(tmp_path).lines()).values())
    assert Diary(tmp_path).lines().count("end:find") == 1


def test_killed_between_two_steps(tmp_path: Path) -> None:
    killed_at(spawned(tmp_path, 0.0), "done:diagnose")
    _, (_, result, continued) = finished(spawned(tmp_path, 0.0))
    assert len(result) == len(STEPS)
    assert continued
    assert Diary(tmp_path).lines().count("end:diagnose") == 1


def test_a_second_one_is_told_of_the_first(tmp_path: Path) -> None:
    first = spawned(tmp_path, 1.0)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    with pytest.raises(BusyError) as caught, open_engine(SUBJECT, {}):
        pass
    assert f"process {first.pid}" in caught.value.holder
    assert caught.value.exit_code == 4
    with open_ledger() as ledger:
        for _ in range(100):  # the lock comes before the record
            if records := ledger.records(SUBJECT):
                break
            time.sleep(0.05)
        assert records[0].state is State.RUNNING
        assert f"process {first.pid}" in records[0].holder
    first.kill()
    first.communicate()
    with open_ledger() as ledger:
        assert ledger.records(SUBJECT)[0].state is State.UNFINISHED


def test_another_subject_is_free_meanwhile(tmp_path: Path) -> None:
    first = spawned(tmp_path, 0.3)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    ran: list[str] = []

    def work(flow: Flow) -> None:
        flow.step("one", lambda: ran.append(flow.id))

    with open_engine("test/vm-2", {"work": work}) as engine:
        engine.run("work", {})
        time.sleep(1.5)  # two looks at the queue: it must not take up the other's work
    assert ran == ["test/vm-2/1"]
    finished(first)
    assert all(count == 1 for count in begun(Diary(tmp_path).lines()).values())


def test_only_the_one_asked_for_is_gone_on_with(tmp_path: Path) -> None:
    """Other interrupted workflows in the same database stay as they are."""
    killed_at(spawned(tmp_path, 0.1), "begins:copy")
    before = Diary(tmp_path).lines()
    with open_engine("test/vm-2", {"work": lambda _: 1, "repair": repair(tmp_path, 0)}) as engine:
        engine.run("work", {})
        time.sleep(1.5)
    assert Diary(tmp_path).lines() == before


# -- in one process --------------------------------------------------------------------------------------


def run(work: Callable[[Flow], Any], inputs: dict[str, Any] | None = None, *, events: list[Event] | None = None) -> Any:
    with open_engine(SUBJECT, {"work": work}, watcher=(events if events is not None else []).append) as engine:
        return engine.run("work", inputs or {})


def test_a_step_that_raises_leaves_the_workflow_unfinished() -> None:
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ReadError("the cloud does not answer", hint="try again")
        return 7

    def work(flow: Flow) -> list[int]:
        return [flow.step("first", lambda: len(tries)), flow.step("second", flaky)]

    events: list[Event] = []
    with pytest.raises(ReadError, match="does not answer") as caught:
        run(work, events=events)
    assert caught.value.hint == "try again"
    assert events[-1].moment is Moment.FAILED
    with open_ledger() as ledger:
        assert ledger.records(SUBJECT)[0].state is State.UNFINISHED
        assert [step.name for step in ledger.steps(f"{SUBJECT}/1")] == ["first"]
    assert run(work) == (f"{SUBJECT}/1", [0, 7], True)


def test_a_mistake_of_the_program_is_raised_as_it_is() -> None:
    empty: dict[str, int] = {}

    def work(flow: Flow) -> None:
        flow.step("one", lambda: empty["no such key"])

    with pytest.raises(KeyError, match="no such key"):
        run(work)


def test_the_next_run_after_a_finished_one_begins_anew() -> None:
    seen: list[dict[str, Any]] = []

    def work(flow: Flow) -> str:
        seen.append(flow.inputs)
        return flow.id

    assert run(work, {"n": 1}) == (f"{SUBJECT}/1", f"{SUBJECT}/1", False)
    assert run(work, {"n": 2}) == (f"{SUBJECT}/2", f"{SUBJECT}/2", False)
    assert seen == [{"n": 1}, {"n": 2}]


def test_the_inputs_are_those_of_the_beginning() -> None:
    def work(flow: Flow) -> Any:
        if not flow.continued:
            raise ReadError("later")
        return flow.inputs

    with pytest.raises(ReadError):
        run(work, {"n": 1})
    assert run(work, {"n": 2}).result == {"n": 1}


def test_results_have_the_same_shape_the_first_time_and_from_the_record() -> None:
    shapes: list[Any] = []

    def work(flow: Flow) -> None:
        shapes.append(flow.step("tuple", lambda: {"pair": (1, 2)}))
        shapes.append(flow.step("nothing", lambda: None))
        if not flow.continued:
            raise ReadError("later")

    with pytest.raises(ReadError):
        run(work)
    run(work)
    assert shapes == [{"pair": [1, 2]}, None] * 2


@pytest.mark.parametrize(
    "secret",
    [
        "https://md.blob.example/abcd?sv=2022-11-02&sr=b&sig=AAAA",
        "Authorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
        "DefaultEndpointsProtocol=https;AccountKey=AAAA==",
        "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwczovL",
    ],
)
def test_what_looks_like_a_secret_is_not_recorded(state: Path, secret: str) -> None:
    with pytest.raises(BootmendError, match="looks like a secret"):
        run(lambda flow: flow.step("grant", lambda: {"url": secret}))
    with pytest.raises(BootmendError, match="looks like a secret"):
        run(lambda _: 1, {"url": secret})
    for folder, _, names in os.walk(state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert secret.encode() not in file.read()


@pytest.mark.parametrize("value", [{"sas": "kept in memory"}, {"signature": "none"}, ["a", 1, None, 2.5, True]])
def test_what_is_no_secret_is_recorded(value: object) -> None:
    assert run(lambda flow: flow.step("one", lambda: value)).result == value


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", float("nan"), object()])
def test_what_is_not_json_is_not_recorded(value: object) -> None:
    with pytest.raises(BootmendError, match="not plain JSON"):
        to_record(value, "it")


def test_cancelled_while_it_runs() -> None:
    at, go = threading.Event(), threading.Event()

    def wait() -> None:
        at.set()
        go.wait(20)

    def work(flow: Flow) -> None:
        flow.step("one", wait)
        flow.step("two", lambda: 2)

    def cancel() -> None:
        at.wait(20)
        with open_ledger() as ledger:
            ledger.cancel(f"{SUBJECT}/1")
        go.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CancelledRunError):
        run(work)
    thread.join()
    with open_ledger() as ledger:
        assert ledger.records(SUBJECT)[0].state is State.CANCELLED
        assert [step.name for step in ledger.steps(f"{SUBJECT}/1")] in ([], ["one"])
    go.set()
    assert run(work).id == f"{SUBJECT}/2"


def test_an_unfinished_one_can_be_given_up() -> None:
    def fails(_: Flow) -> None:
        raise ReadError("no")

    with pytest.raises(ReadError):
        run(fails)
    with open_engine(SUBJECT, {"work": lambda flow: flow.id}) as engine:
        unfinished = engine.unfinished("work")
        assert unfinished is not None
        engine.cancel(unfinished.id)
        assert engine.unfinished("work") is None
        assert engine.run("work", {}).result == f"{SUBJECT}/2"


def test_two_kinds_of_workflows_of_one_subject_share_the_numbers() -> None:
    with open_engine(SUBJECT, {"repair": lambda flow: flow.id, "undo": lambda flow: flow.id}) as engine:
        assert engine.run("repair", {}).id == f"{SUBJECT}/1"
        assert engine.run("undo", {}).id == f"{SUBJECT}/2"
        assert engine.run("repair", {}).id == f"{SUBJECT}/3"


def test_parts_run_once_each_from_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    ran: list[str] = []

    def whole(flow: Flow) -> list[int]:
        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(flow.part, f"disk/{number}", "part", {"n": number}) for number in range(12)]
            return [future.result() for future in futures]

    def part(flow: Flow) -> int:
        ran.append(flow.id)
        if flow.inputs["n"] == 5 and not flow.continued:
            raise ReadError("this one fails at first")
        return int(flow.inputs["n"]) * 2

    with open_engine(SUBJECT, {"whole": whole, "part": part}) as engine:
        with pytest.raises(ReadError, match="fails at first"):
            engine.run("whole", {})
        assert engine.run("whole", {}).result == [2 * number for number in range(12)]
    assert sorted(ran) == sorted([*(f"parts/{SUBJECT}/1/disk/{number}" for number in range(12)), f"parts/{SUBJECT}/1/disk/5"])
    with open_ledger() as ledger:
        assert [record.id for record in ledger.records(SUBJECT)] == [f"{SUBJECT}/1"]
        assert len(ledger.records(SUBJECT, parts=True)) == 13


def test_ctrl_c_in_one_that_is_gone_on_with_ends_at_once() -> None:
    def work(flow: Flow) -> int:
        if flow.continued:
            raise KeyboardInterrupt
        raise ReadError("no")

    with pytest.raises(ReadError):
        run(work)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(work)
    assert time.monotonic() - started < 8
    assert [thread.name for thread in threading.enumerate() if "dbos-executor" in thread.name] == []


def test_steps_tell_when_they_ran() -> None:
    def act() -> str:
        time.sleep(0.2)
        return "done"

    run(lambda flow: flow.step("one", act, intent={"name": "snap"}))
    with open_ledger() as ledger:
        intent, one = ledger.steps(f"{SUBJECT}/1")
        record = ledger.record(f"{SUBJECT}/1")
    assert (intent.name, intent.result) == ("one:intent", {"name": "snap"})
    assert (one.name, one.result) == ("one", "done")
    assert one.started < one.ended
    assert record is not None
    assert record.state is State.FINISHED


def test_the_record_is_private_and_plain(state: Path) -> None:
    run(lambda flow: flow.step("one", lambda: {"name": "snapshot-of-vm-1"}))
    path = state / "workflows" / "record.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(path) as database:
        rows = database.execute("select output from operation_outputs").fetchall()
    assert rows == [('{"name": "snapshot-of-vm-1"}',)]  # JSON, and no pickle: reading it runs nothing


def test_a_record_that_is_no_database(state: Path) -> None:
    (state / "workflows").mkdir(parents=True)
    (state / "workflows" / "record.sqlite").write_bytes(b"this is no database, and long enough to be one" * 100)
    with pytest.raises(ReadError, match="cannot be used"):
        run(lambda _: 1)
    (state / "workflows" / "record.sqlite").unlink()
    assert run(lambda _: 1).result == 1  # and nothing of the failure stays in the process


def test_no_record_yet() -> None:
    with open_ledger() as ledger:
        assert ledger.records("") == []
        assert ledger.record("test/vm/1") is None
        assert ledger.steps("test/vm/1") == []


@pytest.mark.parametrize("url", ["mysql://host/db", "record.sqlite", "http://host"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises((UsageError, ReadError)), open_engine(SUBJECT, {}, database=url):
        pass


def test_nothing_of_dbos_is_imported_for_the_port() -> None:
    code = (
        "import sys, bootmend.rescue.workflow; print([name for name in ('dbos', 'sqlalchemy', 'psycopg') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_connection_leaves_the_machine(tmp_path: Path) -> None:
    """Every connection that the process tries to make is one to itself."""
    code = (
        "import sys, socket\n"
        "def watch(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        print('NETWORK', event, arguments[1:])\n"
        "sys.addaudithook(watch)\n"
        "from bootmend.rescue.workflow import open_engine\n"
        "import time\n"
        "with open_engine('test/vm', {'work': lambda flow: 1}) as engine:\n"
        "    engine.run('work', {}); time.sleep(1.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
