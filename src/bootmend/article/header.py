"""The ``<properties .../>`` header: XML-like, not XML.

Grammar: ``'<properties' (ws name ws? '=' ws? quoted)* ws? '/>'``; names are compared without case, values
hold anything but their own quote, line ends too.  Curly quotes, junk between attributes and a missing end are forgiven.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bootmend.article.nodes import Remark

_OPENING = re.compile(r"<\s?properties\b", re.IGNORECASE)
_TAGS = re.compile(r"\s*<tags\b[^<>]{0,4000}/?>", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,63})[ \t]{0,99}\n?[ \t]{0,99}=[ \t]{0,99}\n?[ \t]{0,99}")
_RUNAWAY = re.compile(r"\n[ \t]{0,99}[A-Za-z_][\w.-]{0,63}[ \t]{0,9}=[ \t]{0,9}\Z")  # a value that took in the next name
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "’": "’"}
_BLANKS = " \t\r\n\f\v"


class Header(NamedTuple):
    """The properties by lower-case name, the line each stands on, and where the body begins (an index into the text)."""

    properties: dict[str, str]
    lines: dict[str, int]
    end: int


def parse_header(text: str, remarks: list[Remark]) -> Header:
    """Read the header; what had to be forgiven is added to ``remarks``."""
    found = _OPENING.search(text[:4000])
    if found is None or text[: found.start()].strip():
        remarks.append(Remark("header-missing", 1, "the file does not begin with <properties"))
        return Header({}, {}, 0)
    reader = _Reader(text, found.end(), remarks)
    end = reader.read()
    tags = _TAGS.match(text, end)
    return Header(reader.properties, reader.lines, tags.end() if tags else end)


class _Reader:
    """Walks over the attributes, one at a time."""

    def __init__(self, text: str, position: int, remarks: list[Remark]) -> None:
        self.text = text
        self.position = position
        self.remarks = remarks
        self.properties: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.line = 1 + text.count("\n", 0, position)

    def read(self) -> int:
        """Read all attributes; gives back where the header ends."""
        while True:
            self._skip_blanks()
            if self.text.startswith("/>", self.position):
                return self.position + 2
            if self._is_over():
                self._complain("header-unclosed", "the header does not end with />")
                return self.position + (self.text[self.position : self.position + 1] == ">")
            self._attribute()

    def _complain(self, code: str, message: str) -> None:
        self.remarks.append(Remark(code, self.line, message))

    def _move(self, position: int) -> None:
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def _skip_blanks(self) -> None:
        end = self.position
        while end < len(self.text) and self.text[end] in _BLANKS:
            end += 1
        if self.text.count("\n", self.position, end) > 1 and self.properties:
            self._complain("header-blank-line", "there is a blank line in the header")
        self._move(end)

    def _is_over(self) -> bool:
        rest = self.text[self.position : self.position + 4]
        return not rest or rest[0] == ">" or rest.startswith(("# ", "## ", "<!--", "```"))

    def _attribute(self) -> None:
        found = _NAME.match(self.text, self.position)
        quote = self.text[found.end() : found.end() + 1] if found else ""
        if found is None or quote not in _QUOTES or not quote:
            return self._junk()
        line = self.line
        if quote != '"':
            self._complain("header-quotes", f"{found.group(1)} is quoted with {quote} and not with straight double quotes")
        start = found.end() + 1
        close = self._close(start, quote)
        value = self.text[start:close]
        if "\n" in value:
            self._complain("header-newline", f"the value of {found.group(1)} goes over several lines")
        self._store(found.group(1), " ".join(value.split()), line)
        self._move(min(close + 1, len(self.text)))
        return None

    def _close(self, start: int, quote: str) -> int:
        """Where the value ends; a value without its closing quote ends with its line."""
        close = self.text.find(_QUOTES[quote], start, start + 8000)
        if close >= 0 and _RUNAWAY.search(self.text, start, close) is None:
            return close
        line_end = self.text.find("\n", start)
        within = self.text.find(_QUOTES[quote], start, line_end if line_end >= 0 else len(self.text))
        if within >= 0:
            return within
        self._complain("header-quotes", "a value in the header is not closed with a quote")
        return line_end if line_end >= 0 else len(self.text)

    def _store(self, name: str, value: str, line: int) -> None:
        key = name.lower()
        if key in self.properties:
            self._complain("attribute-repeated", f"{name} stands twice in the header")
            return
        self.properties[key] = value
        self.lines[key] = line

    def _junk(self) -> None:
        end = self.position + 1
        while end < len(self.text) and self.text[end] not in _BLANKS + ">" and not self.text.startswith("/>", end):
            end += 1
        self._complain("header-junk", f"this is not an attribute: {self.text[self.position : min(end, self.position + 40)]}")
        self._move(end)
