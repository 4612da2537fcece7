"""Reading hives: one value of a large one, and every key and value of a real SYSTEM.  CPU time, beside hivex and dissect."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hive_maker import large_hive
from measure import (
    Row,
    Skipped,
    hivex_python,
    median,
    milliseconds,
    rival,
    show,
    spent,
    third_party_bytes,
    times,
)

from bootmend.registry import Hive
from bootmend.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 7
KEY, NAME = "Class07\\Key12345", "Text"


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        large = Path(name) / "large"
        large.write_bytes(large_hive())
        system = Path(name) / "SYSTEM"
        yield from one_value(large)
        yield from walks(large, "made, 100 MB", goal=False)
        try:
            system.write_bytes(third_party_bytes("hives/regipy_SYSTEM.xz"))
        except Skipped as reason:
            yield Row("walk of a real SYSTEM", f"not measured: {reason}")
            return
        yield from walks(system, "real SYSTEM, 11.8 MB", goal=True)


# -- one value ----------------------------------------------------------------------------------------------


def get(path: Path) -> int:
    with FileSource(path) as source:
        key = Hive(source).key(KEY)
        found = key.value(NAME) if key else None
        assert found is not None
        return len(found.data)


def one_value(path: Path) -> Iterator[Row]:
    python = hivex_python()
    size = get(path)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(median(spent(lambda: get(path)).cpu for _ in range(5)))
        answer = rival(python, "rival_hivex.py", "value", path, KEY, NAME, 5)
        assert answer["result"] == size
        theirs.append(median(answer["cpu"]))
    mine, other = median(ours), median(theirs)
    megabytes = path.stat().st_size / 1e6
    what = f"open and read one value, {megabytes:.0f} MB"
    yield Row(what, milliseconds(mine), f"hivex {milliseconds(other)}", times(mine / other), "0.1 x hivex", mine <= 0.1 * other)
    with FileSource(path) as source:
        key = Hive(source).key(KEY)
        assert key is not None
        assert key.value(NAME) is not None
        yield Row("  bytes read for it", f"{source.bytes_read:,} B in {source.reads} reads", f"hivex {path.stat().st_size:,} B")


# -- every key and value ------------------------------------------------------------------------------------


def walk(path: Path) -> tuple[int, int]:
    keys = values = 0
    with FileSource(path) as source:
        hive = Hive(source)
        hive.load()
        for _, key in hive.walk():
            keys += 1
            for value in key.values():
                values += 1
                _ = value.name, value.type, value.data
    return keys, values


def walks(path: Path, name: str, *, goal: bool) -> Iterator[Row]:
    python = hivex_python()
    counted = walk(path)
    ours, theirs = [], []
    for _ in range(5 if goal else 2):
        ours.append(spent(lambda: walk(path)).cpu)
        answer = rival(python, "rival_hivex.py", "walk", path, 1)
        assert tuple(answer["result"]) == counted, (answer["result"], counted)
        theirs += answer["cpu"]
    mine, other = median(ours), median(theirs)
    what = f"walk, {name}: {counted[0]:,} keys, {counted[1]:,} values"
    met = mine <= 2 * other if goal else None
    wanted = "2 x hivex" if goal else ""
    yield Row(what, milliseconds(mine), f"hivex {milliseconds(other)}", times(mine / other), wanted, met)
    if goal:
        yield beside_dissect(path, mine, counted)


def beside_dissect(path: Path, mine: float, counted: tuple[int, int]) -> Row:
    try:
        answer = rival(sys.executable, "rival_dissect.py", "walk", path, 2)
    except Skipped as reason:
        return Row("  the same by dissect.regf", f"not measured: {reason}")
    assert tuple(answer["result"]) == counted, answer["result"]
    other = median(answer["cpu"])
    ratio = f"{other / mine:.1f} x faster"
    return Row("  the same by dissect.regf", milliseconds(mine), f"dissect {milliseconds(other)}", ratio, "10 x faster", other >= 10 * mine)


if __name__ == "__main__":
    show(measure)
