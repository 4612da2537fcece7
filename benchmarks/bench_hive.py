"""Reading hives: one value of a large one, and every key and value of a real SYSTEM, beside hivex and dissect.regf.

CPU time.  Ours and hivex run in the same Python, turn and turn about, each in a process of its own that
measures itself: a machine that is now fast, now slow treats both alike, and the ratio is that of neighbours.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hive_maker import large_hive
from measure import Row, Skipped, hivex_python, median, milliseconds, rival, show, third_party_bytes, times

import bootmend

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 7
KEY, NAME = "Class07\\Key12345", "Text"


class Pair(NamedTuple):
    """Medians in seconds, the median of the rounds' ratios, and what each answered last."""

    ours: float
    theirs: float
    ratio: float
    our_result: Any
    their_result: Any


def measure() -> Iterator[Row]:
    os.environ["PYTHONPATH"] = str(Path(bootmend.__path__[0]).parent)
    with tempfile.TemporaryDirectory() as name:
        large = Path(name) / "large"
        large.write_bytes(large_hive())
        system = Path(name) / "SYSTEM"
        yield from one_value(large)
        yield from walks(large, "a made hive, 102 MB", goal=False)
        try:
            system.write_bytes(third_party_bytes("hives/regipy_SYSTEM.xz"))
        except Skipped as reason:
            yield Row("walk of a real SYSTEM", f"not measured: {reason}")
            return
        yield from walks(system, "a real SYSTEM, 11.8 MB", goal=True)


def beside_hivex(rounds: int, task: str, *arguments: object, repeat: int) -> Pair:
    """Each round runs both; the first of a round's repetitions warms the process."""
    python = hivex_python()
    ours, theirs = [], []
    for _ in range(rounds):
        mine = rival(python, "ours_hive.py", task, *arguments, repeat)
        other = rival(python, "rival_hivex.py", task, *arguments, repeat)
        ours.append(median(mine["cpu"][1:] or mine["cpu"]))
        theirs.append(median(other["cpu"][1:] or other["cpu"]))
    ratio = median(one / two for one, two in zip(ours, theirs, strict=True))
    return Pair(median(ours), median(theirs), ratio, mine["result"], other["result"])


def one_value(path: Path) -> Iterator[Row]:
    pair = beside_hivex(ROUNDS, "value", path, KEY, NAME, repeat=6)
    assert pair.our_result["length"] == pair.their_result
    size = path.stat().st_size
    what = f"open and read one value, {size / 1e6:.0f} MB"
    yield Row(
        what, milliseconds(pair.ours), f"hivex {milliseconds(pair.theirs)}", times(pair.ratio), "0.1 x hivex", pair.ratio <= 0.1
    )
    yield Row("  bytes read for it", f"{pair.our_result['bytes']:,} B in {pair.our_result['reads']} reads", f"hivex {size:,} B")


def walks(path: Path, name: str, *, goal: bool) -> Iterator[Row]:
    pair = beside_hivex(ROUNDS if goal else 2, "walk", path, repeat=4 if goal else 2)
    counted = pair.our_result
    assert counted == pair.their_result, (counted, pair.their_result)
    what = f"walk {name}: {counted[0]:,} keys, {counted[1]:,} values"
    rest = (times(pair.ratio), "2 x hivex" if goal else "", pair.ratio <= 2 if goal else None)
    yield Row(what, milliseconds(pair.ours), f"hivex {milliseconds(pair.theirs)}", *rest)
    if goal:
        yield beside_dissect(path, counted)


def beside_dissect(path: Path, counted: list[int]) -> Row:
    """In this Python, which has dissect."""
    what, ratios, ours, theirs = "  the same beside dissect.regf", [], [], []
    try:
        for _ in range(3):
            mine = rival(sys.executable, "ours_hive.py", "walk", path, 2)
            other = rival(sys.executable, "rival_dissect.py", "walk", path, 1)
            assert counted == mine["result"] == other["result"]
            ours.append(mine["cpu"][-1])
            theirs.append(other["cpu"][-1])
            ratios.append(theirs[-1] / ours[-1])
    except Skipped as reason:
        return Row(what, f"not measured: {reason}")
    ratio = median(ratios)
    faster = f"{ratio:.1f} x faster"
    return Row(what, milliseconds(median(ours)), f"dissect {milliseconds(median(theirs))}", faster, "10 x faster", ratio >= 10)


if __name__ == "__main__":
    show(measure)
