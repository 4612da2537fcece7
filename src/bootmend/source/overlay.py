"""Copy-on-write: what a repair writes stays here, in order, until a plan is made of it."""

from __future__ import annotations

from typing import NamedTuple

from bootmend.source.base import Source

PAGE = 4096


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

    ``name`` names the bottom source in patches.  Writes that change nothing leave no trace.
    """

    def __init__(self, base: Source, name: str, clock: StepClock | None = None) -> None:
        self.base = base
        self.name = name
        self.clock = clock or StepClock()
        self._pages: dict[int, bytearray] = {}
        self._writes: list[tuple[int, int, bytes, bytes]] = []  # step, offset, before, after

    @property
    def size(self) -> int:
        """The size of the base: an overlay never grows a source."""
        return self.base.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Read the base with all writes laid over it."""
        self.check_range(offset, length)
        if not self._pages:
            return self.base.read_at(offset, length)
        first, last = offset // PAGE, (offset + length - 1) // PAGE
        hits = [page for page in range(first, last + 1) if page in self._pages] if length else []
        data = self.base.read_at(offset, length)
        if not hits:
            return data
        result = bytearray(data)
        for page in hits:
            start = max(page * PAGE, offset)
            end = min(page * PAGE + len(self._pages[page]), offset + length)
            result[start - offset : end - offset] = self._pages[page][start - page * PAGE : end - page * PAGE]
        return bytes(result)

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
                length = min(PAGE, self.base.size - page * PAGE)
                self._pages[page] = bytearray(self.base.read_at(page * PAGE, length))
            count = min(PAGE - inside, len(data) - done)
            self._pages[page][inside : inside + count] = data[done : done + count]
            done += count

    def barrier(self) -> None:
        """Begin a new step."""
        self.clock.barrier()

    def patches(self) -> list[Patch]:
        """All writes as patches, in the order of their steps; within a step merged and sorted by offset."""
        by_step: dict[int, list[tuple[int, bytes, bytes]]] = {}
        for step, offset, before, after in self._writes:
            by_step.setdefault(step, []).append((offset, before, after))
        patches = []
        for step in sorted(by_step):
            patches += [Patch(self.name, step, *change) for change in _merge(by_step[step])]
        return patches


def _differences(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """The half-open ranges in which two equally long byte strings differ, at a grain of 16 bytes."""
    if before == after:
        return []
    ranges: list[tuple[int, int]] = []
    for start in range(0, len(after), 16):
        end = min(start + 16, len(after))
        if before[start:end] != after[start:end]:
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))
    return ranges


def _merge(writes: list[tuple[int, bytes, bytes]]) -> list[tuple[int, bytes, bytes]]:
    """Fold the writes of one step into disjoint sorted changes: first ``before``, last ``after``."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for offset, before, after in writes:
        for index, byte in enumerate(before):
            first.setdefault(offset + index, byte)
        for index, byte in enumerate(after):
            last[offset + index] = byte
    merged: list[tuple[int, bytearray, bytearray]] = []
    for position in sorted(last):
        if merged and merged[-1][0] + len(merged[-1][1]) == position:
            merged[-1][1].append(first[position])
            merged[-1][2].append(last[position])
        else:
            merged.append((position, bytearray([first[position]]), bytearray([last[position]])))
    return [(offset, bytes(before), bytes(after)) for offset, before, after in merged if before != after]
