"""A little colour for terminals; the words alone always carry the meaning."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


#: control characters (but not tab and newline) and marks of direction: a label or a description of a strange disk must
#: not drive the terminal that it is shown on
_UNPRINTABLE = dict.fromkeys(
    [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "\ufffd",
)
_SHELL_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def plain(text: str) -> str:
    """Text as it can be shown anywhere: what would drive a terminal becomes U+FFFD."""
    return text.translate(_UNPRINTABLE)


def quoted(word: str) -> str:
    """A word as it can be pasted into a shell."""
    if os.name == "nt":
        return word if word and _SHELL_SAFE.issuperset(word.replace("\\", "")) else f'"{word}"'
    if word and _SHELL_SAFE.issuperset(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


class Style:
    """Paints text, or leaves it as it is."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, *names: str) -> str:
        """Return ``text`` painted with the named colours."""
        if not self.colour or not text:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"


def style_for(stream: TextIO, when: str = "auto") -> Style:
    """Decide about colour: ``always``, ``never``, or by the terminal, ``NO_COLOR``, ``FORCE_COLOR`` and ``TERM``."""
    if when == "always":
        return Style(colour=True)
    if when == "never" or os.environ.get("NO_COLOR"):
        return Style(colour=False)
    if os.environ.get("FORCE_COLOR"):
        return Style(colour=True)
    return Style(colour=stream.isatty() and os.environ.get("TERM") != "dumb")


def size_text(size: int) -> str:
    """``500 MiB``, ``126.5 GiB``: at most one decimal, none where it is zero."""
    value = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            text = f"{value:.1f}".removesuffix(".0")
            return f"{text} {unit}"
        value /= 1024
    raise AssertionError
