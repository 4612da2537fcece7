"""Values as people type and read them: names of types, data from words, data as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bootmend.errors import UsageError
from bootmend.registry.layout import ValueType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.registry.values import Value

_NUMBERS: Final = {
    ValueType.DWORD: (4, "little"),
    ValueType.DWORD_BIG_ENDIAN: (4, "big"),
    ValueType.QWORD: (8, "little"),
}
_TEXTS: Final = frozenset({ValueType.SZ, ValueType.EXPAND_SZ, ValueType.LINK})
_ALIASES: Final = {"STRING": "SZ", "HEX": "BINARY", "DWORD_LITTLE_ENDIAN": "DWORD", "QWORD_LITTLE_ENDIAN": "QWORD"}


def type_name(kind: int) -> str:
    """Return the name of a value's type, ``REG_SZ``; a number where it has none."""
    try:
        return f"REG_{ValueType(kind).name}"
    except ValueError:
        return f"{kind:#x}"


def parse_type(word: str) -> int:
    """Return the type that a word names: ``REG_SZ``, ``sz`` or any 32-bit number.

    Raises:
        UsageError: it names none.
    """
    name = word.upper().removeprefix("REG_")
    name = _ALIASES.get(name, name)
    if name in ValueType.__members__:
        return int(ValueType[name])
    try:
        number = int(word, 0)
    except ValueError:
        number = -1
    if 0 <= number <= 0xFFFFFFFF:
        return number
    known = ", ".join(f"REG_{kind.name}" for kind in ValueType)
    raise UsageError(f"{word!r} is no type of registry values", hint=f"known are {known}, and any number")


def parse_data(kind: int, words: Sequence[str]) -> bytes:
    """Return the data that words mean: one text or number, the strings of a MULTI_SZ, or hexadecimal bytes for all else.

    Raises:
        UsageError: they mean no data of that type.
    """
    if kind == ValueType.MULTI_SZ:
        if any(not word for word in words):
            raise UsageError("a REG_MULTI_SZ cannot hold an empty string: it would end the list")
        return "".join(f"{word}\0" for word in (*words, "")).encode("utf-16-le", "surrogatepass")
    if kind in _TEXTS:
        ending = "" if kind == ValueType.LINK else "\0"  # [MS-RRP] and Windows itself: a link's text has no closing NUL
        return (_only(kind, words) + ending).encode("utf-16-le", "surrogatepass")
    if kind in _NUMBERS:
        return _number(ValueType(kind), _only(kind, words))
    digits = "".join(words).replace(",", " ").removeprefix("0x")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise UsageError(f"the data of a {type_name(kind)} are hexadecimal bytes, two digits each") from None


def _only(kind: int, words: Sequence[str]) -> str:
    if len(words) != 1:
        raise UsageError(f"a {type_name(kind)} takes one word of data, not {len(words)}", hint="quote a text that has blanks")
    return words[0]


def _number(kind: ValueType, word: str) -> bytes:
    size, order = _NUMBERS[kind]
    try:
        number = int(word, 0) if not word.isdigit() else int(word)
        return number.to_bytes(size, "big" if order == "big" else "little")
    except (ValueError, OverflowError):
        raise UsageError(f"{word!r} is no number of {size} bytes, decimal or with 0x") from None


def show_data(value: Value) -> str:
    """Return a value's data as people read them: text, number, or hexadecimal bytes; strings of a list one a line."""
    return "\n".join(map(str, [typed] if not isinstance(typed := typed_data(value), list) else typed))


def typed_data(value: Value) -> str | int | list[str]:
    """Return a value's data as JSON has them: a text, a number, a list of texts, or hexadecimal digits."""
    kind = value.type
    if kind in _TEXTS:
        return value.text()
    if kind == ValueType.MULTI_SZ:
        return list(value.strings())
    data = value.data
    if kind in _NUMBERS and len(data) == _NUMBERS[ValueType(kind)][0]:
        return value.integer()
    return data.hex()
