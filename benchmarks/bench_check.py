"""``bootmend check`` on a 127 GiB dynamic VHD: the whole process beside a bare interpreter, and beside dissect.

An installed package has its bytecode; a checkout may not (PYTHONDONTWRITEBYTECODE).  So the processes run
with a bytecode cache of their own in a temporary folder, warmed by a first run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import HERE, Process, Row, median, milliseconds, process, show, times

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 21
MIB = 1 << 20
FOUND = (1,)  # the exit code of a check that found something
IN_PROCESS = """
import sys, time
import click
begin = time.process_time()
import bootmend.cli.check
from bootmend.catalog import rule_modules
from bootmend.engine.diagnose import diagnose
from bootmend.engine.target import Target
from bootmend.views import render_report
from bootmend.views.style import Style
rule_modules()
imported = time.process_time()
with Target(sys.argv[1]) as target:
    report = diagnose(target)
text = render_report(report, "human", Style(colour=False), name="disk.vhd")
done = time.process_time()
assert "imc-config-init-failed" in text
print(imported - begin, done - imported)
"""


def environment(folder: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return env | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "BOOTMEND_STATE_DIR": str(folder / "state")}


def make_sample(folder: Path, env: dict[str, str], generation: int) -> Path:
    path = folder / f"generation{generation}.vhd"
    command = [sys.executable, "-m", "bootmend", "sample", "imc-config-init-failed", "-o", str(path)]
    subprocess.run([*command, "--gen", str(generation), "--format", "vhd-dynamic"], check=True, env=env, capture_output=True)
    return path


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder)
        disks = {generation: make_sample(folder, env, generation) for generation in (1, 2)}
        yield from whole_process(disks, env)
        yield from beside_dissect(disks[1], env)
        for generation, disk in disks.items():
            yield in_process(disk, env, generation)
            yield bytes_read(disk, env, generation)
        yield without_bytecode(disks[1], env)


def whole_process(disks: dict[int, Path], env: dict[str, str]) -> Iterator[Row]:
    commands = {0: [sys.executable, "-c", "pass"]}
    commands |= {generation: [sys.executable, "-m", "bootmend", "check", str(disk)] for generation, disk in disks.items()}
    script = Path(sys.executable).parent / "bootmend"
    if script.exists():
        commands[3] = [str(script), "check", str(disks[1])]
    taken = interleaved(commands, env)
    bare = median(one.wall for one in taken[0])
    names = {1: "check, generation 1", 2: "check, generation 2", 3: "check, the console script"}
    for which, name in names.items():
        if which in taken:
            ours = median(one.wall for one in taken[which])
            cpu = median(one.cpu for one in taken[which])
            added = f"+ {milliseconds(ours - bare)}"
            text = f"{milliseconds(ours)} (CPU {milliseconds(cpu)})"
            yield Row(name, text, f"python -c pass: {milliseconds(bare)}", added, "+ 150 ms", ours - bare <= 0.150)
    peak = max(one.peak for which, one_list in taken.items() if which for one in one_list) / 1024
    plain = max(one.peak for one in taken[0]) / 1024
    yield Row("check, peak memory", f"{peak:.1f} MiB", f"python -c pass: {plain:.1f} MiB", "", "60 MiB", peak <= 60)


def interleaved(commands: dict[int, list[str]], env: dict[str, str]) -> dict[int, list[Process]]:
    """Each command in turn, round by round, so that a busy machine slows all of them alike; the first round warms."""
    taken: dict[int, list[Process]] = {which: [] for which in commands}
    for number in range(ROUNDS + 1):
        for which, command in commands.items():
            one = process(command, env, expected=FOUND if which else (0,))
            if number:
                taken[which].append(one)
    return taken


def beside_dissect(disk: Path, env: dict[str, str]) -> Iterator[Row]:
    ours = [sys.executable, "-m", "bootmend", "check", str(disk)]
    theirs = [sys.executable, str(HERE / "rival_dissect.py"), "disk", str(disk)]
    answer = subprocess.run(theirs, capture_output=True, text=True, env=env, check=False)
    if answer.returncode:
        yield Row("check beside dissect", "not measured: dissect.hypervisor, .volume, .ntfs or .regf is not installed")
        return
    found = json.loads(answer.stdout)
    rounds = [(process(ours, env, FOUND), process(theirs, env)) for _ in range(5)]
    mine, other = (median(pair[side].wall for pair in rounds) for side in (0, 1))
    memory = " / ".join(f"{max(pair[side].peak for pair in rounds) / 1024:.0f} MiB" for side in (0, 1))
    what = f"check; dissect only lists the BCD ({found['objects']} objects)"
    yield Row(what, milliseconds(mine), milliseconds(other), times(mine / other))
    yield Row("  its bytes and memory", f"{report_of(disk, env)['bytes_read']:,} B", f"{found['bytes']:,} B", memory)


def report_of(disk: Path, env: dict[str, str]) -> dict[str, int]:
    command = [sys.executable, "-m", "bootmend", "check", str(disk), "--format", "json"]
    report: dict[str, int] = json.loads(subprocess.run(command, capture_output=True, env=env, check=False).stdout)
    return report


def in_process(disk: Path, env: dict[str, str], generation: int) -> Row:
    """From the first of our imports (click excluded) to the text of the report, in a fresh process each time."""
    runs = []
    for _ in range(7):
        answer = subprocess.run(
            [sys.executable, "-c", IN_PROCESS, str(disk)], capture_output=True, text=True, env=env, check=True
        )
        runs.append([float(word) for word in answer.stdout.split()])
    imports, work = (median(run[side] for run in runs) for side in (0, 1))
    text = f"{milliseconds(work)} + {milliseconds(imports)} of imports"
    return Row(f"check in process, generation {generation}", text, "", "", "50 ms", work <= 0.050)


def bytes_read(disk: Path, env: dict[str, str], generation: int) -> Row:
    """Our own count, held against what the kernel was asked for."""
    own = report_of(disk, env)["bytes_read"]
    kernel, reads = traced(disk, env)
    rival = f"strace: {kernel:,} B in {reads} reads" if reads else "strace is not installed"
    return Row(
        f"bytes read, hives included, generation {generation}", f"{own:,} B", rival, "", "0.3 MiB + hives", own <= 0.3 * MIB
    )


def traced(disk: Path, env: dict[str, str]) -> tuple[int, int]:
    if shutil.which("strace") is None:
        return 0, 0
    command = [
        "strace",
        "-f",
        "-y",
        "-e",
        "trace=pread64,read,readv,preadv",
        sys.executable,
        "-m",
        "bootmend",
        "check",
        str(disk),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, env=env, check=False).stderr.splitlines()
    results = [line.rpartition("=")[2] for line in lines if f"<{disk}>" in line]
    return sum(int(result) for result in results), len(results)


def without_bytecode(disk: Path, env: dict[str, str]) -> Row:
    """What it costs where Python may not keep bytecode of ours: everything is compiled each time."""
    bare = {name: value for name, value in env.items() if name != "PYTHONPYCACHEPREFIX"} | {"PYTHONDONTWRITEBYTECODE": "1"}
    source = Path(subprocess.run([sys.executable, "-c", "import bootmend; print(bootmend.__path__[0])"], capture_output=True,
                                 text=True, env=env, check=True).stdout.strip())  # fmt: skip
    if (source / "__pycache__").exists():
        return Row("check, without bytecode", "not measured: this installation has bytecode")
    command = [sys.executable, "-m", "bootmend", "check", str(disk)]
    taken = [process(command, bare, FOUND).wall for _ in range(5)]
    return Row("check, without bytecode", milliseconds(median(taken)))


if __name__ == "__main__":
    show(measure)
