"""Reading ``.reg`` files: what they would change, in their order.

Versions: ``Windows Registry Editor Version 5.00`` (UTF-16LE with its mark, or UTF-8) and ``REGEDIT4`` (one byte a
character, in Windows' western code page; its strings and ``hex(2)``, ``hex(7)`` data become UTF-16, as on import).

Source: Microsoft, "Using a registration entries (.reg) file" (KB 310516).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bootmend.errors import CorruptError
from bootmend.registry.layout import ValueType
from bootmend.registry.regfile import HEADER

OLD_HEADER: Final = "REGEDIT4"
_OLD_CODE_PAGE: Final = "cp1252"
_TEXT_TYPES: Final = frozenset({int(ValueType.EXPAND_SZ), int(ValueType.MULTI_SZ)})

_END: Final = r"[ \t]*+(?:;[^\n]*+)?(?:\n|\Z)"
_QUOTED: Final = r'"((?:[^"\\]++|\\.)*+)"'
_BLANK: Final = re.compile(r"[ \t]*+(?:;[^\n]*+)?(?:\n|\Z)")
_KEY: Final = re.compile(rf"[ \t]*+\[(-?)(?:([^\n]*)\]{_END}|([^\]]*)\]{_END})")
_NAME: Final = re.compile(rf"[ \t]*+(?:(@)|{_QUOTED})[ \t]*+=[ \t]*+", re.DOTALL)
_DELETE: Final = re.compile(rf"-{_END}")
_STRING: Final = re.compile(_QUOTED + _END, re.DOTALL)
_NUMBER: Final = re.compile(rf"dword:[ \t]*+([0-9a-f]{{1,8}}){_END}", re.IGNORECASE)
_HEX: Final = re.compile(
    rf"hex(?:\(([0-9a-f]{{1,8}})\))?:((?:[0-9a-f, \t]++|\\[ \t]*+\n(?:[ \t]*+;[^\n]*+\n)*+)*+){_END}", re.IGNORECASE
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_COMMENT: Final = re.compile(r";[^\n]*")
_BETWEEN_DIGITS: Final = str.maketrans(",\\", "  ")


class Change(NamedTuple):
    """One thing that a ``.reg`` file asks for.

    ``key`` is the path as written; ``name`` is None where the key itself is meant, "" for the default value;
    ``delete`` takes it away, else ``kind`` and ``data`` are what the value becomes; ``line`` counts from 1.
    """

    line: int
    key: str
    name: str | None = None
    delete: bool = False
    kind: int = 0
    data: bytes = b""


def decode_reg(raw: bytes) -> str:
    """Return the text of a ``.reg`` file from its bytes: UTF-16 by its mark, ``REGEDIT4`` in one byte, else UTF-8.

    Raises:
        CorruptError: the bytes are no text of that kind.
    """
    try:
        if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            text = raw[2:].decode("utf-16-le" if raw[:1] == b"\xff" else "utf-16-be", "surrogatepass")
        elif raw.lstrip()[: len(OLD_HEADER)] == OLD_HEADER.encode():
            text = raw.decode(_OLD_CODE_PAGE, "replace")
        else:
            text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptError(f"it is neither UTF-16 with its mark nor UTF-8: {error.reason} at byte {error.start}") from error
    return text.replace("\r\n", "\n")


def parse_reg(text: str) -> list[Change]:
    """Return the changes of a ``.reg`` file in their order.

    Raises:
        CorruptError: it does not begin as such a file does, or a line that cannot be understood; none may be applied then.
    """
    first, _, rest = text.lstrip("\n \t").partition("\n")
    if first.strip() not in {HEADER, OLD_HEADER}:
        raise CorruptError(f"it does not begin with {HEADER!r}", at="line 1")
    skipped = text[: len(text) - len(rest)].count("\n")
    return _Reader(rest, skipped + 1, old=first.strip() == OLD_HEADER).read()


class _Reader:
    """Reads the text behind the header."""

    def __init__(self, text: str, line: int, *, old: bool) -> None:
        self._text = text
        self._line = line
        self._old = old
        self._position = 0
        self._key: str | None = None
        self._deleted = False

    def read(self) -> list[Change]:
        changes: list[Change] = []
        while self._position < len(self._text):
            if self._match(_BLANK) is None:
                changes += self._item()
        return changes

    def _item(self) -> list[Change]:
        line = self._line
        key = self._match(_KEY)
        if key is not None:
            self._key = key[2] if key[2] is not None else key[3]
            self._deleted = bool(key[1])
            if not self._key.strip("\\"):
                raise self._fault("a key without a name", line)
            return [Change(line, self._key, delete=self._deleted)]
        name = self._match(_NAME)
        if name is None:
            raise self._fault("neither a key in brackets nor a value", line)
        if self._key is None or self._deleted:
            raise self._fault("a value that belongs to no key", line)
        return [self._value(line, "" if name[1] else _unescaped(name[2]))]

    def _value(self, line: int, name: str) -> Change:
        assert self._key is not None
        if self._match(_DELETE):
            return Change(line, self._key, name, delete=True)
        if found := self._match(_STRING):
            return Change(line, self._key, name, kind=ValueType.SZ, data=self._wide(_unescaped(found[1])))
        if found := self._match(_NUMBER):
            return Change(line, self._key, name, kind=ValueType.DWORD, data=int(found[1], 16).to_bytes(4, "little"))
        if found := self._match(_HEX):
            kind = int(found[1], 16) if found[1] else int(ValueType.BINARY)
            return Change(line, self._key, name, kind=kind, data=self._bytes(kind, found[2], line))
        raise self._fault(f"the data of {name or 'the default value'!r} cannot be understood", line)

    def _bytes(self, kind: int, digits: str, line: int) -> bytes:
        try:
            data = bytes.fromhex(_COMMENT.sub("", digits).translate(_BETWEEN_DIGITS))
        except ValueError:
            raise self._fault("hexadecimal bytes need two digits each", line) from None
        if self._old and kind in _TEXT_TYPES:
            return data.decode(_OLD_CODE_PAGE, "replace").encode("utf-16-le")
        return data

    @staticmethod
    def _wide(text: str) -> bytes:
        return text.encode("utf-16-le", "surrogatepass") + b"\0\0"

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._position)
        if found is not None:
            self._line += self._text.count("\n", self._position, found.end())
            self._position = found.end()
        return found

    @staticmethod
    def _fault(message: str, line: int) -> CorruptError:
        return CorruptError(message, at=f"line {line}")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text
