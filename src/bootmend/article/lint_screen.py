"""The rule on texts of screens: what an article says that the screen shows is known to somebody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.article.codes import all_codes, by_code
from bootmend.article.nodes import Article, Code, Remark, Strong, inlines_of, plain, section_blocks, walk_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.article.nodes import Block

LEAST = 5
"""A shorter piece of text says nothing."""
LEAST_PART = 12
"""A shorter text that is known may stand in any sentence."""

LONGEST_SENTENCE = 300

_SHOWS = re.compile(
    r"\bscreen(?:shot)?\b[^.]{0,80}\b(?:shows?|reflects?|displays?|says?|reads?|get)\b[^.]{0,200}$", re.IGNORECASE
)
_QUOTED = re.compile(r'"([^"\n]{3,300})"')
_CODE = re.compile(r"(?:0x)?[0-9A-F]{8}\b", re.IGNORECASE)


def screen_rules(article: Article, known: Iterable[str]) -> Iterator[Remark]:
    """Remarks on texts of screens that are neither a code, nor its name, nor among the ``known`` texts."""
    phrases = {squashed for text in known if len(squashed := squash(text)) >= LEAST}
    names = {squash(name) for info in all_codes() for name in (info.name, *info.aliases)}
    for block in walk_blocks((*article.issue, *section_blocks(article.sections))):
        for claim in _claims(block):
            if not _is_known(claim, phrases, names):
                shown = claim if len(claim) <= 60 else f"{claim[:59]}…"
                yield Remark("screen-text-unknown", block.line, f"no screen that is known shows this: {shown}")


def squash(text: str) -> str:
    """Letters and digits only, so that typography does not matter."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _claims(block: Block) -> Iterator[str]:
    """What a paragraph says that the screen shows: in bold, as code or in quotation marks, within that sentence."""
    before = ""
    for piece in inlines_of(block):
        words = plain((piece,))
        if isinstance(piece, Strong | Code):
            if words and _may_be_shown(piece, words) and _SHOWS.search(before):
                yield words
            before += " … "
            continue
        raw = getattr(piece, "text", words)
        for found in _QUOTED.finditer(raw):
            if _SHOWS.search((before + raw[: found.start()])[-LONGEST_SENTENCE:]):
                yield found.group(1)
        before = (before + raw)[-LONGEST_SENTENCE:]


def _may_be_shown(piece: Strong | Code, words: str) -> bool:
    """Code that begins with a small letter is a command."""
    return isinstance(piece, Strong) or not words[0].islower()


def _is_known(claim: str, phrases: set[str], names: set[str]) -> bool:
    if any(by_code(found.group()) for found in _CODE.finditer(claim)):
        return True
    text = squash(claim)
    if len(text) < LEAST:
        return True
    return text in names or any(text in phrase or (len(phrase) >= LEAST_PART and phrase in text) for phrase in phrases)
