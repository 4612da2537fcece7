"""Reads an article: bytes to text, the header, the issue description, the sections.

Nothing that an author can get wrong stops it: what had to be forgiven is among the article's
remarks.  Only bytes that are no text at all, or far too many, are refused.
"""

from __future__ import annotations

import re

from bootmend.article.blocks import Line, parse_blocks
from bootmend.article.header import parse_header
from bootmend.article.nodes import Article, Block, Heading, Remark, Section, plain
from bootmend.errors import CorruptError, UnsupportedError

LARGEST = 256 * 1024  # characters; the largest article that is known has a tenth of it
MOST_REMARKS = 500

_MARKER = re.compile(r"<!--[ \t]{0,9}(/?)issueDescription[ \t]{0,9}-->", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TAB = 4


def parse(source: str | bytes, name: str = "") -> Article:
    """Read one article; ``name`` is its file name, for lint.

    Raises CorruptError for what is not text, UnsupportedError for more than 256 K characters.
    """
    remarks: list[Remark] = []
    text = _clean(source if isinstance(source, str) else _decode(source, remarks), remarks)
    header = parse_header(text, remarks)
    first = 1 + text.count("\n", 0, header.end)
    issue_lines, body_lines = _split_issue(_lines(text[header.end :], first), remarks)
    issue = parse_blocks(issue_lines, remarks)
    body = parse_blocks(body_lines, remarks)
    heading, sections = _sections(body, remarks)
    ordered = sorted(remarks[:MOST_REMARKS], key=lambda remark: (remark.line, remark.code))
    return Article(header.properties, heading, issue, sections, text, tuple(ordered), name)


def _decode(data: bytes, remarks: list[Remark]) -> str:
    """UTF-8, else UTF-16 by its mark, else Windows' own code page."""
    if len(data) > 4 * LARGEST:
        raise UnsupportedError(f"{len(data):,} bytes are too many for an article")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        remarks.append(Remark("not-utf8", 0, "the file is UTF-16; articles are UTF-8"))
        return data.decode("utf-16", errors="replace")
    if b"\x00" in data:
        raise CorruptError("this is not a text: it has zero bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        remarks.append(Remark("not-utf8", 1 + data.count(b"\n", 0, error.start), "the file is not UTF-8; read as Windows-1252"))
        return data.decode("cp1252", errors="replace")


def _clean(text: str, remarks: list[Remark]) -> str:
    """One kind of line end and of space, and nothing invisible."""
    if len(text) > LARGEST:
        raise UnsupportedError(f"{len(text):,} characters are too many for an article")
    if text.startswith("\ufeff"):
        remarks.append(Remark("byte-order-mark", 1, "the file begins with a byte order mark"))
        text = text[1:]
    if "\r" in text:
        mixed = text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\r\n")
        remarks.append(Remark("line-ends", 0, "line ends are mixed" if mixed else "line ends are those of Windows"))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for character, code, instead, words in (
        ("\xa0", "nbsp", " ", "a no-break space"),
        ("\u200b", "zero-width-space", "", "an invisible space, which breaks searching"),
        ("\ufeff", "zero-width-space", "", "an invisible byte order mark in the text"),
    ):
        if character in text:
            remarks.append(Remark(code, 1 + text.count("\n", 0, text.index(character)), f"there is {words}"))
            text = text.replace(character, instead)
    controls = _CONTROLS.findall(text)
    if len(controls) > 8 + len(text) // 100:
        raise CorruptError("this is not a text: it is full of control characters")
    if controls:
        remarks.append(
            Remark("control-character", 1 + text.count("\n", 0, text.index(controls[0])), "there is a control character")
        )
    return _CONTROLS.sub("", text)


def _lines(text: str, first: int) -> list[Line]:
    return [Line(first + index, line.expandtabs(_TAB)) for index, line in enumerate(text.split("\n"))]


def _split_issue(lines: list[Line], remarks: list[Remark]) -> tuple[list[Line], list[Line]]:
    """Take the lines between the issue's markers out of the body."""
    issue: list[Line] = []
    body: list[Line] = []
    inside = 0  # the line of the opening marker
    for line in lines:
        if inside and "Recommended" in line.text and line.text.lstrip().startswith("#"):
            remarks.append(Remark("marker-unbalanced", inside, "the issue description is not closed; it ends before the steps"))
            inside = 0
        rest = line.text
        while found := _MARKER.search(rest):
            (issue if inside else body).append(Line(line.number, rest[: found.start()]))
            rest = rest[found.end() :]
            closing = bool(found.group(1))
            if closing != bool(inside):
                remarks.append(Remark("marker-unbalanced", line.number, f"{found.group()} has no partner"))
            inside = 0 if closing else line.number
        (issue if inside else body).append(Line(line.number, rest))
    if inside:
        remarks.append(Remark("marker-unbalanced", inside, "the issue description is not closed"))
    return issue, body


def _sections(body: tuple[Block, ...], remarks: list[Remark]) -> tuple[Heading | None, tuple[Section, ...]]:
    """The title, and what stands under each heading of level 1 or 2."""
    title: Heading | None = None
    groups: list[tuple[Heading | None, list[Block]]] = [(None, [])]
    for block in body:
        if isinstance(block, Heading) and block.level == 1 and title is None:
            title = block
        elif isinstance(block, Heading) and block.level <= 2:
            if block.level == 1:
                remarks.append(Remark("title-repeated", block.line, "there is more than one heading of level 1"))
            groups.append((block, []))
        else:
            groups[-1][1].append(block)
    if title is None:
        remarks.append(Remark("title-missing", 0, "there is no heading of level 1"))
    return title, tuple(_section(heading, blocks) for heading, blocks in groups if heading or blocks)


def _section(heading: Heading | None, blocks: list[Block]) -> Section:
    return Section(plain(heading.children) if heading else "", heading, tuple(blocks))
