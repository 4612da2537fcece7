"""Looks for what is wrong with articles: the parser's remarks, the format's own rules, and known traps in recipes.

Every remark has a stable code; ``docs/formats/article.md`` lists them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.article.lint_header import header_rules
from bootmend.article.lint_recipe import recipe_rules
from bootmend.article.lint_text import text_rules
from bootmend.article.nodes import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.article.nodes import Article


def lint(article: Article) -> list[Remark]:
    """Everything that is wrong with one article, by line."""
    found = [*article.remarks, *header_rules(article), *text_rules(article), *recipe_rules(article)]
    return sorted(set(found), key=lambda remark: (remark.line, remark.code, remark.message))


def lint_all(articles: Iterable[Article]) -> list[tuple[Article, Remark]]:
    """Everything that is wrong with several articles, and the ids that more than one of them has."""
    found: list[tuple[Article, Remark]] = []
    owners: dict[str, str] = {}
    for article in articles:
        found += [(article, remark) for remark in lint(article)]
        key = article.id.lower()
        if key and key in owners:
            found.append(
                (article, Remark("id-repeated", 1, f"{owners[key] or 'another article'} has the articleId {article.id} too"))
            )
        owners.setdefault(key, article.name)
    return found
