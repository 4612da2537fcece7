"""Real processes, really killed: at every system call of a run, and at any moment of a slow one."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.recovery import recover_run
from bootmend.engine.runs import RunState, find_runs_for
from tests.engine.scene import after_of, hive_commit, repair, scene
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

SLOW = """
import sys, time
from pathlib import Path
from bootmend.engine.begin import begin_run
from bootmend.engine.device import open_for_writing
from bootmend.engine.lock import lock_sources
from bootmend.engine.recovery import undo_run
from bootmend.engine.runs import find_run
from bootmend.engine.writer import apply_run, commit_run
from tests.engine.scene import hive_commit

class Slow:
    def __init__(self, path):
        self.device = open_for_writing(path)
        self.path = path
    size = property(lambda self: self.device.size)
    def __getattr__(self, name):
        time.sleep(float(sys.argv[2]))
        return getattr(self.device, name)
    def write_at(self, offset, data):  # sector by sector, so that a kill tears
        position = offset
        while position < offset + len(data):
            end = min(position - position % 512 + 512, offset + len(data))
            time.sleep(float(sys.argv[2]))
            self.device.write_at(position, data[position - offset : end - offset])
            position = end

target = sys.argv[1]
print("ready", flush=True)
with lock_sources([target]):
    if sys.argv[3:]:
        undo_run(find_run(sys.argv[3]), Slow)
    else:
        run = begin_run(hive_commit(Path(target)), target=target)
        apply_run(run, Slow)
        commit_run(run)
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(["src", ".", *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}


def settle(target: Path, before: bytes, after: bytes) -> None:
    """Recover what there is; then the target is one or the other, as the run says."""
    for run in find_runs_for(str(target)):
        if run.is_unfinished:
            recover_run(run)
    runs = find_runs_for(str(target))
    is_applied = any(run.state is RunState.COMMITTED and run.kind != "undo" for run in runs)
    assert target.read_bytes() == (after if is_applied else before)
    assert not any(run.is_unfinished for run in runs)


@pytest.mark.parametrize("undo", [False, True], ids=["apply", "undo"])
def test_killed_at_any_moment(*, undo: bool) -> None:
    dice = random.Random(67)
    seen = set()
    for _ in range(6):
        with scene() as target:
            before = target.read_bytes()
            after = after_of(hive_commit(target), before)
            earlier = [repair(target, hive_commit(target)).id] if undo else []
            command = [sys.executable, "-c", SLOW, str(target), "0.01", *earlier]
            with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                time.sleep(dice.uniform(0, 0.35))
                process.kill()
            assert process.returncode in {-signal.SIGKILL, 0}
            seen |= {run.state for run in find_runs_for(str(target))}
            settle(target, before, after)
    assert RunState.WRITING in seen


PLAIN = SLOW.replace("undo_run(find_run(sys.argv[3]), Slow)", "undo_run(find_run(sys.argv[3]))").replace(
    "apply_run(run, Slow)", "apply_run(run)"
)


def traced(target: Path, *options: str, undo: str = "") -> subprocess.CompletedProcess[str]:
    arguments = [str(target), "0", *([undo] if undo else [])]
    command = ["strace", "-qq", "-y", "-o", str(target.parent / "trace"), *options, sys.executable, "-c", PLAIN, *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=60)


def strace_works(target: Path) -> None:
    needs("strace")
    if subprocess.run(["strace", "-o", target.parent / "trace", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace is not permitted here")


@pytest.mark.oracle
@pytest.mark.parametrize("undo", [False, True], ids=["apply", "undo"])
@pytest.mark.parametrize("call", ["fsync", "pwrite64", "rename"])
def test_killed_at_every_system_call_that_makes_a_difference(call: str, *, undo: bool) -> None:
    """``strace`` kills the process when it enters the call for the n-th time."""
    number = 0
    while True:
        number += 1
        with scene() as target:
            strace_works(target)
            before = target.read_bytes()
            after = after_of(hive_commit(target), before)
            earlier = repair(target, hive_commit(target)).id if undo else ""
            answer = traced(target, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}", undo=earlier)
            settle(target, before, after)
            if answer.returncode == 0:
                break
            assert answer.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}, answer.stderr
    assert number > 3


@pytest.mark.oracle
@pytest.mark.parametrize("call", ["fsync", "pwrite64"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_every_system_call_that_fails(call: str, error: str) -> None:
    number = 0
    while True:
        number += 1
        with scene() as target:
            strace_works(target)
            before = target.read_bytes()
            after = after_of(hive_commit(target), before)
            answer = traced(target, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
            settle(target, before, after)
            if answer.returncode == 0 and target.read_bytes() == after:
                injected = "INJECTED" in (target.parent / "trace").read_text()
                if not injected:
                    break
            else:
                assert re.search(r"(RefusedError|ApplyError): ", answer.stderr), answer.stderr
                assert target.read_bytes() == before
    assert number > 3


@pytest.mark.oracle
def test_the_target_is_opened_for_writing_only_after_the_journal_is_on_the_disk() -> None:
    with scene() as target:
        strace_works(target)
        answer = traced(target, "-e", "trace=openat,open,fsync,pwrite64,rename,renameat,renameat2")
        assert answer.returncode == 0, answer.stderr
        lines = (target.parent / "trace").read_text().splitlines()
    opened = [number for number, line in enumerate(lines) if 'disk.img"' in line and re.search(r"O_RDWR|O_WRONLY", line)]
    assert len(opened) == 1
    before, behind = lines[: opened[0]], lines[opened[0] :]

    def flushed(name: str) -> bool:
        return any(line.startswith("fsync(") and name in line and line.endswith("= 0") for line in before)

    assert flushed("/journal.bin>")
    assert flushed("/journal.json.new>")
    assert flushed("/state.json.new>")
    assert flushed("/runs>")
    assert re.search(r"fsync\(\d+<[^>]*/runs/[0-9a-f]{4}>", "\n".join(before))  # the run's folder
    assert flushed(".disk.img.bootmend-")
    written = [number for number, line in enumerate(behind) if line.startswith("pwrite64(")]
    writing = next(number for number, line in enumerate(behind) if line.startswith("rename") and "state.json" in line)
    assert 0 < writing < written[0]  # ``writing`` is in the state before the first byte
    assert all("disk.img>" in behind[number] for number in written)
    flushes = [number for number, line in enumerate(behind) if line.startswith("fsync(") and "disk.img>" in line]
    assert [len([one for one in written if one < flush]) for flush in flushes] == [2, 4, 6]  # three steps of two patches
