"""Rules on the properties and on how they agree with the file's name and title."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from bootmend.article.codes import by_code, normal_name
from bootmend.article.nodes import Article, Remark, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUIRED = (
    "pageTitle",
    "description",
    "infoBubbleText",
    "service",
    "resource",
    "authors",
    "displayOrder",
    "articleId",
    "diagnosticScenario",
    "selfHelpType",
    "supportTopicIds",
    "resourceTags",
    "productPesIds",
    "cloudEnvironments",
)
_MAY_BE_EMPTY = "displayOrder"
_OPTIONAL = frozenset(
    (
        "ms.author",
        "ownershipid",
        "schemaversion",
        "articletags",
        "disableclouds",
        "category",
        "clientids",
        "authoralias",
        "symptomid",
        "resourcerequired",
        "icmteam",
        "icmservice",
        "feedbackemail",
        "issuenotlisted",
        "searchtags",
        "productfamilyid",
        "mappedtobucket",
        "useasadditionaldetails",
        "ms.service",
        "editor",
    )
)
_MISSPELT = {"supporttoicids": "supportTopicIds", "infobubbletest": "infoBubbleText"}
_GENERIC = frozenset(("vm boot error", "boot error", "vm error"))
_STOP_CODE = re.compile(r"0x[0-9a-f]{8}(?![0-9a-f])", re.IGNORECASE)
_LABEL = re.compile(r"-(0x[0-9a-f]{8})-([\w-]{3,})", re.IGNORECASE)
_LETTER_O = re.compile(r"(?<![a-z])[0o]x[0-9a-fo]*o[0-9a-fo]*|(?<![a-z0-9])ox[0-9a-f]", re.IGNORECASE)
_GLUED = re.compile(r"[a-z]0xc0", re.IGNORECASE)
_UNFINISHED = re.compile(r"(?:^|\s)(?:due to|because|because of|of|to|with|by|the|an?|and|or|for)\s*$", re.IGNORECASE)
_LOWEST_STATUS = 0x1000  # stop codes below are all known; of status codes only those of boot failures


def header_rules(article: Article) -> Iterator[Remark]:
    """Remarks on the header; none on a file that has no header, as the parser says so itself."""
    yield from _file_name(article)
    if not article.properties:
        return
    yield from _attributes(article)
    yield from _titles(article)
    yield from _codes(article)


def line_of(article: Article, words: str) -> int:
    """The line on which some words first stand, in any case; 0 where they do not."""
    found = article.text.lower().find(words.lower())
    return 1 + article.text.count("\n", 0, found) if found >= 0 else 0


def line_numbers(text: str) -> Callable[[int], int]:
    """What tells the line of each position, without counting from the beginning every time."""
    ends = [found.start() for found in re.finditer("\n", text)]
    return lambda position: 1 + bisect_left(ends, position)


def line_from(article: Article, words: str, start: int) -> int:
    """The line on which some words stand, from ``start`` on: where their block begins; that where they are not to be found."""
    rest = article.text.split("\n")[max(start - 1, 0) :]
    return next((number for number, text in enumerate(rest, max(start, 1)) if words in text), start)


def _attributes(article: Article) -> Iterator[Remark]:
    for name in REQUIRED:
        value = article.properties.get(name.lower())
        if value is None or (not value and name != _MAY_BE_EMPTY):
            yield Remark("attribute-required", 1, f"the header has no {name}")
    known = {name.lower() for name in REQUIRED} | _OPTIONAL
    for name in ("description", "infoBubbleText"):
        if _UNFINISHED.search(article.properties.get(name.lower(), "")):
            yield Remark("value-unfinished", line_of(article, name), f"{name} ends in the middle of a sentence")
    for name in article.properties:
        if name not in known:
            meant = f"; {_MISSPELT[name]} is meant" if name in _MISSPELT else ""
            yield Remark("attribute-unknown", line_of(article, name), f"the format has no attribute {name}{meant}")


def _titles(article: Article) -> Iterator[Remark]:
    title = article.properties.get("pagetitle", "")
    line = line_of(article, "pageTitle")
    if title.strip().lower().rstrip(".") in _GENERIC:
        yield Remark("title-generic", line, f"many articles have the title {title!r}: name the fault")
    if title.endswith(".") or "," in title:
        yield Remark("title-form", line, "a page title has no full stop and no comma")
    if article.heading and title and plain(article.heading.children).casefold() != title.casefold():
        yield Remark("title-differs", article.heading.line, "the first heading differs from the page title")


def _codes(article: Article) -> Iterator[Remark]:
    header = f"{article.id} {article.properties.get('pagetitle', '')} {article.title}"
    body = _body(article).lower()
    for code in dict.fromkeys(found.lower() for found in _STOP_CODE.findall(header)):
        if not by_code(code) and int(code, 16) < _LOWEST_STATUS:
            yield Remark("stop-code-unknown", line_of(article, code), f"{code} is no stop code of Windows")
        if code not in body:
            yield Remark("stop-code-missing", line_of(article, code), f"the title or id names {code} and the text does not")
    if found := _LABEL.search(article.id):
        known = {normal_name(name) for info in by_code(found.group(1)) for name in (info.name, *info.aliases)}
        if known and "_" in found.group(2) and not normal_name(found.group(2)).startswith(tuple(known)):
            yield Remark("stop-code-name", line_of(article, "articleId"), f"{found.group(1)} is {' or '.join(sorted(known))}")


def _body(article: Article) -> str:
    """The text behind the header."""
    return article.text[article.text.find("/>") + 2 :]


def _file_name(article: Article) -> Iterator[Remark]:
    stem = article.name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if _LETTER_O.search(stem):
        yield Remark("file-name", 0, f"the code in the file name {stem} is written with the letter O")
    if _GLUED.search(stem):
        yield Remark("file-name", 0, f"the code in the file name {stem} does not stand alone")
