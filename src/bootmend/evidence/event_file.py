"""Event logs (``.evtx``): the newest events first, read chunk by chunk from the end of the log.

A log is a header and chunks of 64 KiB that stand on their own, written round and round; each says which records it holds
(docs/formats/event-logs.md).  So only the newest chunks are read, each as a log of one chunk by the ``evtx`` library.
"""

from __future__ import annotations

import json
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from bootmend.errors import CorruptError, UnsupportedError, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evtx import PyEvtxParser

    from bootmend.source import Source

INSTALL = "pip install 'bootmend[evidence]'"
HEADER_SIZE = 4096
CHUNK_SIZE = 64 << 10
_HEADER = Struct("<8sQQQIHHHH76xII")
_MAGIC, _CHUNK_MAGIC = b"ElfFile\0", b"ElfChnk\0"
_NUMBERS = Struct("<8x16xQQ")
MOST_CHUNKS = 16_384
"""1 GiB: more than any log of a machine that anybody looks at by hand."""
MOST_RECORDS = 4096
"""In one chunk: its records have at least 28 bytes, in practice hundreds."""
MOST_FAULTS = 16


class Event(NamedTuple):
    """One event.

    ``time`` is UTC (``2021-07-22T15:44:21.416718Z``); ``values`` are its data by name, or by number from "1" on
    where they have none.
    """

    record: int
    time: str
    provider: str
    id: int
    level: int
    values: Mapping[str, str]


def newest_events(source: Source) -> Iterator[Event]:
    """Yield the events of a log, the newest first; records that cannot be read are left out.

    Raises:
        UnsupportedError: the library that reads them is not installed.
        CorruptError: no event log.
        TruncatedError: it is shorter than its header.
    """
    with place("header"):
        if source.read_at(0, _HEADER.size)[:8] != _MAGIC:
            raise CorruptError("this is no event log: it does not begin with ElfFile")
    for offset in _newest_chunks(source):
        yield from sorted(_events_of(source.read_at(offset, CHUNK_SIZE)), key=lambda event: -event.record)


def _newest_chunks(source: Source) -> list[int]:
    """Where the chunks lie, the newest first, by their own records: the header is only written when the log is closed."""
    found: list[tuple[int, int]] = []
    last = min(source.size - CHUNK_SIZE, HEADER_SIZE + MOST_CHUNKS * CHUNK_SIZE)
    for offset in range(HEADER_SIZE, last + 1, CHUNK_SIZE):
        head = source.read_at(offset, _NUMBERS.size)
        first, newest = _NUMBERS.unpack(head)
        if head[:8] == _CHUNK_MAGIC and first <= newest < 1 << 63:
            found.append((newest, offset))
    return [offset for _newest, offset in sorted(found, reverse=True)]


def _events_of(chunk: bytes) -> Iterator[Event]:
    records = iter(_parser(chunk).records_json())
    faults = 0
    for _number in range(MOST_RECORDS):
        try:
            record = next(records, None)
        except RuntimeError:  # what the library raises for a record that it cannot read; the next may be sound
            faults += 1
            if faults > MOST_FAULTS:
                return
            continue
        if record is None:
            return
        event = _event(record["event_record_id"], record["data"])
        if event is not None:
            yield event


def _parser(chunk: bytes) -> PyEvtxParser:
    """The library on a log that consists of one chunk."""
    try:
        from evtx import PyEvtxParser
    except ImportError:
        raise UnsupportedError("event logs cannot be read: the package evtx is not installed", hint=INSTALL) from None
    try:
        return PyEvtxParser(BytesIO(_header() + chunk), 1)
    except (RuntimeError, OSError) as error:
        raise CorruptError(f"a chunk cannot be read: {error}") from error


def _header() -> bytes:
    """The file header of a log of one chunk, with its checksum (of the first 120 bytes)."""
    head = bytearray(_HEADER.pack(_MAGIC, 0, 0, 1, 128, 1, 3, HEADER_SIZE, 1, 0, 0))
    head[124:128] = crc32(head[:120]).to_bytes(4, "little")
    return bytes(head).ljust(HEADER_SIZE, b"\0")


def _event(record: int, text: str) -> Event | None:
    """An event of the library's JSON; None where it has no system part that can be understood."""
    try:
        event = json.loads(text)["Event"]
        system = event["System"]
        number = system["EventID"]
        number = number["#text"] if isinstance(number, dict) else number
        time = str(system["TimeCreated"]["#attributes"]["SystemTime"])
        provider = str(system["Provider"]["#attributes"].get("Name", ""))
        level = system.get("Level") or 0
        return Event(int(record), time, provider, int(number), int(level), _values(event))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _values(event: Mapping[str, Any]) -> dict[str, str]:
    """What is below ``EventData``, or ``UserData``'s only child."""
    data = event.get("EventData") or next(iter((event.get("UserData") or {}).values()), None)
    if not isinstance(data, dict):
        return {}
    values: dict[str, str] = {}
    for name, value in data.items():
        if name == "Data":
            texts = value.get("#text") if isinstance(value, dict) else value
            texts = texts if isinstance(texts, list) else [texts]
            values |= {str(number): _text(one) for number, one in enumerate(texts, 1)}
        elif name != "#attributes":
            values[str(name)] = _text(value)
    return values


def _text(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("#text")
    return "" if value is None else str(value)[:2000]
