"""From an edited buffer to ordered writes, such that a crash leaves the old hive, the new one, or a dirty one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import RefusedError
from bootmend.registry.base import SECTOR
from bootmend.registry.layout import BASE_CHECKSUM, BASE_SEQUENCE_1, BASE_SEQUENCE_2, NIL, PAGE, checksum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.source import Source

Step = tuple[tuple[int, bytes], ...]


class Commit(NamedTuple):
    """The writes that make an edit real.

    ``steps`` are always three, each a tuple of (offset in the file, bytes): the primary sequence number,
    which marks the hive dirty; the changed sectors; the base block with both sequence numbers equal.
    All must be on the disk before the next begins.  They are empty where nothing changed.  ``size`` is
    the length of the file afterwards.
    """

    steps: tuple[Step, Step, Step]
    size: int

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return any(self.steps)

    def write(self, file: Source) -> None:
        """Write the steps in order, with a barrier after each.

        Raises:
            RefusedError: the file is too short; nothing is written.
        """
        if file.size < self.size:
            raise RefusedError(f"the hive needs a file of {self.size} bytes, this one has {file.size}")
        for step in self.steps:
            for offset, data in step:
                file.write_at(offset, data)
            if step:
                file.barrier()


def next_sequence(numbers: Iterable[int]) -> int:
    """Return the sequence number above all of these.

    Raises:
        RefusedError: there is none.
    """
    highest = max(numbers)
    if highest >= NIL:
        raise RefusedError("the hive's sequence numbers have come to their end", at="base block")
    return highest + 1


def set_sequences(sector: bytearray, first: int, second: int) -> None:
    """Put sequence numbers and the checksum into a base block."""
    sector[BASE_SEQUENCE_1 : BASE_SEQUENCE_1 + 4] = first.to_bytes(4, "little")
    sector[BASE_SEQUENCE_2 : BASE_SEQUENCE_2 + 4] = second.to_bytes(4, "little")
    sector[BASE_CHECKSUM : BASE_CHECKSUM + 4] = checksum(sector).to_bytes(4, "little")


def build_commit(source: Source, after: bytearray, touched: Iterable[int], *, sound: bool) -> Commit:
    """Return the steps from ``source`` to ``after``, whose base block is final.

    ``touched`` are the pages that may differ.  ``sound`` says that the base block of ``source`` can be
    believed: then the first step keeps all its other fields.
    """
    old = source.read_at(0, SECTOR)
    final = bytes(after[:SECTOR])
    first = bytearray(old if sound else final)
    sequence = int.from_bytes(final[BASE_SEQUENCE_1 : BASE_SEQUENCE_1 + 4], "little")
    previous = int.from_bytes(old[BASE_SEQUENCE_2 : BASE_SEQUENCE_2 + 4], "little")
    set_sequences(first, sequence, previous if sound else sequence - 1 & NIL)
    return Commit((((0, bytes(first)),), _changed_sectors(source, after, touched), ((0, final),)), len(after))


def has_changes(source: Source, after: bytearray, touched: Iterable[int]) -> bool:
    """Whether any byte behind the base block's sector differs, or the file has grown."""
    return any(_differing(source, after, _pages(source, after, touched)))


def _changed_sectors(source: Source, after: bytearray, touched: Iterable[int]) -> Step:
    """The sectors that differ, neighbours as one, without the base block's."""
    runs: list[tuple[int, int]] = []
    for start in _differing(source, after, _pages(source, after, touched)):
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + SECTOR)
        else:
            runs.append((start, start + SECTOR))
    return tuple((start, bytes(after[start:end])) for start, end in runs)


def _pages(source: Source, after: bytearray, touched: Iterable[int]) -> list[int]:
    """The pages that may differ: those touched, and all behind the end of the source."""
    grown = range(source.size // PAGE, -(-len(after) // PAGE)) if len(after) > source.size else ()
    return sorted({*(page for page in touched if page * PAGE < source.size), *grown})


def _differing(source: Source, after: bytearray, pages: list[int]) -> Iterator[int]:
    """Where sectors begin that differ; those behind the end of the source do."""
    for page in pages:
        start = page * PAGE
        before = source.read_at(start, min(PAGE, source.size - start)) if start < source.size else b""
        if before == after[start : start + PAGE]:
            continue
        for at in range(start or SECTOR, min(start + PAGE, len(after)), SECTOR):
            if before[at - start : at - start + SECTOR] != after[at : at + SECTOR]:
                yield at
