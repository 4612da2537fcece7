"""Run lists: where on the volume the clusters of an attribute lie."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOLE = -1
"""The LCN of clusters that were never allocated: they read as zeros."""
MAX_RUNS = 1 << 20
"""More runs than this in one attribute are taken for damage: it bounds the memory that a run list can ask for."""


class Run(NamedTuple):
    """``clusters`` clusters of an attribute from ``vcn`` on, that lie at ``lcn`` on the volume."""

    vcn: int
    lcn: int
    clusters: int


class Stretch(NamedTuple):
    """``length`` bytes at ``offset`` of the volume; a hole has the offset :data:`HOLE`."""

    offset: int
    length: int


def decode_runs(data: bytes, lowest: int, highest: int, clusters: int) -> list[Run]:
    """Decode a run list that maps the VCNs ``lowest`` to ``highest`` of a volume with ``clusters`` clusters.

    Each run is a byte (low half: width of the length, high half: width of the LCN difference, 0 for
    a hole), the length, and the signed difference to the LCN before.

    Raises:
        CorruptError: a run ends outside the data, the volume or the attribute, or VCNs are missing.
    """
    runs: list[Run] = []
    position, vcn, lcn = 0, lowest, 0
    while vcn <= highest:
        if position >= len(data) or not data[position]:
            raise CorruptError(f"the run list ends at VCN {vcn:#x}, before {highest:#x}")
        length_width, lcn_width = data[position] & 15, data[position] >> 4
        end = position + 1 + length_width + lcn_width
        if not 1 <= length_width <= 8 or lcn_width > 8 or end > len(data):
            raise CorruptError(f"run at VCN {vcn:#x} has the impossible header {data[position]:#04x}")
        middle = position + 1 + length_width
        count = int.from_bytes(data[position + 1 : middle], "little", signed=True)
        place = HOLE
        if lcn_width:
            lcn += int.from_bytes(data[middle:end], "little", signed=True)
            place = lcn
        if count <= 0 or vcn + count > highest + 1 or (lcn_width and not 0 <= lcn <= clusters - count):
            raise CorruptError(f"run at VCN {vcn:#x} ({count:#x} clusters at {lcn:#x}) lies outside the volume or its attribute")
        runs.append(Run(vcn, place, count))
        vcn, position = vcn + count, end
    return runs


def encode_runs(runs: Iterable[Run]) -> bytes:
    """The run list of runs in the order of their VCNs, with the zero that ends it."""
    packed, before = bytearray(), 0
    for run in runs:
        length = _signed(run.clusters)
        place = b"" if run.lcn == HOLE else _signed(run.lcn - before)
        before = before if run.lcn == HOLE else run.lcn
        packed += bytes([len(place) << 4 | len(length)]) + length + place
    return bytes(packed) + b"\0"


def _signed(number: int) -> bytes:
    """The fewest little-endian bytes that hold a signed number."""
    return number.to_bytes(max(1, number.bit_length() // 8 + 1), "little", signed=True)


class RunMap:
    """All runs of one attribute, in the order of their VCNs, without gaps."""

    def __init__(self, cluster: int) -> None:
        self._cluster = cluster
        self._starts: list[int] = []
        self._runs: list[Run] = []
        self.end = 0

    def add(self, runs: list[Run]) -> None:
        """Append the runs of the next extent of the attribute.

        Raises:
            CorruptError: the extent does not begin where the one before ended.
        """
        if len(self._runs) + len(runs) > MAX_RUNS:
            raise CorruptError(f"the attribute has more than {MAX_RUNS} runs")
        for run in runs:
            if run.vcn != self.end:
                raise CorruptError(f"an extent maps VCN {run.vcn:#x}, but VCN {self.end:#x} is next")
            last = self._runs[-1] if self._runs else None
            if last and (run.lcn == last.lcn + last.clusters if run.lcn != HOLE else last.lcn == HOLE):
                self._runs[-1] = Run(last.vcn, last.lcn, last.clusters + run.clusters)
            else:
                self._starts.append(run.vcn)
                self._runs.append(run)
            self.end += run.clusters

    @property
    def size(self) -> int:
        """The bytes mapped, holes included."""
        return self.end * self._cluster

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def stretches(self, offset: int, length: int) -> list[Stretch]:
        """Return where ``length`` bytes from ``offset`` of the attribute lie on the volume, in order.

        Raises:
            CorruptError: the range is not mapped.
        """
        if offset + length > self.size:
            raise CorruptError(f"the run list maps {self.size:#x} bytes, but byte {offset + length:#x} is needed")
        result: list[Stretch] = []
        index = bisect_right(self._starts, offset // self._cluster) - 1
        while length:
            run = self._runs[index]
            inside = offset - run.vcn * self._cluster
            count = min(run.clusters * self._cluster - inside, length)
            result.append(Stretch(HOLE if run.lcn == HOLE else run.lcn * self._cluster + inside, count))
            offset, length, index = offset + count, length - count, index + 1
        return result
