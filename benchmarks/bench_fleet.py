"""A fleet of broken disks, from the command to the summary: disks a minute, as a user sees it.

The disks are sparse copies of one sample of 1 GiB.  No rival was measured: none repairs more than one machine.
``python benchmarks/bench_fleet.py [DISKS]``, by default 60; needs the extra ``fleet``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import ROOT, Row, Skipped, show

from bootmend.engine.copying import copy_target
from bootmend.engine.sample import make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

DISKS = int(next((word for word in sys.argv[1:] if word.isdecimal()), "60"))


def measure() -> Iterator[Row]:
    if importlib.util.find_spec("dbos") is None:
        raise Skipped("dbos is not installed (pip install bootmend[fleet])")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "disks"
        folder.mkdir()
        master = Path(name) / "master.vhd"
        make_sample("imc-config-init-failed", str(master), generation=1, layout="usual", image_format="vhd-dynamic", size=1 << 30)
        for number in range(DISKS):
            copy_target(str(master), str(folder / f"vm{number:04}.vhd"), lambda _: None)
        for what, options, expected in (
            ("examined only", ["--diagnose-only"], "problems"),
            ("examined and repaired", ["--yes"], "repaired"),
            ("examined again, healthy", ["--yes"], "healthy"),
        ):
            seconds = fleet(folder, Path(name) / "state", options, expected)
            cores = os.cpu_count() or 1
            yield Row(
                f"fleet of {DISKS}, {what}, {cores} processors", f"{60 * DISKS / seconds:.0f} disks a minute ({seconds:.1f} s)"
            )


def fleet(folder: Path, state: Path, options: list[str], expected: str) -> float:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "BOOTMEND_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "bootmend", "fleet", "run", str(folder), "--format", "json", *options]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3600)
    seconds = time.perf_counter() - started
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["counts"] == {expected: DISKS}, report["counts"]
    return seconds


if __name__ == "__main__":
    show(measure)
