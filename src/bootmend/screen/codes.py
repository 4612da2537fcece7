"""The table of stop and status codes, asked in the ways a screen needs: by a name read imperfectly, by damaged hex."""

from __future__ import annotations

import pkgutil
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import MissingError
from bootmend.screen.text import fold, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

#: a name read with errors counts from this likeness, if no other name comes within the margin
NEAR_NAME = 90.0
NAME_MARGIN = 5.0
#: what an engine may have seen in place of a hexadecimal digit
_DIGITS = str.maketrans({"O": "0", "Q": "0", "@": "0", "I": "1", "L": "1", "|": "1", "Z": "2", "S": "5", "G": "6"})
_SWAPS = {"B": "B8", "8": "8B", "D": "D0", "0": "0D"}
_HEX = frozenset("0123456789ABCDEF")


class Code(NamedTuple):
    """One row: ``0x00000067``, its name, its other names; ``kind`` is ``stop`` or ``status``."""

    code: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: str = "stop"


class Match(NamedTuple):
    """What a name may stand for: its codes (several for an ambiguous name), the table's spelling, how alike, 0 to 100."""

    codes: tuple[str, ...]
    name: str
    likeness: float


class CodeTable:
    """Codes by number and by name."""

    def __init__(self, rows: Iterable[Code]) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._by_name: dict[str, list[tuple[str, str]]] = {}
        for row in rows:
            self._names[row.kind, row.code] = row.name
            for name in (row.name, *row.aliases) if row.kind == "stop" else ():
                self._by_name.setdefault(fold(name), []).append((row.code, name))

    def stop_name(self, code: str) -> str | None:
        """The name of a stop code, or None where it is none."""
        return self._names.get(("stop", code))

    def status_name(self, code: str) -> str | None:
        """The name of a boot status, or None where it is none that is known; some NTSTATUS values stop Windows, too."""
        return self._names.get(("status", code)) or (self._names.get(("stop", code)) if code.startswith("0xC") else None)

    def exact(self, text: str) -> Match | None:
        """The name that ``text`` is, but for separators and look-alike characters."""
        found = self._by_name.get(fold(text))
        return None if found is None else Match(tuple(dict.fromkeys(code for code, _ in found)), found[0][1], 100.0)

    def nearest(self, text: str) -> Match | None:
        """The one name that ``text`` resembles closely, or None where none or more than one does.

        Whole names are compared, because names nest (``IRQL_NOT_LESS_OR_EQUAL`` inside ``DRIVER_IRQL_...``).
        """
        wanted = fold(text)
        if not 8 <= len(wanted) <= 80:
            return None
        near = [name for name in self._by_name if abs(len(name) - len(wanted)) <= len(wanted) // 5]
        ranked = sorted(((likeness(wanted, name), name) for name in near), reverse=True)[:2]
        if not ranked or ranked[0][0] < NEAR_NAME or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < NAME_MARGIN):
            return None
        found = self._by_name[ranked[0][1]]
        return Match(tuple(dict.fromkeys(code for code, _ in found)), found[0][1], ranked[0][0])

    def repair(self, digits: str, kind: str = "stop") -> str | None:
        """The known code that eight damaged hexadecimal digits stand for, or None.

        Letters that are no digits are mapped first; B and 8, D and 0 are exchanged only where exactly one
        spelling is a known code (never blindly).
        """
        clean = digits.upper().translate(_DIGITS)
        if len(clean) != 8 or not _HEX.issuperset(clean):
            return None
        if (kind, f"0x{clean}") in self._names:
            return f"0x{clean}"
        options = [_SWAPS.get(digit, digit) for digit in clean]
        known = {code for each in product(*options) if (kind, code := "0x" + "".join(each)) in self._names}
        return known.pop() if len(known) == 1 else None


def clean_hex(digits: str) -> str | None:
    """Hexadecimal digits with look-alike letters mapped back, or None where something else is among them."""
    clean = digits.upper().translate(_DIGITS)
    return clean if clean and _HEX.issuperset(clean) else None


@cache
def default_table() -> CodeTable:
    """The table that lies in this installation.

    Raises:
        MissingError: it does not.
    """
    data = pkgutil.get_data("bootmend.article", "codes.tsv")
    if data is None:
        raise MissingError("the table of stop codes is not in this installation", at="codes.tsv")
    stop, _, status = data.decode("utf-8").partition("\nstatus\n")
    return CodeTable([*_rows(stop, "stop"), *_rows(status, "status")])


def _rows(text: str, kind: str) -> list[Code]:
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return [Code(f"0x{int(row[0], 16):08X}", row[1], tuple(row[2:]), kind) for row in rows]
