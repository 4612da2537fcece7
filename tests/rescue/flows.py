"""Workflows to be killed: each step leaves a line in a file, so that every time it ran is counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootmend.rescue.workflow import Moment, open_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.rescue.workflow import Event, Flow

SUBJECT = "test/vm-1"
STEPS = ("find", "snapshot", "diagnose", "copy", "swap", "start")


class Diary:
    """The lines that steps leave, flushed one by one: they outlive the process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "diary"

    def write(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


def repair(folder: Path, seconds: float) -> Any:
    """A workflow of six steps, of which each takes the last one's result."""
    diary = Diary(folder)

    def work(flow: Flow) -> list[str]:
        made: list[str] = []
        for name in STEPS:

            def act(name: str = name) -> str:
                diary.write(f"begin:{name}")
                time.sleep(seconds)
                diary.write(f"end:{name}")
                return f"{name}-{flow.id}"

            made.append(flow.step(name, act, intent={"name": f"{name}-{flow.id}"}))
        return made

    return work


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(folder: Path, seconds: float, database: str) -> None:
    """In a process of its own: run it, and say every event at once."""

    def tell(event: Event) -> None:
        if event.moment is not Moment.SAYS:
            say(f"{event.moment}:{event.step}")

    with open_engine(SUBJECT, {"repair": repair(folder, seconds)}, database=database, watcher=tell) as engine:
        say("open")
        say(json.dumps(engine.run("repair", {"vm": "vm-1"})))


def spawned(folder: Path, seconds: float, database: str = "") -> subprocess.Popen[str]:
    """The workflow in another process."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root), *sys.path])}
    command = [sys.executable, "-m", "tests.rescue.flows", str(folder), str(seconds), database]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_at(process: subprocess.Popen[str], line: str) -> None:
    """Kill the process as soon as it has said a line."""
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            break
    else:
        raise AssertionError(f"{line} was never said: {process.stderr.read() if process.stderr else ''}")
    process.kill()
    process.communicate()


def finished(process: subprocess.Popen[str]) -> tuple[list[str], list[Any]]:
    """What the process said, event by event, and what the workflow came to."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    *events, last = out.splitlines()
    return events, json.loads(last)


def begun(lines: Sequence[str]) -> dict[str, int]:
    """How often each step began."""
    return {name: list(lines).count(f"begin:{name}") for name in STEPS}


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
