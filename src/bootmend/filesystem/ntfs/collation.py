"""How NTFS compares names: unit by unit, after the volume's own $UpCase table."""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import TYPE_CHECKING

from bootmend.errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNITS = 0x10000
_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


def parse_upcase(data: bytes) -> Sequence[int]:
    """Return the table of 65,536 units, each the upper case of its index.

    Raises:
        CorruptError: it has another size, or maps an ASCII letter wrongly.
    """
    if len(data) != 2 * UNITS:
        raise CorruptError(f"$UpCase has {len(data)} bytes instead of {2 * UNITS}")
    table = Struct(f"<{UNITS}H").unpack(data)
    if table[ord("a")] != ord("A") or table[ord("A")] != ord("A"):
        raise CorruptError("$UpCase does not map the letter a to A")
    return table


class Collation:
    """Compares the names of directories with one name that is looked for.

    Of an ASCII name all letters are known, and no unit beyond ASCII has an ASCII upper case; so the
    table, 128 KiB on the volume, is fetched only when a name that is not ASCII is looked for.
    """

    def __init__(self, name: str, table: Callable[[], Sequence[int]]) -> None:
        self._key = _ascii_key if name.isascii() else partial(full_key, table())
        self._wanted = self._key(name)

    def compare(self, name: str) -> int:
        """Return a negative number, 0 or a positive one: the wanted name is before, equal to, or after ``name``."""
        key = self._key(name)
        return 0 if key == self._wanted else -1 if self._wanted < key else 1


def _ascii_key(name: str) -> str:
    return name.upper() if name.isascii() else name.translate(_ASCII_UPPER)


def full_key(table: Sequence[int], name: str) -> str:
    """Each unit's upper case; units above U+FFFF stay apart as the two surrogates that NTFS compares."""
    raw = name.encode("utf-16-le", "surrogatepass")
    return "".join([chr(table[unit]) for unit in Struct(f"<{len(raw) // 2}H").unpack(raw)])
