"""Rules on the parts of an article, its links and its gaps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.lint_header import line_from
from bootmend.article.nodes import (
    Anchor,
    Article,
    Block,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Inline,
    Link,
    Listing,
    Quote,
    Remark,
    Strong,
    Variable,
    inlines_of,
    plain,
    section_blocks,
    walk_blocks,
    walk_inlines,
)
from bootmend.article.placeholders import find_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VARIABLES = frozenset(
    (
        "vmname",
        "computer",
        "disk",
        "store",
        "storepath",
        "loader",
        "loadername",
        "windowsvolume",
        "systemvolume",
        "imcpath",
        "run",
        "resourcename",
        "starttime",
        "endtime",
        "eventstatus",
        "servername",
    )
)
DEEPEST_LIST = 2
MOST_PLACEHOLDERS = 200  # more than that are not looked at
_CODE_VARIABLE = re.compile(r"<!--\$([\w.-]+)-->")
_CULTURE = re.compile(r"microsoft\.com/[a-z]{2}-[a-z]{2}(?:/|$)", re.IGNORECASE)
_REVIEW = re.compile(r"//review\.(?:docs|learn)\.", re.IGNORECASE)
_EXPLAINS = re.compile(r"\breplace\b| is (?:the|a) |\b(?:record|copy|note|use) the ")
_MISSPELT = re.compile(r"\bleter\b")
_SUPPORT = re.compile(r"\b(?:open|submit|create|file) an? (?:\w+ )?support (?:request|ticket|case)", re.IGNORECASE)


def text_rules(article: Article) -> Iterator[Remark]:
    """Remarks on everything below the header."""
    blocks = (*article.issue, *section_blocks(article.sections))
    yield from _parts(article)
    yield from _issue(article)
    yield from _lists(section_blocks(article.sections), 0)
    yield from _links(blocks)
    yield from _variables(blocks)
    yield from _placeholders(article, blocks)


def _parts(article: Article) -> Iterator[Remark]:
    titles = {section.title.lower().rstrip(":"): section for section in article.sections}
    if not article.issue:
        yield Remark("issue-missing", 0, "there is no issue description")
    for words, code in (("recommended steps", "steps-missing"), ("recommended documents", "documents-missing")):
        section = titles.get(words)
        if section is None:
            yield Remark(code, 0, f"there is no section **{words.title()}**")
        elif section.heading and not all(isinstance(child, Strong) for child in section.heading.children):
            yield Remark("section-bold", section.heading.line, "heads of sections are bold: ## **Recommended Steps**")
    for item in article.steps:
        for block in walk_blocks(item.blocks):
            if _SUPPORT.search(plain(inlines_of(block))):
                yield Remark("support-step", block.line, "opening a support request must not be a step")


def _issue(article: Article) -> Iterator[Remark]:
    for block in walk_blocks(article.issue):
        if isinstance(block, Heading):
            yield Remark("issue-heading", block.line, "there is a heading in the issue description")
            continue
        pieces = list(walk_inlines(inlines_of(block)))
        if any(isinstance(piece, Strong | Emphasis) for piece in pieces):
            yield Remark("issue-bold", block.line, "there is bold or italic text in the issue description")
        if any(isinstance(piece, Link) for piece in pieces):
            yield Remark("issue-link", block.line, "there is a link in the issue description")


def _lists(blocks: Iterable[Block], depth: int) -> Iterator[Remark]:
    for block in blocks:
        if isinstance(block, Listing):
            if depth == DEEPEST_LIST:
                yield Remark("list-deep", block.line, "lists have at most two levels")
            for item in block.items:
                yield from _lists(item.blocks, depth + 1)
        elif isinstance(block, Quote):
            yield from _lists(block.blocks, depth)


def _inlines(blocks: Iterable[Block]) -> Iterator[tuple[int, Inline]]:
    for block in walk_blocks(blocks):
        for piece in walk_inlines(inlines_of(block)):
            yield block.line, piece


def _links(blocks: Iterable[Block]) -> Iterator[Remark]:
    pieces = list(_inlines(blocks))
    anchors = {piece.name for _, piece in pieces if isinstance(piece, Anchor)}
    for line, piece in pieces:
        if not isinstance(piece, Link):
            continue
        target = piece.target
        if _CULTURE.search(target):
            yield Remark("link-culture", line, f"a link names a culture: {target[:100]}")
        if "//aka.ms" in target.lower():
            yield Remark("link-short", line, f"a short link hides where it leads: {target[:100]}")
        if _REVIEW.search(target):
            yield Remark("link-review", line, f"a link leads to a review site: {target[:100]}")
        if target.startswith("#") and target[1:] not in anchors:
            yield Remark("anchor-missing", line, f"nothing is named {target[1:60]}")
        if not target.lower().startswith(("https://", "http://", "#", "data-blade:", "datablade:")):
            yield Remark("link-relative", line, f"a link is not absolute: {target[:100]}")


def _variables(blocks: Iterable[Block]) -> Iterator[Remark]:
    names = [(line, piece.name) for line, piece in _inlines(blocks) if isinstance(piece, Variable)]
    codes = [(line, piece.text) for line, piece in _inlines(blocks) if isinstance(piece, Code)]
    codes += [(block.line, block.text) for block in walk_blocks(blocks) if isinstance(block, CodeBlock)]
    names += [(line, name) for line, text in codes for name in _CODE_VARIABLE.findall(text)]
    for line, name in names:
        if name.lower() not in VARIABLES:
            yield Remark("variable-unknown", line, f"nothing fills the variable ${name}")


def _placeholders(article: Article, blocks: tuple[Block, ...]) -> Iterator[Remark]:
    """Gaps in commands need to be explained in words, and have one spelling within one block of commands."""
    prose = [_bare(plain(inlines_of(block))) for block in walk_blocks(blocks)]
    explained = [text for text in prose if _EXPLAINS.search(text)]
    general = any("text here" in text or "letter of..." in text for text in explained)
    seen: set[str] = set()
    for block in walk_blocks(blocks):
        commands = [block.text] if isinstance(block, CodeBlock) else []
        commands += [piece.text for piece in walk_inlines(inlines_of(block)) if isinstance(piece, Code)]
        found = [each for text in commands for each in find_placeholders(_CODE_VARIABLE.sub("", text))]
        yield from _mixed(block, {(each.kind, "<" in each.written) for each in found})
        for each in found:
            words = _bare(each.written).strip(" .")
            if words in seen or len(seen) >= MOST_PLACEHOLDERS:
                continue
            seen.add(words)
            line = line_from(article, each.written, block.line)
            if _MISSPELT.search(words):
                yield Remark("placeholder-misspelt", line, f"{each.written} is misspelt: letter")
            if not (general and "<" in each.written) and not any(words in text for text in explained):
                yield Remark("placeholder-unexplained", line, f"nothing says what to put in for {each.written}")


def _mixed(block: Block, spellings: set[tuple[str, bool]]) -> Iterator[Remark]:
    both = sorted(kind for kind, angle in spellings if angle and (kind, False) in spellings)
    if both and isinstance(block, CodeBlock):
        yield Remark("placeholder-mixed", block.line, f"one block of commands spells the {both[0]} in two ways")


def _bare(text: str) -> str:
    """Lower-case words without brackets."""
    return " ".join(re.sub(r"[<>\[\]{}]", " ", text.lower()).split())
