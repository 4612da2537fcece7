"""Copy-on-write: what a repair writes stays here, in order, until a plan is made of it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from bootmend.source.base import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 4096
GRAIN = 16


class Patch(NamedTuple):
    """One replaced stretch of one bottom source, in that source's own bytes."""

    source: str
    step: int
    offset: int
    before: bytes
    after: bytes


class StepClock:
    """Counts the flushes of a workspace; all its overlays share one, so that order holds across files."""

    def __init__(self) -> None:
        self.step = 0
        self.used = False

    def barrier(self) -> None:
        """Begin a new step, unless nothing was written in this one."""
        if self.used:
            self.step += 1
            self.used = False


class Overlay(Source):
    """A source whose writes are kept in memory, and can be read back, replayed and undone.

    ``name`` names the bottom source in patches.  Writes that change nothing leave no trace.  It may be
    grown where its base could be: past the base's end it holds zeros until they are written over.
    """

    def __init__(self, base: Source, name: str, clock: StepClock | None = None) -> None:
        self.base = base
        self.name = name
        self.clock = clock or StepClock()
        self._size = base.size
        self._pages: dict[int, bytearray] = {}
        self._writes: list[tuple[int, int, bytes, bytes]] = []  # step, offset, before, after

    @property
    def size(self) -> int:
        """The size of the base, or what it was grown to."""
        return self._size

    @property
    def can_grow(self) -> bool:
        """Whether the base could."""
        return self.base.can_grow

    def grow(self, size: int) -> None:
        """Lengthen what is seen here; the base stays as it is."""
        if not self.base.can_grow:
            super().grow(size)
        self._size = max(self._size, size)

    def read_at(self, offset: int, length: int) -> bytes:
        """Read the base with all writes laid over it."""
        self.check_range(offset, length)
        hits = self._pages_in(offset, length)
        data = self._base_at(offset, length)
        if not hits:
            return data
        result = bytearray(data)
        for page in hits:
            start = max(page * PAGE, offset)
            end = min(page * PAGE + len(self._pages[page]), offset + length)
            result[start - offset : end - offset] = self._pages[page][start - page * PAGE : end - page * PAGE]
        return bytes(result)

    def _base_at(self, offset: int, length: int) -> bytes:
        there = max(min(length, self.base.size - offset), 0)
        return (self.base.read_at(offset, there) if there else b"") + bytes(length - there)

    def _pages_in(self, offset: int, length: int) -> list[int]:
        if not self._pages or not length:
            return []
        touched = range(offset // PAGE, (offset + length - 1) // PAGE + 1)
        if len(touched) > len(self._pages):
            return [page for page in self._pages if page in touched]
        return [page for page in touched if page in self._pages]

    def write_at(self, offset: int, data: bytes) -> None:
        """Keep the stretches of ``data`` that differ from what is there now."""
        self.check_range(offset, len(data))
        before = self.read_at(offset, len(data))
        for start, end in _differences(before, data):
            self._writes.append((self.clock.step, offset + start, before[start:end], data[start:end]))
            self._store(offset + start, data[start:end])
            self.clock.used = True

    def _store(self, offset: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            page, inside = divmod(offset + done, PAGE)
            if page not in self._pages:
                # A page that reaches past the end is whole here, so that growing later finds it.
                self._pages[page] = bytearray(self._base_at(page * PAGE, PAGE))
            count = min(PAGE - inside, len(data) - done)
            self._pages[page][inside : inside + count] = data[done : done + count]
            done += count

    def barrier(self) -> None:
        """Begin a new step."""
        self.clock.barrier()

    def patches(self) -> list[Patch]:
        """All writes as patches, in the order of their steps; within a step merged and sorted by offset."""
        steps: dict[int, _Step] = {}
        for step, offset, before, after in self._writes:
            steps.setdefault(step, _Step()).add(offset, before, after)
        return [
            Patch(self.name, step, *change)
            for step, pieces in sorted(steps.items(), key=lambda item: item[0])
            for change in pieces.changes()
        ]


def _differences(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """Return the half-open ranges in which two equally long byte strings differ, at a grain of 16 bytes."""
    ranges: list[tuple[int, int]] = []
    for page in range(0, len(after), PAGE):
        if before[page : page + PAGE] == after[page : page + PAGE]:
            continue
        for start in range(page, min(page + PAGE, len(after)), GRAIN):
            end = min(start + GRAIN, len(after))
            if before[start:end] == after[start:end]:
                continue
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))
    return ranges


class _Step:
    """The writes of one step as disjoint pieces: the first ``before`` and the last ``after`` of every byte."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._pieces: dict[int, tuple[bytes, bytearray]] = {}

    def add(self, offset: int, before: bytes, after: bytes) -> None:
        """Lay one write over those before it: known bytes get a new ``after``, the rest become new pieces."""
        position, end = offset, offset + len(after)
        index = max(bisect_right(self._starts, offset) - 1, 0)
        while position < end:
            start = self._starts[index] if index < len(self._starts) else end
            if start > position:
                stop = min(start, end)
                self._insert(index, position, before[position - offset : stop - offset], after[position - offset : stop - offset])
                position = stop
            else:
                latest = self._pieces[start][1]
                stop = min(start + len(latest), end)
                if stop > position:
                    latest[position - start : stop - start] = after[position - offset : stop - offset]
                    position = stop
            index += 1

    def _insert(self, index: int, start: int, before: bytes, after: bytes) -> None:
        self._starts.insert(index, start)
        self._pieces[start] = (before, bytearray(after))

    def changes(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (offset, before, after) sorted by offset, neighbours joined, without what ended as it began."""
        for group in self._neighbours():
            before = b"".join(self._pieces[start][0] for start in group)
            after = b"".join(self._pieces[start][1] for start in group)
            if before != after:
                yield group[0], before, after

    def _neighbours(self) -> Iterator[list[int]]:
        group: list[int] = []
        end = -1
        for start in self._starts:
            if group and start != end:
                yield group
                group = []
            group.append(start)
            end = start + len(self._pieces[start][0])
        if group:
            yield group
