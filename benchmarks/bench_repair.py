"""The whole main job in process, on sample disks of 127 GiB: plan, apply with journal and read-back, undo.

No rival was measured: hivex edits a hive file and knows no disk, and what would bring it one needs root or
a virtual machine.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, median, milliseconds, show, spent

from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Plan, Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME, make_sample
from bootmend.engine.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
REQUEST = Request(made_at=SAMPLE_TIME, serial_console=True)


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        os.environ["BOOTMEND_STATE_DIR"] = str(Path(name) / "state")
        for generation in (1, 2):
            path = str(Path(name) / f"generation{generation}.vhd")
            make_sample(
                "imc-config-init-failed", path, generation=generation, layout="usual", image_format="vhd-dynamic", size=127 << 30
            )
            yield main_job(path, generation)


def main_job(path: str, generation: int) -> Row:
    before = fingerprint(path)
    taken: dict[str, list[float]] = {"plan": [], "apply": [], "undo": []}
    plans: list[Plan] = []
    runs: list[str] = []
    for _ in range(ROUNDS):
        taken["plan"].append(spent(lambda: plans.append(planned(path))).wall)
        taken["apply"].append(spent(lambda: runs.append(apply_plan(plans[-1], path).run_id)).wall)
        assert verdict(path) == "healthy"
        taken["undo"].append(spent(lambda: undo(find_run(runs[-1]))).wall)
        assert fingerprint(path) == before
    ours = ", ".join(f"{name} {milliseconds(median(times))}" for name, times in taken.items())
    patches = plans[-1].patchset.patches
    size = sum(len(patch.after) for patch in patches)
    what = f"repair with serial console, generation {generation}: {len(patches)} patches, {size:,} B; undone, same SHA-256"
    return Row(what, ours)


def planned(path: str) -> Plan:
    with Target(path) as target:
        return make_plan(target, REQUEST)


def verdict(path: str) -> str:
    with Target(path) as target:
        return diagnose(target).verdict


def fingerprint(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    show(measure)
