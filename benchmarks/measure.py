"""What the benchmarks share: rows of the table, medians, the clock, where data and rivals are."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


class Row(NamedTuple):
    """One line of the table; ``met`` is None where nothing was asked, or nothing could be measured."""

    what: str
    ours: str
    rival: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


class Skipped(Exception):  # noqa: N818 - no error: the line says what is missing
    """What is needed is not here; the sentence says what."""


# -- time ---------------------------------------------------------------------------------------------------


class Spent(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def spent(action: Callable[[], object]) -> Spent:
    """What one call takes in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


class Process(NamedTuple):
    """A whole process: seconds, and its peak memory in KiB (at least what this process had when it began it)."""

    wall: float
    cpu: float
    peak: int


def process(command: Sequence[str], env: dict[str, str], expected: Sequence[int] = (0,)) -> Process:
    """Run a command to its end, without its output."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    code = child.returncode = os.waitstatus_to_exitcode(status)
    if code not in expected:
        raise Skipped(f"{' '.join(command)} ended with {code}")
    return Process(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def times(ratio: float) -> str:
    return f"{ratio:.3f} x" if ratio < 0.1 else f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"


# -- data and rivals ----------------------------------------------------------------------------------------


def third_party(name: str) -> Path:
    """A file ``data/name`` of the third-party material beside the checkout, which is not part of the project."""
    for base in filter(None, (os.environ.get("BOOTMEND_SHARED"), str(ROOT.parent / "shared"))):
        path = Path(base) / "data" / name
        if path.exists():
            return path
    raise Skipped(f"third-party data not present: {name}")


def third_party_bytes(name: str) -> bytes:
    path = third_party(name)
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def hivex_python() -> str:
    """A Python that has hivex; distributions give it to their own only."""
    for python in (sys.executable, "/usr/bin/python3", shutil.which("python3")):
        if python and os.path.exists(python):
            found = subprocess.run([python, "-c", "import hivex"], capture_output=True, check=False)
            if found.returncode == 0:
                return python
    raise Skipped("hivex is not installed")


def rival(python: str, script: str, *arguments: object) -> dict[str, Any]:
    """What a rival's script measured, inside its own process."""
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise Skipped(f"{script}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


# -- the table ----------------------------------------------------------------------------------------------

HEADINGS = ("what", "ours", "rival", "ratio", "goal", "met")


def cells(row: Row) -> list[str]:
    return [*row[:5], {True: "yes", False: "NO", None: ""}[row.met]]


def table(rows: Iterable[Row], *, markdown: bool = False) -> str:
    lines = [list(HEADINGS), *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    if markdown:
        padded.insert(1, ["-" * width for width in widths])
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def show(measure: Callable[[], Iterable[Row]]) -> None:
    """Run one file's benchmarks: a table for people, or JSON lines with ``--json``."""
    try:
        rows = list(measure())
    except Skipped as reason:
        rows = [Row(Path(sys.argv[0]).stem, f"not measured: {reason}")]
    if "--json" in sys.argv:
        print("\n".join(json.dumps(row) for row in rows))
    else:
        print(table(rows))
