"""Choosing an article as the portal does: by the diagnosis label, and by service, resource, tags, product, topic and cloud.

What is asked for and named by the article must agree; what the article leaves open does not speak against it.  A label
chooses by the whole ``articleId`` first, then by the code within it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.article.nodes import Article

SAME_LABEL, SAME_CODE = 100, 40

_CODE = re.compile(r"0x[0-9a-f]{8}(?![0-9a-f])", re.IGNORECASE)
_ATTRIBUTES = {
    "service": "service",
    "resource": "resource",
    "resource_tag": "resourcetags",
    "product": "productpesids",
    "topic": "supporttopicids",
    "cloud": "cloudenvironments",
    "scenario": "diagnosticscenario",
}


class Wanted(NamedTuple):
    """What an article is looked for by; "" asks for nothing.

    ``label`` is a diagnosis label such as ``WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED``; the others are one
    value each of the header's attributes.
    """

    label: str = ""
    service: str = ""
    resource: str = ""
    resource_tag: str = ""
    product: str = ""
    topic: str = ""
    cloud: str = ""
    scenario: str = ""


class Match(NamedTuple):
    """An article that fits, how well, and why: one phrase a criterion."""

    article: Article
    score: int
    reasons: tuple[str, ...]


def choose(articles: Iterable[Article], wanted: Wanted) -> list[Match]:
    """The articles that fit, the best first; all of them where nothing is asked for."""
    found = [match for article in articles if (match := _match(article, wanted)) is not None]
    return sorted(found, key=lambda match: (-match.score, match.article.id.casefold(), match.article.name))


def _match(article: Article, wanted: Wanted) -> Match | None:
    score, reasons = 0, list[str]()
    if wanted.label:
        score, reason = _label(article, wanted.label)
        if not score:
            return None
        reasons.append(reason)
    for name, attribute in _ATTRIBUTES.items():
        value: str = getattr(wanted, name)
        named = values_of(article, attribute)
        if not value:
            continue
        if named and _normal(value) not in map(_normal, named):
            return None
        score += bool(named)
        words = name.replace("_", " ")
        reasons.append(f"{words} {value}" if named else f"{words} left open")
    if wanted.cloud and _normal(wanted.cloud) in map(_normal, values_of(article, "disableclouds")):
        return None
    return Match(article, score, tuple(reasons))


def _label(article: Article, label: str) -> tuple[int, str]:
    """How well an article's id fits a label, and why."""
    if not article.id:
        return 0, ""
    if _normal(article.id) == _normal(label):
        return SAME_LABEL, "articleId is the label"
    codes = set(_codes(label)) & set(_codes(article.id))
    return (SAME_CODE, f"articleId has the code {min(codes)}") if codes else (0, "")


def _codes(text: str) -> Iterator[str]:
    return (found.group().lower() for found in _CODE.finditer(text))


def values_of(article: Article, attribute: str) -> tuple[str, ...]:
    """The values of an attribute that may have several, between commas."""
    return tuple(value.strip() for value in article.properties.get(attribute, "").split(",") if value.strip())


def _normal(text: str) -> str:
    """Letter case and blanks do not matter."""
    return "".join(text.split()).casefold()
