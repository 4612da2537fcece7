"""Block structure: headings, lists, code, quotes, tables.

CommonMark with two rules bent towards what authors of self-help articles mean:

* a list item owns what is indented by two columns or more, not by the width of its own marker
  (the usual nested bullet has two spaces under ``4. ``, and CommonMark would end the list there);
* a numbered list that is interrupted by unindented text or code and goes on with the next number is
  one list, and what stands between belongs to the step before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.inline import parse_inline
from bootmend.article.lists import DraftList, finish
from bootmend.article.nodes import Block, CodeBlock, Heading, Paragraph, Quote, Remark, Table, plain
from bootmend.article.steps import step_marker

if TYPE_CHECKING:
    from bootmend.article.nodes import Inline

DEEPEST_LIST = 8
DEEPEST_QUOTE = 4

_FENCE = re.compile(r"(`{3,}+|~{3,}+)([^`]*+)$")
_HEADING = re.compile(r"(#{1,6})(?=\s|$|([A-Za-z*<\[]))")
_ITEM = re.compile(r"(?:([-*+])|(\d{1,6})[.)]|([a-z])[.)])(?:(\s+)(.*)|$)")
_RULE = re.compile(r"(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$")
_TABLE_RULE = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$")


class Line(NamedTuple):
    """One line: its 1-based number in the file and its characters without a line end; tabs are spaces."""

    number: int
    text: str


class _Open(NamedTuple):
    """A list item that still takes blocks: columns of its marker and of its text, its number or 0."""

    marker: int
    content: int
    kind: str
    number: int
    listing: DraftList
    blocks: list[Block | DraftList]


def indent_of(text: str) -> int:
    """How many spaces a line begins with."""
    return len(text) - len(text.lstrip(" "))


def parse_blocks(lines: list[Line], remarks: list[Remark], depth: int = 0) -> tuple[Block, ...]:
    """The blocks of some lines; what had to be forgiven is added to ``remarks``."""
    return _Builder(lines, remarks, depth).build()


class _Builder:
    """Reads lines top to bottom; ``stack`` holds the list items that are open, outermost first."""

    def __init__(self, lines: list[Line], remarks: list[Remark], depth: int) -> None:
        self.lines = lines
        self.remarks = remarks
        self.depth = depth
        self.root: list[Block | DraftList] = []
        self.stack: list[_Open] = []
        self.paragraph: list[str] = []
        self.paragraph_line = 0
        self.after_blank = True
        self.position = 0

    def build(self) -> tuple[Block, ...]:
        """All blocks."""
        while self.position < len(self.lines):
            self._step(self.lines[self.position])
        self._end_paragraph()
        return finish(self.root, self.remarks)

    def _complain(self, code: str, line: int, message: str) -> None:
        self.remarks.append(Remark(code, line, message))

    def _step(self, line: Line) -> None:
        text = line.text.strip()
        if not text:
            self._end_paragraph()
            self.after_blank = True
            self.position += 1
            return
        taken = (
            self._comment(text)
            or self._fence(line, text)
            or self._code(line)
            or self._heading(line, text)
            or self._rule(text)
            or self._quote(line, text)
            or self._item(line, text)
            or self._table(line, text)
        )
        if not taken:
            self._text(line)
        self.after_blank = False

    # containers

    def _end_paragraph(self) -> None:
        if self.paragraph:
            target = self.stack[-1].blocks if self.stack else self.root
            target.append(Paragraph(self._inline("\n".join(self.paragraph), self.paragraph_line), self.paragraph_line))
        self.paragraph = []

    def _inline(self, text: str, line: int) -> tuple[Inline, ...]:
        return parse_inline(text.strip(), lambda code, message: self._complain(code, line, message))

    def _container(self, indent: int) -> list[Block | DraftList]:
        """Close the items that a block at this column does not belong to; what is left takes it."""
        self._end_paragraph()
        while self.stack and indent < self.stack[-1].marker + 2:
            self.stack.pop()
        return self.stack[-1].blocks if self.stack else self.root

    # leaf blocks

    def _text(self, line: Line) -> None:
        if not self.paragraph:
            self._container(indent_of(line.text))
            self.paragraph_line = line.number
        self.paragraph.append(line.text.lstrip(" "))
        self.position += 1

    def _comment(self, text: str) -> bool:
        """A comment of several lines is dropped; those of one line are left to the inline parser."""
        if not text.startswith("<!--") or "-->" in text:
            return False
        self._end_paragraph()
        for ahead in range(self.position + 1, min(self.position + 200, len(self.lines))):
            if "-->" in self.lines[ahead].text:
                rest = self.lines[ahead].text.split("-->", 1)[1]
                self.lines[ahead] = Line(self.lines[ahead].number, rest)
                self.position = ahead
                return True
        return False

    def _fence(self, line: Line, text: str) -> bool:
        found = _FENCE.match(text)
        if found is None:
            return False
        indent = indent_of(line.text)
        target = self._container(indent)
        if self._fence_leaves_bullet(indent):
            self.stack.pop()
            target = self.stack[-1].blocks
        end, closed = self._fence_end(found.group(1))
        body = [each.text for each in self.lines[self.position + 1 : end]]
        if not closed:
            self._complain("fence-unclosed", line.number, "the code block that begins here is not closed with ```")
        target.append(CodeBlock(_dedent(body, indent), found.group(2).strip()[:40], line.number))
        self.position = end + closed
        return True

    def _fence_end(self, opening: str) -> tuple[int, bool]:
        """Where the closing fence is; without one, the line before the next heading or the end, and False."""
        heading = None
        for ahead in range(self.position + 1, len(self.lines)):
            text = self.lines[ahead].text.strip()
            if text and not text.strip(opening[0]) and len(text) >= len(opening):
                return ahead, True
            if heading is None and text.startswith(("# ", "## ", "### ")):
                heading = ahead
        return (heading if heading is not None else len(self.lines)), False

    def _fence_leaves_bullet(self, indent: int) -> bool:
        """Whether code after bullets is meant for the step that holds them: deeper than their text, and not announced by ':'."""
        if not self.after_blank or len(self.stack) < 2:
            return False
        bullet, step = self.stack[-1], self.stack[-2]
        if bullet.number or not step.number or indent <= bullet.content:
            return False
        last = bullet.blocks[-1] if bullet.blocks else None
        return isinstance(last, Paragraph) and not _ends_with_colon(last)

    def _code(self, line: Line) -> bool:
        """Indented code: four columns beyond the text of the item that it belongs to."""
        indent = indent_of(line.text)
        if self.paragraph or not self.after_blank or indent < 4:
            return False
        if _ITEM.match(line.text.strip()) and self.stack:
            return False
        open_items = [item for item in self.stack if indent >= item.marker + 2]
        base = (open_items[-1].content if open_items else 0) + 4
        if indent < base:
            return False
        target = self._container(indent)
        end = self.position
        while end < len(self.lines) and (not self.lines[end].text.strip() or indent_of(self.lines[end].text) >= base):
            end += 1
        body = [each.text for each in self.lines[self.position : end]]
        while body and not body[-1].strip():
            body.pop()
        target.append(CodeBlock(_dedent(body, len(line.text)), "", line.number))
        self.position = end
        return True

    def _heading(self, line: Line, text: str) -> bool:
        found = _HEADING.match(text)
        if found is None or (self.stack and indent_of(line.text) >= 4 and self.paragraph):
            return False
        if found.group(2) and self.paragraph:  # '#x' without a space may be running text
            return False
        words = text[found.end() :].rstrip("#").strip()
        if found.group(2):
            self._complain("heading-no-space", line.number, f"a heading needs a space after '{found.group(1)}'")
        inner = words.removeprefix("**").removesuffix("**")
        if len(words) - len(inner) == 4 and inner.strip() != inner and inner.strip():
            self._complain("heading-spaced-bold", line.number, "bold marks need to touch their words: '** text **' is not bold")
            words = f"**{inner.strip()}**"
        target = self._container(indent_of(line.text))
        target.append(Heading(len(found.group(1)), self._inline(words, line.number), line.number))
        self.position += 1
        return True

    def _rule(self, text: str) -> bool:
        if _RULE.match(text) is None or len(text) > 200:
            return False
        self._container(0)
        self.position += 1
        return True

    def _quote(self, line: Line, text: str) -> bool:
        if not text.startswith(">") or self.depth >= DEEPEST_QUOTE:
            return False
        target = self._container(indent_of(line.text))
        body: list[Line] = []
        while self.position < len(self.lines):
            current = self.lines[self.position]
            stripped = current.text.lstrip(" ")
            if stripped.startswith(">"):
                body.append(Line(current.number, stripped[2:] if stripped[1:2] == " " else stripped[1:]))
            elif not stripped or not body[-1].text.strip() or _begins_block(stripped):
                break
            else:
                body.append(Line(current.number, stripped))
            self.position += 1
        target.append(Quote(parse_blocks(body, self.remarks, self.depth + 1), line.number))
        return True

    def _table(self, line: Line, text: str) -> bool:
        following = self.lines[self.position + 1].text.strip() if self.position + 1 < len(self.lines) else ""
        if self.paragraph or "|" not in text or "|" not in following[:1000] or _TABLE_RULE.match(following[:1000]) is None:
            return False
        target = self._container(indent_of(line.text))
        rows = [self._cells(text, line.number)]
        self.position += 2
        while self.position < len(self.lines) and "|" in self.lines[self.position].text:
            rows.append(self._cells(self.lines[self.position].text.strip(), self.lines[self.position].number))
            self.position += 1
        width = len(rows[0])
        target.append(Table(tuple((*row, *((),) * (width - len(row)))[:width] for row in rows), line.number))
        return True

    def _cells(self, text: str, line: int) -> tuple[tuple[Inline, ...], ...]:
        bare = text.removeprefix("|").removesuffix("|")
        return tuple(self._inline(cell, line) for cell in re.split(r"(?<!\\)\|", bare)[:50])

    # lists

    def _item(self, line: Line, text: str) -> bool:
        found = _ITEM.match(text)
        if found is None:
            return False
        bullet, digits, letter, gap, rest = found.groups()
        number = int(digits) if digits else ord(letter) - 96 if letter else 0
        kind = bullet or ("1" if digits else "a")
        if not self._may_begin(kind, number, rest, indent_of(line.text)):
            return False
        self._open_item(line, indent_of(line.text), "*" if bullet else kind, number)
        width = len(text) - len(rest or "") if gap and len(gap) <= 4 else len(bullet or letter or digits) + 1 + (not bullet)
        opened = self.stack[-1]
        self.stack[-1] = opened._replace(content=opened.marker + width)
        self._item_text(line, rest or "", opened.marker + width)
        return True

    def _may_begin(self, kind: str, number: int, rest: str | None, indent: int) -> bool:
        """Whether this marker begins an item; within a paragraph only what clearly does."""
        same = [item for item in self.stack if item.kind == kind]
        if kind == "a":
            expected = {item.number + 1 for item in same} | ({1} if self.stack else set())
            return number in expected and indent >= 1
        if len(self.stack) >= DEEPEST_LIST and indent >= self.stack[-1].marker + 2:
            return False
        if not self.paragraph or kind in "-*+":
            return bool(rest) or not self.paragraph
        return bool(rest) and (number == 1 or any(number in (item.number, item.number + 1) for item in same))

    def _open_item(self, line: Line, indent: int, kind: str, number: int) -> None:
        """Put a new item beside its siblings, or in a new list inside the item that owns this column."""
        self._end_paragraph()
        while self.stack:
            top = self.stack[-1]
            if self._is_sibling(top, indent, kind, number):
                self.stack.pop()
                self._add_item(top.listing, line, indent, kind, self._expected(top, line, number))
                return
            if indent >= top.marker + 2:
                if top.number and indent < top.content:
                    message = f"indent this by {top.content} columns: Markdown ends the numbered list here"
                    self._complain("nested-indent", line.number, message)
                break
            self.stack.pop()
        target = self.stack[-1].blocks if self.stack else self.root
        listing = DraftList(number, line.number)
        target.append(listing)
        self._add_item(listing, line, indent, kind, number)

    def _is_sibling(self, top: _Open, indent: int, kind: str, number: int) -> bool:
        if top.kind != kind or (number == 1 and top.number > 1):
            return False
        return abs(indent - top.marker) <= 1 or (bool(number) and top.marker < indent < top.content and number == top.number + 1)

    def _expected(self, before: _Open, line: Line, number: int) -> int:
        """The number of the next item; Markdown counts by itself whatever is written."""
        if number and number not in (before.number + 1, 1):
            self._complain("list-number", line.number, f"this step is written as {number} and comes after {before.number}")
        return before.number + 1 if number and not (number == 1 and before.number == 1) else number

    def _add_item(self, listing: DraftList, line: Line, indent: int, kind: str, number: int) -> None:
        blocks: list[Block | DraftList] = []
        listing.items.append((blocks, line.number, ()))
        self.stack.append(_Open(indent, indent + 2, kind, number, listing, blocks))

    def _item_text(self, line: Line, rest: str, content: int) -> None:
        """Read the rest of a marker's line as the first line of the item, behind the operations that it may name."""
        operations, rest = step_marker(rest)
        if operations:
            items = self.stack[-1].listing.items
            items[-1] = (*items[-1][:2], operations)
        words = rest.strip()
        if not words:
            self.position += 1
        elif _begins_block(words) and (_ITEM.match(words) is None or len(self.stack) < DEEPEST_LIST):
            self.lines[self.position] = Line(line.number, " " * content + words)
            self.after_blank = False
        else:
            self.paragraph, self.paragraph_line = [rest], line.number
            self.position += 1


def _begins_block(text: str) -> bool:
    return bool(_FENCE.match(text) or _ITEM.match(text)) or text.startswith((">", "# ", "## ", "### ", "#### ", "##### "))


def _ends_with_colon(block: Paragraph) -> bool:
    return plain(block.children).endswith(":")


def _dedent(body: list[str], most: int) -> str:
    """Code without the columns that all its lines share, at most ``most`` of them."""
    shared = min((indent_of(text) for text in body if text.strip()), default=0)
    cut = min(shared, most)
    return "\n".join(text[cut:].rstrip() if text.strip() else "" for text in body)
