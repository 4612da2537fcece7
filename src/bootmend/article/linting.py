"""Looks for what is wrong with articles: the parser's remarks, the format's own rules, and known traps in recipes.

Every remark has a stable code; ``docs/formats/article.md`` lists them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.lint_header import header_rules, line_of
from bootmend.article.lint_offline import offline_rules
from bootmend.article.lint_recipe import recipe_rules
from bootmend.article.lint_screen import screen_rules
from bootmend.article.lint_steps import step_rules
from bootmend.article.lint_text import text_rules
from bootmend.article.nodes import Remark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bootmend.article.nodes import Article


class Knowledge(NamedTuple):
    """What articles are compared with: the kinds of operation that there are, and texts that screens show.

    What is None is not known, and what needs it is not judged.
    """

    operations: Collection[str] | None = None
    screens: Collection[str] | None = None


def lint(article: Article, knowledge: Knowledge = Knowledge()) -> list[Remark]:  # noqa: B008 (immutable)
    """Everything that is wrong with one article, by line."""
    found = [*article.remarks, *header_rules(article), *text_rules(article), *recipe_rules(article), *offline_rules(article)]
    found += step_rules(article, knowledge.operations)
    found += screen_rules(article, knowledge.screens) if knowledge.screens is not None else ()
    return sorted(set(found), key=lambda remark: (remark.line, remark.code, remark.message))


def lint_all(articles: Iterable[Article], knowledge: Knowledge = Knowledge()) -> list[tuple[Article, Remark]]:  # noqa: B008
    """Everything that is wrong with several articles, and the ids and summaries that more than one of them has."""
    found: list[tuple[Article, Remark]] = []
    ids: dict[str, str] = {}
    summaries: dict[str, str] = {}
    for article in articles:
        found += [(article, remark) for remark in lint(article, knowledge)]
        found += [(article, remark) for remark in _repeated(article, ids, summaries)]
        ids.setdefault(article.id.lower(), article.name or "another article")
        summaries.setdefault(article.summary.lower(), article.name or "another article")
    return found


def _repeated(article: Article, ids: dict[str, str], summaries: dict[str, str]) -> Iterator[Remark]:
    if article.id and (owner := ids.get(article.id.lower())):
        yield Remark("id-repeated", line_of(article, "articleId") or 1, f"{owner} has the articleId {article.id} too")
    if article.summary and (owner := summaries.get(article.summary.lower())):
        yield Remark("summary-repeated", line_of(article, "infoBubbleText") or 1, f"{owner} has the same infoBubbleText")
