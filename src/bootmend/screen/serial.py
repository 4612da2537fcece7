"""Serial logs: Windows' Special Administration Console, boot menus over EMS, stop texts, Linux, firmware."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.screen.matcher import interpret
from bootmend.screen.reading import Line, Page, Reading
from bootmend.screen.vt import lines_of

if TYPE_CHECKING:
    from bootmend.screen.codes import CodeTable

#: of a longer log the end is read: what happened last is what matters
MOST_BYTES = 4 * 1024 * 1024
#: lines at the end of one boot that are looked at
MOST_LINES = 400
#: printable characters that make a log a text
LEAST_TEXT = 0.7
#: where another boot begins
_BOOT = re.compile(
    r"^(SeaBIOS|BdsDxe: (?:loading|starting)|UEFI firmware|iPXE \(|GNU GRUB|Linux version|\[\s*0\.000000\] Linux version"
    r"|<\?xml version=.1\.0.\?><machine-info>|Computer is booting, SAC started|Booting from Hard Disk)"
)


def interpret_log(data: bytes, table: CodeTable, file: str = "") -> Reading:
    """What the last boot in a serial log came to; a stop of the boot before is named in a remark."""
    text = decode(data[-MOST_BYTES:])
    if not _is_text(text):
        return Reading(
            file=file, engines=("serial",), remarks=("binary noise, not a text log: wrong speed, or not a serial log",)
        )
    lines = lines_of(text)
    boots = _boots(lines)
    readings = [interpret(_page(boot), table, file) for boot in boots[-3:]]
    chosen = next(
        (reading for reading in reversed(readings) if reading.recognised),
        readings[-1] if readings else Reading(file=file, engines=("serial",)),
    )
    if len(data) > MOST_BYTES:
        chosen = chosen.with_remark(f"only the last {MOST_BYTES >> 20} MiB of the log were read")
    return _earlier(chosen, readings)


def _earlier(chosen: Reading, readings: list[Reading]) -> Reading:
    for reading in readings:
        if reading is not chosen and reading.stop_code is not None and chosen.stop_code is None:
            return replace(
                chosen,
                remarks=(
                    *chosen.remarks,
                    f"an earlier boot in this log stopped with {reading.stop_code} {reading.stop_name or ''}".rstrip(),
                ),
            )
    return chosen


def decode(data: bytes) -> str:
    """UTF-8 or UTF-16 by the bytes, with what is neither replaced."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if len(data) > 8 and data[1:64:2].count(0) > 24:
        return data.decode("utf-16-le", "replace")
    return data.decode("utf-8", "replace")


def _is_text(text: str) -> bool:
    few = text[:: max(1, len(text) // 50_000)]
    fine = sum((letter.isprintable() and letter != "\ufffd") or letter in "\r\n\t\b\x1b" for letter in few)
    return bool(few) and fine >= LEAST_TEXT * len(few)


def _boots(lines: list[str]) -> list[list[str]]:
    boots: list[list[str]] = [[]]
    for line in lines:
        if _BOOT.match(line.strip()) and any(not _BOOT.match(each.strip()) for each in boots[-1]):
            boots.append([])
        boots[-1].append(line)
    return [boot for boot in boots if boot]


def _page(lines: list[str]) -> Page:
    return Page(tuple(Line(line) for line in lines[-MOST_LINES:]), "serial", exact=True)
