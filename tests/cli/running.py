"""What the tests of the command line share: answers, another process, names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import bootmend as package

if TYPE_CHECKING:
    from collections.abc import Callable

LOADER = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
IMC = "imc-config-init-failed"


class Answer(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


class Bootmend(Protocol):
    """Runs the command line in this process."""

    def __call__(self, *arguments: str | Path, expect: int | None = None) -> Answer: ...


class MakeDisk(Protocol):
    """Makes a sample disk of 1 GiB that is the test's own."""

    def __call__(self, rule: str = IMC, *, gen: int = 1, form: str = "vhd-dynamic", name: str = "") -> Path: ...


def environment(**more: str) -> dict[str, str]:
    """The environment for another process that runs this checkout."""
    source = str(Path(package.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([source, *filter(None, sys.path)]), **more}


def command_line(*arguments: str | Path) -> list[str]:
    """The command line of another process."""
    return [sys.executable, "-m", "bootmend", *map(str, arguments)]


def spawn(
    *arguments: str | Path, stdin: str = "", before: Callable[[], object] | None = None, timeout: float = 60, **more: str
) -> Answer:
    """``python -m bootmend`` in another process, without a terminal; ``before`` runs in it first."""
    done = subprocess.run(
        command_line(*arguments),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(**more),
        check=False,
        timeout=timeout,
        preexec_fn=before,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def run_id(text: str) -> str:
    """The id of the run that a command says it made."""
    found = re.search(r"\brun ([0-9a-f]{4,8})\b", text)
    assert found, text
    return found[1]
