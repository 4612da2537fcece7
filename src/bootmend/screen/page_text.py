"""A page as one run of letters, in which phrases are found across line ends and traced back to their lines."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

from bootmend.screen.text import find_near, squash

if TYPE_CHECKING:
    from bootmend.screen.reading import Line, Page

#: phrases from this length may be found with errors, one in so many letters
FUZZY_LENGTH = 12
LETTERS_AN_ERROR = 8
#: more text than this is searched for exact phrases only
MOST_FUZZY = 4000


@cache
def _squashed(phrase: str) -> str:
    return squash(phrase)


class PageText:
    """The letters and digits of a page's lines, joined."""

    def __init__(self, page: Page) -> None:
        self.page = page
        parts = [squash(line.text) for line in page.lines]
        self.parts = parts
        self.text = "".join(parts)
        self.starts: list[int] = []
        at = 0
        for part in parts:
            self.starts.append(at)
            at += len(part)
        self._start_set = frozenset(self.starts)

    def find(self, phrase: str, *, fuzzy: bool = False) -> Line | None:
        """The line on which ``phrase`` begins, by the marks of :mod:`bootmend.screen.phrases`, or None."""
        mark = phrase[0] if phrase[0] in "=~" else ""
        wanted = _squashed(phrase[len(mark) :])
        if mark == "=":
            return next((self.page.lines[index] for index, part in enumerate(self.parts) if part == wanted), None)
        at = self.text.rfind(wanted)
        while at >= 0 and not mark and at not in self._start_set:
            at = self.text.rfind(wanted, 0, at + len(wanted) - 1)
        if at >= 0:
            return self.line_at(at)
        return self._near(wanted, anywhere=bool(mark)) if fuzzy else None

    def _near(self, wanted: str, *, anywhere: bool) -> Line | None:
        if len(wanted) < FUZZY_LENGTH or len(self.text) > MOST_FUZZY:
            return None
        end = find_near(wanted, self.text, len(wanted) // LETTERS_AN_ERROR)
        if end < 0:
            return None
        begin = max(0, end - len(wanted))
        near_start = any(abs(start - begin) <= 1 + len(wanted) // LETTERS_AN_ERROR for start in self.starts)
        return self.line_at(begin) if anywhere or near_start else None

    def before(self, phrase: str, *, fuzzy: bool) -> tuple[Line, str] | None:
        """The line that holds ``phrase``, and the letters before it on that line."""
        wanted = _squashed(phrase)
        at = self.text.rfind(wanted)
        if at < 0 and fuzzy and len(self.text) <= MOST_FUZZY:
            end = find_near(wanted, self.text, len(wanted) // LETTERS_AN_ERROR)
            at = max(0, end - len(wanted)) if end >= 0 else -1
        if at < 0:
            return None
        index = max(0, bisect_right(self.starts, at) - 1)
        return self.page.lines[index], self.text[self.starts[index] : at]

    def line_at(self, at: int) -> Line:
        """The line that holds letter ``at``."""
        return self.page.lines[max(0, bisect_right(self.starts, at) - 1)]
