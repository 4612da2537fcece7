"""Stub."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootmend.article.nodes import Article, Remark


def lint(article: Article) -> list[Remark]:
    """Stub."""
    return list(article.remarks)


def lint_all(articles: Iterable[Article]) -> list[tuple[Article, Remark]]:
    """Stub."""
    return [(article, remark) for article in articles for remark in lint(article)]
