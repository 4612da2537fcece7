"""Event logs, written by the published format (MS-EVEN6 and the libevtx project's description), for the tests to read.

Each event is a template of its own without substitutions; ``evtxexport`` reads what this writes (test_event_file.py).
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple
from zlib import crc32

CHUNK = 65536
EPOCH = 11_644_473_600
KERNEL_GENERAL = "Microsoft-Windows-Kernel-General"
KERNEL_POWER = "Microsoft-Windows-Kernel-Power"
SERVICES = "Service Control Manager"
REPORTING = "Microsoft-Windows-WER-SystemErrorReporting"


class Happened(NamedTuple):
    """An event to write; ``time`` is seconds since 1970, ``data`` by name, or a list of texts without names."""

    time: int
    provider: str
    id: int
    data: dict[str, str] | list[str] = {}  # noqa: RUF012 (never changed)
    level: int = 4


def text_of(time: int) -> str:
    """The time as it stands in the XML."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


class _Writer:
    """Binary XML at known offsets of a chunk."""

    def __init__(self, at: int) -> None:
        self.data = bytearray()
        self.at = at

    def name(self, text: str) -> None:
        """The offset of a name, and the name itself right there."""
        digest = 0
        for character in text:
            digest = digest * 65599 + ord(character) & 0xFFFFFFFF
        self.data += pack("<I", self.at + len(self.data) + 4)
        self.data += pack("<IHH", 0, digest & 0xFFFF, len(text)) + text.encode("utf-16-le") + b"\0\0"

    def value(self, text: str) -> None:
        self.data += b"\x05\x01" + pack("<H", len(text)) + text.encode("utf-16-le")

    def element(self, name: str, content: list[object] | str, attributes: dict[str, str] | None = None) -> None:
        """An element whose content is a text, or elements as triples."""
        self.data += (b"\x41" if attributes else b"\x01") + b"\xff\xff" + bytes(4)
        size_at = len(self.data) - 4
        self.name(name)
        if attributes:
            self.data += bytes(4)
            list_at = len(self.data)
            for number, (key, text) in enumerate(attributes.items(), 1):
                self.data += b"\x06" if number == len(attributes) else b"\x46"
                self.name(key)
                self.value(text)
            self.data[list_at - 4 : list_at] = pack("<I", len(self.data) - list_at)
        if content:
            self.data += b"\x02"
            if isinstance(content, str):
                self.value(content)
            else:
                for child in content:
                    self.element(*child)  # type: ignore[misc]
            self.data += b"\x04"
        else:
            self.data += b"\x03"
        self.data[size_at : size_at + 4] = pack("<I", len(self.data) - size_at - 4)


def _record(number: int, event: Happened, at: int) -> bytes:
    if isinstance(event.data, dict):
        data: list[object] = [("Data", text, {"Name": name}) for name, text in event.data.items()]
    else:
        data = [("Data", text, None) for text in event.data]
    system: list[object] = [
        ("Provider", "", {"Name": event.provider}),
        ("EventID", str(event.id), None),
        ("Level", str(event.level), None),
        ("TimeCreated", "", {"SystemTime": text_of(event.time)}),
        ("EventRecordID", str(number), None),
        ("Channel", "System", None),
        ("Computer", "BOOTVM01", None),
    ]
    head = 24
    definition = at + head + 4 + 10  # fragment header, template instance
    writer = _Writer(definition + 24)
    writer.data += b"\x0f\x01\x01\x00"
    writer.element("Event", [("System", system, None), ("EventData", data, None)])
    writer.data += b"\x00"
    identifier = pack("<I", number) + bytes(12)
    template = pack("<I", 0) + identifier + pack("<I", len(writer.data)) + bytes(writer.data)
    body = b"\x0f\x01\x01\x00" + b"\x0c\x01" + pack("<II", number, definition) + template + pack("<I", 0) + b"\x00"
    body += bytes(-(head + len(body) + 4) % 8)
    size = head + len(body) + 4
    return b"**\0\0" + pack("<IQQ", size, number, (event.time + EPOCH) * 10_000_000) + body + pack("<I", size)


def _chunk(first: int, events: list[Happened]) -> bytes:
    chunk, last_at = bytearray(512), 512
    for number, event in enumerate(events, first):
        last_at = len(chunk)
        chunk += _record(number, event, last_at)
    assert len(chunk) <= CHUNK
    last = first + len(events) - 1
    head = b"ElfChnk\0" + pack("<QQQQ", first, last, first, last)
    chunk[:56] = head + pack("<IIII", 128, last_at, len(chunk), crc32(chunk[512:]))
    chunk[124:128] = pack("<I", crc32(chunk[:120] + chunk[128:512]))
    return bytes(chunk).ljust(CHUNK, b"\0")


def event_log(*chunks: list[Happened]) -> bytes:
    """A log of one chunk for each list, oldest first; records are numbered through."""
    data, number = b"", 1
    for events in chunks:
        data += _chunk(number, events)
        number += len(events)
    head = bytearray(
        pack("<8sQQQIHHHH76xII", b"ElfFile\0", 0, max(len(chunks) - 1, 0), number, 128, 1, 3, 4096, len(chunks), 0, 0)
    )
    head[124:128] = pack("<I", crc32(head[:120]))
    return bytes(head).ljust(4096, b"\0") + data


def rounded(log: bytes, by: int) -> bytes:
    """The same log after it went round: its chunks lie in another order."""
    chunks = [log[offset : offset + CHUNK] for offset in range(4096, len(log), CHUNK)]
    return log[:4096] + b"".join(chunks[by:] + chunks[:by])
