"""What a fleet came to, from the record: counts, groups, one entry a disk, the exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.errors import MissingError, UsageError
from bootmend.rescue.fleet import EXAMINE, PREFIX, REPAIR, groups_of, outcome_of
from bootmend.rescue.workflow import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootmend.rescue.workflow import Ledger, Record

#: what became of a disk -> the exit code that alone it would have
EXIT_CODES = {
    "healthy": 0,
    "repaired": 0,
    "problems": 1,
    "unexplained": 1,
    "waiting": 3,
    "inconclusive": 3,
    "unreadable": 3,
    "refused": 4,
    "changed": 4,
    "rolled-back": 5,
    "half-written": 6,
}
#: the worst comes first: what a person must look at before anything else
_WORST = (6, 5, 4, 3, 1, 0)


class FleetReport(NamedTuple):
    """A fleet and its disks; ``disks`` are as in ``bootmend.fleet/1``."""

    id: str
    state: str
    started: str
    ended: str
    holder: str
    asked: Mapping[str, Any]
    agreed: tuple[str, ...]
    disks: tuple[dict[str, Any], ...]
    continued: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many disks came to what."""
        return dict(Counter(disk["state"] for disk in self.disks).most_common())

    @property
    def exit_code(self) -> int:
        """That of the worst disk."""
        codes = {EXIT_CODES.get(disk["state"], 3) for disk in self.disks}
        codes |= {1 for disk in self.disks if disk["state"] == "repaired" and disk.get("left")}
        return next(code for code in _WORST if code in codes or code == 0)

    def to_json(self) -> dict[str, Any]:
        """The document ``bootmend.fleet/1``."""
        from bootmend import __version__

        groups = groups_of(self.disks, dict(enumerate(self.disks)))
        return {
            "schema": "bootmend.fleet/1",
            "version": __version__,
            "id": self.id,
            "state": self.state,
            "started": self.started,
            "ended": self.ended,
            "continued": self.continued,
            "asked": dict(self.asked),
            "agreed": list(self.agreed),
            "counts": self.counts,
            "groups": [{"name": group.name, "cures": list(group.cures), "disks": list(group.disks)} for group in groups],
            "disks": [dict(disk) for disk in self.disks],
        }


def list_fleets(ledger: Ledger) -> list[Record]:
    """All fleets on record, oldest first."""
    return ledger.records(PREFIX)


def find_fleet(ledger: Ledger, name: str) -> Record:
    """The fleet whose id is or begins with ``name``; the newest where it is empty.

    Raises:
        MissingError: there is none.
        UsageError: there are several.
    """
    wanted = name if name.startswith(PREFIX) else PREFIX + name
    records = list_fleets(ledger)
    matches = [record for record in records if record.id.startswith(wanted)]
    if not matches:
        raise MissingError(f"there is no fleet {name}".rstrip(), hint="bootmend fleet status shows the fleets there are")
    if len({record.id.rpartition("/")[0] for record in matches}) > 1 and name:
        raise UsageError(f"{name} begins the ids of several fleets: {', '.join(record.id for record in matches)}")
    exact = [record for record in matches if record.id == wanted]
    return (exact or sorted(matches, key=lambda record: record.started))[-1]


def report_fleet(ledger: Ledger, record: Record, *, continued: bool = False) -> FleetReport:
    """What a fleet came to so far: of one that is finished the record's own words, else what its parts say."""
    result = record.result if record.state is State.FINISHED else None
    disks = result["disks"] if result else _so_far(ledger, record)
    asked = {name: value for name, value in record.inputs["asked"].items() if name != "made_at"}
    return FleetReport(
        record.id,
        str(record.state),
        record.started,
        result["ended"] if result else "",
        record.holder,
        asked,
        tuple(result["agreed"]) if result else (),
        tuple(disks),
        continued,
    )


def _so_far(ledger: Ledger, record: Record) -> Sequence[dict[str, Any]]:
    parts = {one.id: one.result for one in ledger.records(f"{record.id}/", parts=True) if one.state is State.FINISHED}

    def part(phase: str, number: int) -> Any:  # noqa: ANN401 (JSON)
        return parts.get(f"parts/{record.id}/{phase}/{number:05}")

    disks = record.inputs["disks"]
    return [disk | outcome_of(part(EXAMINE, number), part(REPAIR, number)) for number, disk in enumerate(disks)]
