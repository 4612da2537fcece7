"""Keys and values as the text of a ``.reg`` file, version 5.00, as the Registry Editor exports them.

What an import would not give back byte for byte as a quoted string (no closing NUL, a NUL or a line break inside,
half a character) is written as ``hex(1):``: a round trip loses nothing.  Lines are broken where the Registry
Editor breaks them: no line is longer than 80 columns unless a name is.

Source: Microsoft, "Using a registration entries (.reg) file" (KB 310516); line lengths as observed in exports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError
from bootmend.registry.layout import ValueType
from bootmend.registry.lists import SMALLEST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.registry.hive import Hive
    from bootmend.registry.keys import Key

HEADER = "Windows Registry Editor Version 5.00"
NEWLINE = "\r\n"
FULL_LINE = 77
"""From this column on a line of hexadecimal bytes is continued on the next."""
_SZ, _BINARY, _DWORD = int(ValueType.SZ), int(ValueType.BINARY), int(ValueType.DWORD)
_CONTINUED = "\\" + NEWLINE + "  "
_BYTES_A_LINE = (FULL_LINE - 2) // 3


def export_reg(hive: Hive, key: Key, path: str) -> Iterator[str]:
    """Yield the text of a whole ``.reg`` file: the key, all that is below it, named as if it lay at ``path``.

    Raises:
        CorruptError: a broken key or value; what came before it has been yielded.
    """
    yield HEADER + NEWLINE + NEWLINE
    for where, each in walk_below(hive, key, path):
        lines = [value_line(value.name, value.type, value.data) for value in each.values()]
        yield NEWLINE.join([f"[{where}]", *lines, "", ""])


def walk_below(hive: Hive, key: Key, path: str) -> Iterator[tuple[str, Key]]:
    """Yield a key and all below it, parents first, siblings in the order of Windows; ``path`` is the first one's.

    Raises:
        CorruptError: a broken key, or more of them than the hive has room for.
    """
    hive.load()
    room = hive.base.bins_size // SMALLEST_KEY + 1
    pending = [(path, key)]
    while pending:
        path, key = pending.pop()
        yield path, key
        start = f"{path}\\" if path else ""
        below = [(start + child.name, child) for child in key.subkeys()]
        below.reverse()
        pending += below
        room -= len(below)
        if room < 0:
            raise CorruptError("more keys than the hive has room for: they form a loop", at=f"cell {key.offset:#x}")


def value_line(name: str, kind: int, data: bytes) -> str:
    """Return the line (or continued lines) that sets a value; "" names the default value."""
    label = f'"{escape(name)}"=' if name else "@="
    if kind == _SZ:
        text = _plain_text(data)
        if text is not None:
            return f'{label}"{escape(text)}"'
    elif kind == _DWORD and len(data) == 4:
        return f"{label}dword:{int.from_bytes(data, 'little'):08x}"
    return _hex_lines(label + ("hex:" if kind == _BINARY else f"hex({kind:x}):"), data)


def single_line(name: str, kind: int, data: bytes) -> str:
    """Return :func:`value_line` on one line, however long."""
    return value_line(name, kind, data).replace(_CONTINUED, "")


def escape(text: str) -> str:
    """Return a text as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain_text(data: bytes) -> str | None:
    """The text of a string that has one closing NUL and nothing that quotes cannot hold; else None."""
    if len(data) & 1 or data[-2:] != b"\0\0":
        return None
    try:
        text = data[:-2].decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text or "\n" in text or "\r" in text else text


def _hex_lines(label: str, data: bytes) -> str:
    digits = data.hex(",")
    first = max(1, -(-(FULL_LINE - len(label)) // 3))
    if len(data) <= first:
        return label + digits
    cuts = range(3 * first, len(digits), 3 * _BYTES_A_LINE)
    rest = [digits[at : at + 3 * _BYTES_A_LINE] for at in cuts]
    return _CONTINUED.join([label + digits[: 3 * first], *rest])
