"""What the renderers share: what they can draw, and which links they let through."""

from __future__ import annotations

import re
from typing import Protocol, TypeAlias

from bootmend.article.filling import Filled, fill
from bootmend.article.nodes import Article, Block

_ADDRESS = re.compile(r"https?://[^\s\x00-\x20<>]{1,3000}$", re.IGNORECASE)
_ANCHOR = re.compile(r"#[A-Za-z][\w.:-]{0,99}$")
_ENCODED = {'"': "%22", "'": "%27", "\\": "%5C", "^": "%5E", "`": "%60", "{": "%7B", "|": "%7C", "}": "%7D"}


class Page(Protocol):
    """A title and blocks without variables."""

    @property
    def title(self) -> str:
        """One line."""

    def blocks(self) -> tuple[Block, ...]:
        """Everything to show, in reading order."""


Drawable: TypeAlias = "Article | Filled | Page"


def page_of(drawable: Drawable) -> Page:
    """What to draw: an article that was not filled in shows its defaults."""
    return fill(drawable, {}) if isinstance(drawable, Article) else drawable


def safe_target(target: str) -> str:
    """A link's target if it may be followed (http, https or a place on the page), else ``""``."""
    bare = target.strip()
    if _ANCHOR.match(bare):
        return bare
    if _ADDRESS.match(bare) is None:
        return ""
    return "".join(_ENCODED.get(character, character) for character in bare)
