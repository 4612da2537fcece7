"""``bootmend hive export`` and ``import`` of a real SYSTEM beside hivexregedit: whole processes, turn and turn about.

Both write the whole hive as a ``.reg`` file; what they wrote is read back and compared before anything is measured.
Then each imports all of it into the hive it came from: ours finds that nothing is to be changed, hivexregedit sets
every value again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, Skipped, median, milliseconds, process, show, third_party_bytes, times

import bootmend

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5


def measure() -> Iterator[Row]:
    rival = shutil.which("hivexregedit")
    if rival is None:
        raise Skipped("hivexregedit is not installed")
    with tempfile.TemporaryDirectory() as name:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPATH": str(Path(bootmend.__path__[0]).parent), "PYTHONPYCACHEPREFIX": f"{name}/bytecode"}
        system = Path(name) / "SYSTEM"
        system.write_bytes(third_party_bytes("hives/regipy_SYSTEM.xz"))
        ours = [sys.executable, "-m", "bootmend", "hive", "export", str(system)]
        theirs = [rival, "--export", "--prefix", "HKEY_LOCAL_MACHINE\\SYSTEM", str(system), "\\"]
        count = _compare(ours, theirs, env)
        ours_took, theirs_took = [], []
        for _ in range(ROUNDS):
            ours_took.append(process(ours, env))
            theirs_took.append(process(theirs, env))
        yield from _imports(system, env)
    for what, pick in (("wall", 0), ("cpu", 1)):
        mine, other = median(took[pick] for took in ours_took), median(took[pick] for took in theirs_took)
        ratio = median(one[pick] / two[pick] for one, two in zip(ours_took, theirs_took, strict=True))
        label = f".reg export of SYSTEM, 11.8 MB, {count:,} keys and values: {what}"
        yield Row(label, milliseconds(mine), f"hivexregedit {milliseconds(other)}", times(ratio), "1 x hivexregedit", ratio <= 1)
    peak, other_peak = max(took.peak for took in ours_took), max(took.peak for took in theirs_took)
    yield Row("  peak memory", f"{peak / 1024:.0f} MiB", f"hivexregedit {other_peak / 1024:.0f} MiB")


def _imports(system: Path, env: dict[str, str]) -> Iterator[Row]:
    """The whole hive into itself; our text is UTF-16, which hivexregedit does not read."""
    wide, narrow, copy = (system.with_name(name) for name in ("all.reg", "all.utf8.reg", "copy"))
    ours = [sys.executable, "-m", "bootmend", "hive", "export", str(system), "-o", str(wide)]
    subprocess.run(ours, capture_output=True, check=True, env=env)
    narrow.write_text(wide.read_bytes().decode("utf-16").replace("\r\n", "\n"), encoding="utf-8")
    ours_took, theirs_took = [], []
    for _ in range(ROUNDS):
        shutil.copy(system, copy)
        ours_took.append(process([sys.executable, "-m", "bootmend", "hive", "import", str(copy), str(wide), "--yes"], env))
        command = ["hivexregedit", "--merge", "--prefix", "HKEY_LOCAL_MACHINE\\SYSTEM", str(copy), str(narrow)]
        theirs_took.append(process(command, env))
    mine, other = median(took.wall for took in ours_took), median(took.wall for took in theirs_took)
    ratio = median(one.wall / two.wall for one, two in zip(ours_took, theirs_took, strict=True))
    label = ".reg import of the whole SYSTEM into itself"
    yield Row(label, milliseconds(mine), f"hivexregedit {milliseconds(other)}", times(ratio), "1 x hivexregedit", ratio <= 1)


def _compare(ours: list[str], theirs: list[str], env: dict[str, str]) -> int:
    """How many keys and values both name; the data are compared where the rival's text can be read."""
    from bootmend.registry.regfile_parse import decode_reg, parse_reg

    mine = parse_reg(decode_reg(subprocess.run(ours, capture_output=True, check=True, env=env).stdout))
    text = subprocess.run(theirs, capture_output=True, check=True).stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    found = {(change.key.rstrip("\\"), change.name): change.data for change in parse_reg(text)}
    known = {(change.key.rstrip("\\"), change.name): change.data for change in mine}
    readable = {place for place in found if "\ufffd" not in "".join(filter(None, place))}
    if len(found) != len(known) or any(known.get(place) != found[place] for place in readable):
        raise Skipped("the two exports differ")
    return len(known)


if __name__ == "__main__":
    show(measure)
