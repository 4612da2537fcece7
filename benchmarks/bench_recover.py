"""Recovering real dirty hives from their logs: time, and whether what comes out is sound.

No rival: hivex does not read logs (it opens dirty hives and marks them clean).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from measure import Row, Skipped, median, milliseconds, show, spent, third_party_bytes

from bootmend.registry import Hive, check, recover
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 3


class Dirty(NamedTuple):
    """A hive, its logs, and what is known of the result: keys and values, or a file that Windows made of it."""

    name: str
    hive: str
    logs: tuple[str, ...]
    counts: tuple[int, int] | None = None
    windows: str = ""
    differ: int = 0
    """512-byte blocks in which Windows' own result differs, because Windows wrote again: see ``tests/registry``."""


NEW, OLD = "yarp_NewDirtyHive1__", "yarp_OldDirtyHive__"
HIVES = (
    Dirty("SYSTEM_B", "regipy_SYSTEM_B.xz", ("regipy_SYSTEM_B.LOG1.xz", "regipy_SYSTEM_B.LOG2.xz"), (35_595, 78_901)),
    Dirty(
        "NTUSER.DAT",
        "regipy_transactions_NTUSER.DAT.xz",
        ("regipy_transactions_ntuser.dat.log1.xz", "regipy_transactions_ntuser.dat.log2.xz"),
    ),
    Dirty("UsrClass.dat", "regipy_UsrClass.dat.xz", ("regipy_UsrClass.dat.LOG1.xz", "regipy_UsrClass.dat.LOG2.xz")),
    Dirty(
        "NewDirtyHive1",
        f"{NEW}NewDirtyHive.xz",
        (f"{NEW}NewDirtyHive.LOG1.xz", f"{NEW}NewDirtyHive.LOG2.xz"),
        windows=f"{NEW}RecoveredHive_Windows10.xz",
    ),
    Dirty(
        "OldDirtyHive",
        f"{OLD}OldDirtyHive.xz",
        (f"{OLD}OldDirtyHive.LOG1.xz", f"{OLD}OldDirtyHive.LOG2"),
        windows=f"{OLD}RecoveredHive_Windows7.xz",
        differ=3,
    ),
)


def measure() -> Iterator[Row]:
    for dirty in HIVES:
        try:
            yield recovery(dirty)
        except Skipped as reason:
            yield Row(f"recover {dirty.name}", f"not measured: {reason}")


def recovery(dirty: Dirty) -> Row:
    hive = MemorySource(third_party_bytes(f"hives/{dirty.hive}"))
    logs = [MemorySource(third_party_bytes(f"hives/{name}")) for name in dirty.logs]
    taken = median(spent(lambda: recover(hive, logs)).cpu for _ in range(ROUNDS))
    result = recover(hive, logs)
    violations = len(check(MemorySource(result.data)))
    counts = count(result.data)
    windows = third_party_bytes(f"hives/{dirty.windows}") if dirty.windows else b""
    allowed = len(check(MemorySource(windows))) if windows else 0
    facts = [f"{violations} violations", f"{counts[0]:,} keys", f"{counts[1]:,} values"]
    goals = [f"{allowed} violations" + (", as Windows left them" if allowed else "")]
    met = violations == allowed
    if dirty.counts:
        goals.append(f"{dirty.counts[0]:,} keys, {dirty.counts[1]:,} values, 2 s")
        met = met and counts == dirty.counts and taken <= 2
    if windows:
        other = differing_blocks(result.data, windows)
        facts.append(f"{other} blocks other than Windows'")
        goals.append(f"{dirty.differ} blocks")
        met = met and other == dirty.differ
    what = f"recover {dirty.name}: {hive.size / 1e6:.1f} MB, {result.entries} log entries"
    return Row(what, f"{milliseconds(taken)}: {', '.join(facts)}", "", "", ", ".join(goals), met)


def count(data: bytes) -> tuple[int, int]:
    keys = values = 0
    for _, key in Hive(MemorySource(data)).walk():
        keys += 1
        values += sum(1 for _ in key.values())
    return keys, values


def differing_blocks(one: bytes, other: bytes) -> int:
    assert len(one) == len(other)
    return sum(one[start : start + 512] != other[start : start + 512] for start in range(0, len(one), 512))


if __name__ == "__main__":
    show(measure)
