"""Comparing text that was read imperfectly: folding, likeness, searching with errors."""

from __future__ import annotations

import re

#: characters that engines confuse, to one of them; folded on both sides of every comparison
_ALIKE = str.maketrans({"0": "O", "1": "I", "5": "S", "8": "B", "l": "I", "|": "I", "×": "X", "@": "O"})
_NOT_NAME = re.compile(r"[^A-Z0-9]+")
_NOT_TEXT = re.compile(r"[\W_]+")
_WIDE = str.maketrans("×：（），％＼¥￥；’“”", 'x:(),%\\\\\\;\'""')


def plain(text: str) -> str:
    """Full-width punctuation and look-alikes as ASCII, blanks trimmed; Japanese fonts draw a backslash as a yen sign."""
    return text.translate(_WIDE).strip()


def fold(name: str) -> str:
    """A code's name with everything removed that engines and Windows vary: separators, case, look-alikes."""
    return _NOT_NAME.sub("", name.translate(_ALIKE).upper()).translate(_ALIKE)


def squash(text: str) -> str:
    """A sentence as its letters and digits only, in lower case."""
    return _NOT_TEXT.sub("", text.casefold())


def common(first: str, second: str) -> int:
    """The length of the longest common subsequence (bit-parallel, after Hyyrö 2004)."""
    where: dict[str, int] = {}
    for place, letter in enumerate(first):
        where[letter] = where.get(letter, 0) | 1 << place
    full = (1 << len(first)) - 1
    row = full
    for letter in second:
        met = row & where.get(letter, 0)
        row = (row + met) | (row - met)
    return len(first) - (row & full).bit_count()


def likeness(first: str, second: str) -> float:
    """0 to 100: twice the common subsequence over both lengths."""
    total = len(first) + len(second)
    return 200.0 * common(first, second) / total if total else 100.0


def find_near(pattern: str, text: str, errors: int) -> int:
    """Where in ``text`` a run ends that differs from ``pattern`` by at most ``errors`` edits; -1 where there is none.

    Bit-parallel approximate search (Myers 1999), after a test that one of ``errors + 1`` pieces occurs unharmed.
    """
    if not _piece_occurs(pattern, text, errors + 1):
        return -1
    where: dict[str, int] = {}
    for place, letter in enumerate(pattern):
        where[letter] = where.get(letter, 0) | 1 << place
    size = len(pattern)
    full, last = (1 << size) - 1, 1 << (size - 1)
    up, down, cost = full, 0, size
    best, best_end = errors + 1, -1
    for end, letter in enumerate(text, 1):
        equal = where.get(letter, 0) | down
        cross = (((equal & up) + up) ^ up) | equal
        rise = (down | ~(cross | up)) & full
        fall = up & cross
        cost += bool(rise & last) - bool(fall & last)
        rise, fall = rise << 1 & full, fall << 1 & full
        vertical = where.get(letter, 0) | down
        up = (fall | ~(vertical | rise)) & full
        down = rise & vertical
        if cost < best:
            best, best_end = cost, end
    return best_end


def _piece_occurs(pattern: str, text: str, pieces: int) -> bool:
    step = max(1, len(pattern) // pieces)
    return any(pattern[at : at + step] in text for at in range(0, len(pattern) - step + 1, step))
