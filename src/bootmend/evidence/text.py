"""Text files as Windows writes them: UTF-16 with a mark, UTF-8 with or without one, or the machine's code page."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootmend.source import Source

LONGEST_TAIL = 4 << 20
_MARKS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding that the first bytes of a file speak for, and how many of them are its mark."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    sample = head[:512]
    if len(sample) > 1 and sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le", 0
    try:
        sample[: len(sample) - 4].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", 0
    return "utf-8", 0


def decode(data: bytes) -> str:
    """A whole text file; what cannot be decoded becomes U+FFFD, lines end with a newline alone."""
    encoding, mark = encoding_of(data)
    return _lines(data[mark:].decode(encoding, "replace"))


def tail(source: Source, limit: int) -> tuple[str, bool]:
    """The last ``limit`` bytes of a text file, from the next whole line on; and whether that is all of it.

    Raises:
        ReadError: it cannot be read.
    """
    limit = min(limit, LONGEST_TAIL)
    size = source.size
    encoding, mark = encoding_of(source.read_at(0, min(size, 512)))
    start = mark if size - mark <= limit else size - limit
    if encoding.startswith("utf-16") and (start - mark) % 2:
        start += 1
    text = _lines(source.read_at(start, size - start).decode(encoding, "replace"))
    whole = start == mark
    return (text if whole else text.partition("\n")[2] or text), whole


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\0")
