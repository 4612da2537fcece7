"""Names of stop codes and of the boot manager's status codes.

The table lies in ``codes.tsv`` beside this file and is read at the first question, from a folder or a zip.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from typing import NamedTuple

from bootmend.errors import MissingError

MOST_GUESSES = 20

_HEX = re.compile(r"0x([0-9a-f]{1,8})\b", re.IGNORECASE)
_BARE_HEX = re.compile(r"[0-9a-f]{1,8}h?", re.IGNORECASE)
_NOT_NAME = re.compile(r"[^A-Z0-9]+")


class CodeInfo(NamedTuple):
    """A code such as ``0x00000067``, its name, other names of it, and what shows it: ``stop`` screen or ``status`` line."""

    code: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: str = "stop"


@cache
def all_codes() -> tuple[CodeInfo, ...]:
    """Every known code: stop codes first, each kind in ascending order."""
    data = pkgutil.get_data(__package__, "codes.tsv")
    if data is None:
        raise MissingError("the table of stop codes is not in this installation", at="codes.tsv")
    stop, _, status = data.decode("utf-8").partition("\nstatus\n")
    return (*_rows(stop, "stop"), *_rows(status, "status"))


def _rows(text: str, kind: str) -> list[CodeInfo]:
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [CodeInfo(f"0x{int(row[0], 16):08X}", row[1], tuple(row[2:]), kind) for row in rows]


def lookup(text: str) -> list[CodeInfo]:
    """The codes that a person may mean by ``0x67``, ``67``, ``0x00000067`` or ``config initialization failed``.

    Numbers are hexadecimal, as Windows prints them.  A name is matched whole first, then by all its words; at most
    20 codes come back, none where nothing fits.
    """
    bare = text.strip()[:200]
    name = normal_name(bare)
    by_name = [info for info in all_codes() if name and name in map(normal_name, (info.name, *info.aliases))]
    return by_code(bare) or by_name or _by_words(name)


def by_code(text: str) -> list[CodeInfo]:
    """The codes of the number in ``text``, if it is one or has one marked with ``0x``."""
    found = _HEX.search(text)
    digits = found.group(1) if found else text.rstrip("hH") if _BARE_HEX.fullmatch(text) else ""
    wanted = f"0x{int(digits, 16):08X}" if digits else ""
    return [info for info in all_codes() if info.code == wanted]


def normal_name(text: str) -> str:
    """A name as screens and people vary it: any case, spaces or underscores."""
    return _NOT_NAME.sub("_", text.upper()).strip("_")


def _by_words(name: str) -> list[CodeInfo]:
    words = set(name.split("_")) - {"STOP", "CODE", "ERROR", "STATUS", ""}
    if not words:
        return []
    fits = (
        info
        for info in all_codes()
        if words <= {word for each in (info.name, *info.aliases) for word in normal_name(each).split("_")}
    )
    return [info for info, _ in zip(fits, range(MOST_GUESSES), strict=False)]
