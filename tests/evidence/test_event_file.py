"""Event logs and what they tell of starts; ``evtxexport`` (libevtx) reads the same files."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError
from bootmend.evidence.boots import MOST_BOOTS, read_history
from bootmend.evidence.event_file import HEADER_SIZE, newest_events
from bootmend.source import MemorySource
from tests.evidence.event_logs import (
    CHUNK,
    KERNEL_GENERAL,
    KERNEL_POWER,
    REPORTING,
    SERVICES,
    Happened,
    event_log,
    rounded,
    text_of,
)
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("evtx")
T = 1_700_000_000
STOP = "0x000000d1 (0x0000000000000028, 0x0000000000000002, 0x0000000000000000, 0xfffff80214561234)"


def start(time: int) -> list[Happened]:
    """What Windows writes at a start; its own event log is numbered before the kernel's earlier words."""
    return [Happened(time + 9, "EventLog", 6005), Happened(time, KERNEL_GENERAL, 12)]


def stop(time: int) -> list[Happened]:
    """An orderly end."""
    return [Happened(time, "EventLog", 6006), Happened(time + 2, KERNEL_GENERAL, 13)]


def ids(log: bytes) -> list[int]:
    return [event.record for event in newest_events(MemorySource(log))]


def test_events_come_newest_first_whatever_the_order_of_the_chunks() -> None:
    log = event_log([Happened(T, "a", 1), Happened(T, "b", 2)], [Happened(T, "c", 3)], [Happened(T, "d", 4)])
    assert ids(log) == [4, 3, 2, 1]
    assert ids(rounded(log, 1)) == ids(rounded(log, 2)) == [4, 3, 2, 1]


def test_an_event_is_told_with_its_values() -> None:
    log = event_log(
        [Happened(T, "Disk", 51, {"Device": "\\Device\\Harddisk0"}, 3), Happened(T + 1, "EventLog", 6008, ["10:00", "1/1/2024"])]
    )
    second, first = newest_events(MemorySource(log))
    assert (first.provider, first.id, first.level, first.time) == ("Disk", 51, 3, text_of(T))
    assert second.id == 6008
    assert list(second.values.values()) == ["10:00", "1/1/2024"]
    assert dict(first.values) == {"Device": "\\Device\\Harddisk0"}


def test_only_the_newest_chunks_are_read() -> None:
    class Counting(MemorySource):
        largest: list[int] = []  # noqa: RUF012

        def read_at(self, offset: int, length: int) -> bytes:
            if length == CHUNK:
                self.largest.append(offset)
            return super().read_at(offset, length)

    chunks = [[*start(T + 1000 * number), *stop(T + 1000 * number + 500)] for number in range(30)]
    source = Counting(event_log(*chunks))
    history = read_history(source)
    assert len(history.boots) == MOST_BOOTS
    assert len(source.largest) == MOST_BOOTS + 1
    assert min(source.largest) == HEADER_SIZE + CHUNK * 24


def test_sessions_and_how_they_ended() -> None:
    events = [
        *start(T),
        *stop(T + 100),
        *start(T + 200),
        Happened(T + 309, "EventLog", 6008, ["10:00:00", "1/1/2024"]),
        *start(T + 300),
        Happened(T + 301, KERNEL_POWER, 41, {"BugcheckCode": "0"}),
        *start(T + 400),
        Happened(T + 401, KERNEL_POWER, 41, {"BugcheckCode": "209", "BugcheckParameter1": "0x28"}),
        Happened(T + 430, REPORTING, 1001, {"param1": STOP, "param2": "C:\\Windows\\MEMORY.DMP", "param3": "x"}),
    ]
    history = read_history(MemorySource(event_log(events)))
    assert [(one.started, one.end) for one in history.boots] == [
        (text_of(T + 400)[:19] + "Z", "not recorded"),
        (text_of(T + 300)[:19] + "Z", "stop"),
        (text_of(T + 200)[:19] + "Z", "unexpected"),
        (text_of(T)[:19] + "Z", "shutdown"),
    ]
    assert history.boots[3].ended == text_of(T + 102)[:19] + "Z"
    (told,) = history.stops
    assert history.boots[1].stop == told
    assert (told.code, told.parameters, told.dump) == (0xD1, (0x28, 2, 0, 0xFFFFF80214561234), "C:\\Windows\\MEMORY.DMP")
    assert history.newest == text_of(T + 430)[:19] + "Z"


def test_a_stop_of_which_only_the_kernel_tells() -> None:
    events = [
        *start(T),
        *start(T + 50),
        Happened(T + 51, KERNEL_POWER, 41, {"BugcheckCode": "123", "BugcheckParameter1": "0xffff8f8f"}),
    ]
    history = read_history(MemorySource(event_log(events)))
    assert history.boots[1].end == "stop"
    assert (history.stops[0].code, history.stops[0].parameters) == (0x7B, (0xFFFF8F8F, 0, 0, 0))


def test_services_that_failed() -> None:
    events = [
        *start(T),
        Happened(T + 20, SERVICES, 7026, {"param1": "badnet"}, 2),
        Happened(T + 21, SERVICES, 7036, {"param1": "x"}),
    ]
    (fault,) = read_history(MemorySource(event_log(events))).services
    assert (fault.id, fault.values) == (7026, ("badnet",))


def test_a_chunk_that_is_damaged_is_left_out() -> None:
    log = bytearray(event_log([Happened(T, "a", 1)], [Happened(T, "b", 2)], [Happened(T, "c", 3)]))
    log[HEADER_SIZE + CHUNK : HEADER_SIZE + CHUNK + 8] = bytes(8)
    assert ids(bytes(log)) == [3, 1]


@pytest.mark.parametrize(("data", "error"), [(b"ElfFile", TruncatedError), (b"regf" + bytes(5000), CorruptError)])
def test_what_is_no_log(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(newest_events(MemorySource(data)))


def test_a_log_without_events_is_one() -> None:
    assert list(newest_events(MemorySource(event_log()))) == []


def test_where_the_library_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evtx", None)
    with pytest.raises(UnsupportedError, match="evtx") as caught:
        list(newest_events(MemorySource(event_log([Happened(T, "a", 1)]))))
    assert caught.value.hint == "pip install 'bootmend[evidence]'"


@pytest.mark.oracle
def test_libevtx_reads_the_same(tmp_path: Path) -> None:
    needs("evtxexport")
    events = [
        Happened(T, KERNEL_POWER, 41, {"BugcheckCode": "209"}, 1),
        Happened(T + 5, "EventLog", 6008, ["10:00", "1/1/2024"], 2),
    ]
    path = tmp_path / "System.evtx"
    path.write_bytes(event_log(events, [Happened(T + 9, SERVICES, 7026, {"param1": "badnet"}, 2)]))
    told = subprocess.run(["evtxexport", "-f", "xml", str(path)], capture_output=True, text=True, check=True).stdout
    ours = sorted(newest_events(MemorySource(path.read_bytes())), key=lambda event: event.record)
    assert re.findall(r"<EventID>(\d+)<", told) == [str(event.id) for event in ours] == ["41", "6008", "7026"]
    assert re.findall(r'Provider Name="([^"]+)"', told) == [event.provider for event in ours]
    assert re.findall(r"<Data[^>]*>([^<]+)</Data>", told) == [value for event in ours for value in event.values.values()]
