"""The values of evidence: what a machine, and each Windows on it, tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bootmend.evidence.times import filetime_text

if TYPE_CHECKING:
    from bootmend.evidence.boot_status import BootStatus
    from bootmend.evidence.boots import History
    from bootmend.evidence.drive_letters import DriveLetter
    from bootmend.evidence.dump import Dump
    from bootmend.evidence.free_space import FreeSpace
    from bootmend.evidence.pe import Program
    from bootmend.evidence.servicing import Servicing
    from bootmend.evidence.startup_repair import StartupRepair

EVENT_LOG = "System32\\winevt\\Logs\\System.evtx"


class DumpFile(NamedTuple):
    """A dump: where, its size, when it was written, and what it says."""

    where: str
    size: int
    modified: str
    dump: Dump

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"where": self.where, "size": self.size, "modified": self.modified, **self.dump.to_json()}


class BootFile(NamedTuple):
    """A program that starting needs, and what it says of itself; ``service`` is the driver's name, "" for another file."""

    where: str
    service: str
    program: Program

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"where": self.where, "service": self.service, **self.program.to_json()}


class PlainFile(NamedTuple):
    """A file whose being there says something."""

    where: str
    size: int
    modified: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return self._asdict()


class Letter(NamedTuple):
    """A drive letter, and the volume of this disk that it stands for ("" for one of another disk)."""

    letter: DriveLetter
    volume: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {**self.letter.to_json(), "volume": self.volume}


class LastStop(NamedTuple):
    """The newest stop that anything tells of: code and parameters, when, the module at fault ("" unknown), and who says so."""

    code: int
    parameters: tuple[int, ...]
    time: str
    module: str
    source: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "stop_code": f"0x{self.code:08X}",
            "parameters": [f"0x{one:X}" for one in self.parameters],
            "time": self.time,
            "module": self.module,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class WindowsEvidence:
    """What one Windows tells; None or empty where there is nothing to tell."""

    where: str
    dumps: tuple[DumpFile, ...]
    history: History | None
    servicing: Servicing | None
    servicing_files: tuple[PlainFile, ...]
    startup_repair: StartupRepair | None
    boot_status: BootStatus | None
    letters: tuple[Letter, ...]
    errors: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def last_stop(self) -> LastStop | None:
        """The newest of what dumps and the event log tell; of equal times the dump, which says more."""
        stops = [_stop_of_dump(one) for one in self.dumps]
        if self.history is not None:
            stops += [LastStop(one.code, one.parameters, one.logged, "", EVENT_LOG) for one in self.history.stops]
        return max(stops, key=lambda stop: stop.time, default=None)

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        last = self.last_stop
        return {
            "where": self.where,
            "last_stop": None if last is None else last.to_json(),
            "dumps": [one.to_json() for one in self.dumps],
            "event_log": None if self.history is None else self.history.to_json(),
            "servicing": None if self.servicing is None else self.servicing.to_json(),
            "servicing_files": [one.to_json() for one in self.servicing_files],
            "startup_repair": None if self.startup_repair is None else self.startup_repair.to_json(),
            "boot_status": None if self.boot_status is None else self.boot_status.to_json(),
            "drive_letters": [one.to_json() for one in self.letters],
            "errors": {name: list(lines) for name, lines in self.errors},
        }


@dataclass(frozen=True, slots=True)
class MachineEvidence:
    """What the machine tells: each Windows, the files that start it, how full its volumes are, and what could not be read."""

    windows: tuple[WindowsEvidence, ...]
    files: tuple[BootFile, ...]
    space: tuple[tuple[str, FreeSpace], ...]
    gaps: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, object]:
        """The JSON form: ``evidence`` of ``bootmend.report/1``."""
        return {
            "windows": [one.to_json() for one in self.windows],
            "boot_files": [one.to_json() for one in self.files],
            "volumes": [{"where": name, **space.to_json()} for name, space in self.space],
            "gaps": [{"what": what, "reason": reason} for what, reason in self.gaps],
        }


def _stop_of_dump(one: DumpFile) -> LastStop:
    dump = one.dump
    when = filetime_text(dump.time) or one.modified
    return LastStop(dump.stop_code, dump.parameters, when, dump.blamed or dump.module, one.where)
