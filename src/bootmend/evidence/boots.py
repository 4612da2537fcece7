"""The last starts of a Windows, told from its System log.

What ends a session is written by the next one: an event 41 or 6008 says that the session before ended badly.  A start that does
not come as far as the event log leaves nothing; that the newest entry is old says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.evidence.event_file import Event, newest_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bootmend.source import Source

STARTED = {("microsoft-windows-kernel-general", 12)}
STOPPED = {("microsoft-windows-kernel-general", 13), ("eventlog", 6006)}
UNEXPECTED = {("microsoft-windows-kernel-power", 41), ("eventlog", 6008)}
STOP_ERROR = {("microsoft-windows-wer-systemerrorreporting", 1001), ("bugcheck", 1001), ("save dump", 1001)}
TOLD = STARTED | STOPPED | UNEXPECTED | STOP_ERROR
SERVICES = "service control manager"
SERVICE_FAULTS = frozenset({7000, 7001, 7009, 7011, 7022, 7023, 7024, 7026})
"""Those of 7000 to 7026 that say that something failed."""
MOST_BOOTS = 5
MOST_SERVICES = 20
MOST_EVENTS = 20_000
"""How far back to look; a log of 20 MiB holds some 30 000."""
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}")


class Stop(NamedTuple):
    """A stop as the log tells of it: code, parameters and the dump that was written ("" where none is named)."""

    code: int
    parameters: tuple[int, ...]
    dump: str
    logged: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "stop_code": f"0x{self.code:08X}",
            "parameters": [f"0x{one:016X}" for one in self.parameters],
            "dump": self.dump,
            "logged": self.logged,
        }


class Boot(NamedTuple):
    """A session: when it began, when it is known to have ended ("" where nothing says), and how.

    ``end`` is ``shutdown``, ``unexpected`` (power cut, reset, hang), ``stop`` (a stop screen), or ``not recorded``: of the newest
    session only an orderly end can be known.
    """

    started: str
    ended: str
    end: str
    stop: Stop | None = None

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        stop = None if self.stop is None else self.stop.to_json()
        return {"started": self.started, "ended": self.ended, "end": self.end, "stop": stop}


class ServiceFault(NamedTuple):
    """A service or driver that did not start, or ended: the event, and its values in the order of its message."""

    time: str
    id: int
    values: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"time": self.time, "event": self.id, "values": list(self.values)}


class History(NamedTuple):
    """What the log says: the newest first.  ``newest`` is the time of the newest event of any kind."""

    newest: str
    boots: tuple[Boot, ...]
    stops: tuple[Stop, ...]
    services: tuple[ServiceFault, ...]
    events_read: int

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "newest": self.newest,
            "boots": [one.to_json() for one in self.boots],
            "stops": [one.to_json() for one in self.stops],
            "services": [one.to_json() for one in self.services],
            "events_read": self.events_read,
        }


def read_history(source: Source) -> History:
    """Read a System log back to the fifth last start.

    Raises:
        UnsupportedError: the library that reads event logs is not installed.
        CorruptError, TruncatedError: no event log.
    """
    heard: list[Event] = []
    starts = count = 0
    newest = ""
    for event in newest_events(source):
        count += 1
        newest = max(newest, event.time)
        if _matters(event):
            heard.append(event)
            starts += _what(event) in STARTED
        if starts > MOST_BOOTS or count >= MOST_EVENTS:
            break
    return tell(heard)._replace(newest=seconds(newest), events_read=count)


def tell(events: Iterable[Event]) -> History:
    """Make sessions of events, in any order.

    They are heard by their times, not by their numbers: the event log numbers its own 6008 before the kernel's 12 and 41, which
    happened earlier and waited for it.
    """
    teller = _Teller()
    for event in sorted(events, key=lambda one: (one.time, one.record), reverse=True):
        teller.hear(event)
    return teller.history()


def seconds(time: str) -> str:
    """A time of an event without the parts of a second."""
    return time.partition(".")[0].removesuffix("Z") + "Z" if time else ""


def _what(event: Event) -> tuple[str, int]:
    return event.provider.lower(), event.id


def _matters(event: Event) -> bool:
    what = _what(event)
    return what in TOLD or (what[0] == SERVICES and event.id in SERVICE_FAULTS)


class _Teller:
    """Hears events from the newest back: what says how a session ended comes before its start is heard."""

    def __init__(self) -> None:
        self.boots: list[Boot] = []
        self.stops: list[Stop] = []
        self.services: list[ServiceFault] = []
        self._ended = self._end = ""
        self._stop: Stop | None = None
        self._unexpected = False
        self._stop_before: Stop | None = None

    def hear(self, event: Event) -> None:
        """One event, older than all heard before."""
        what = _what(event)
        if what in STOP_ERROR:
            self._heard_stop(_stop_of_1001(event))
        elif what in UNEXPECTED:
            self._unexpected = True
            if event.id == 41:
                self._heard_stop(_stop_of_41(event))
        elif what in STOPPED and not self._end:
            self._ended, self._end = seconds(event.time), "shutdown"
        elif what in STARTED and len(self.boots) < MOST_BOOTS:
            self._started(event)
        elif what[0] == SERVICES and len(self.services) < MOST_SERVICES:
            self.services.append(ServiceFault(seconds(event.time), event.id, tuple(event.values.values())[:4]))

    def _heard_stop(self, stop: Stop | None) -> None:
        """A stop of the session before; 1001 names the dump and is the later one, so 41 adds nothing to it."""
        if stop is not None and self._stop_before is None:
            self._stop_before = stop
            self.stops.append(stop)

    def _started(self, event: Event) -> None:
        """The start of the session whose end was heard; what was said of the one before now is its own end."""
        self.boots.append(Boot(seconds(event.time), self._ended, self._end or "not recorded", self._stop))
        self._stop, self._ended = self._stop_before, ""
        self._end = "stop" if self._stop_before else "unexpected" if self._unexpected else ""
        self._stop_before, self._unexpected = None, False

    def history(self) -> History:
        """All that was heard."""
        return History("", tuple(self.boots), tuple(self.stops), tuple(self.services), 0)


def _stop_of_1001(event: Event) -> Stop | None:
    """``param1`` is ``0x000000d1 (0x..., 0x..., 0x..., 0x...)``, ``param2`` the dump."""
    values: Mapping[str, str] = event.values
    numbers = [int(text, 16) for text in _HEX.findall(values.get("param1") or values.get("1", ""))]
    if not numbers:
        return None
    dump = values.get("param2") or values.get("2", "")
    return Stop(numbers[0] & 0xFFFF_FFFF, tuple(numbers[1:5]), dump, seconds(event.time))


def _stop_of_41(event: Event) -> Stop | None:
    """``BugcheckCode`` is 0 where no stop screen was the reason."""
    try:
        code = int(event.values.get("BugcheckCode", "0") or "0", 0)
        parameters = [int(event.values.get(f"BugcheckParameter{number}", "0") or "0", 0) for number in range(1, 5)]
    except ValueError:
        return None
    return Stop(code & 0xFFFF_FFFF, tuple(parameters), "", seconds(event.time)) if code else None
