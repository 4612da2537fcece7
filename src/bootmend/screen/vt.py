"""A serial log's bytes as lines: terminal sequences obeyed where they move or erase, dropped where they colour."""

from __future__ import annotations

import re

#: what is kept of a line, and how many lines
MOST_COLUMNS = 1000
MOST_LINES = 20_000
_SEQUENCE = re.compile(
    r"\x1b(?:\[([0-9;?]*)([@-~])|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[@-Z\\^_a-z=>])|[\r\n\b\t]|[^\x1b\r\n\b\t]+|\x1b"
)
_CONTROL = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")


class _Screen:
    """The line being written; whole lines go to ``lines``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.current: list[str] = []
        self.column = 0
        self.row: str | None = None

    def write(self, text: str) -> None:
        room = max(0, MOST_COLUMNS - self.column)
        text = text[:room]
        if len(self.current) < self.column:
            self.current.extend(" " * (self.column - len(self.current)))
        self.current[self.column : self.column + len(text)] = text
        self.column += len(text)

    def end_line(self) -> None:
        self.lines.append("".join(self.current).rstrip())
        self.current, self.column = [], 0
        if len(self.lines) > 2 * MOST_LINES:
            del self.lines[:MOST_LINES]

    def control(self, key: str) -> None:
        if key == "\n":
            self.end_line()
        elif key == "\r":
            self.column = 0
        elif key == "\b":
            self.column = max(0, self.column - 1)
        else:
            self.column = min(MOST_COLUMNS, (self.column // 8 + 1) * 8)

    def sequence(self, numbers: str, final: str) -> None:
        first, _, second = numbers.partition(";")
        if final in "Hf":
            if first != self.row and self.current:
                self.end_line()
            self.row = first
            self.column = min(MOST_COLUMNS, int(second) - 1) if second.isdigit() and int(second[:4]) > 0 else 0
        elif final == "J" and self.current:
            self.end_line()
        elif final == "K" and first in ("", "0"):
            del self.current[self.column :]
        elif final == "C":
            self.column = min(MOST_COLUMNS, self.column + int(first[:3] or 1)) if first.isdigit() or not first else self.column


def lines_of(text: str) -> list[str]:
    """The lines a terminal would have shown, oldest first, without empty ones; at most the last 20,000."""
    screen = _Screen()
    for token in _SEQUENCE.finditer(text):
        whole = token[0]
        if token[2] is not None:
            screen.sequence(token[1], token[2])
        elif whole in "\r\n\b\t":
            screen.control(whole)
        elif whole[0] != "\x1b":
            screen.write(_CONTROL.sub("", whole))
    screen.end_line()
    return [line for line in screen.lines if line.strip()][-MOST_LINES:]
