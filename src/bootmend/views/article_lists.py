"""Lists about articles: which one fits, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.views import MACHINE, dump
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.article import Article, Remark
    from bootmend.article.choosing import Match
    from bootmend.engine.articles import Unreadable
    from bootmend.views.style import Style


def matches(found: Sequence[Match], unreadable: Sequence[Unreadable], output_format: str, style: Style) -> str:
    """The articles that fit, the best first."""
    if output_format in MACHINE:
        rows = [
            {
                "article_id": one.article.id,
                "name": one.article.name,
                "title": one.article.title,
                "summary": one.article.summary,
                "score": one.score,
                "reasons": list(one.reasons),
            }
            for one in found
        ]
        return dump({"schema": "bootmend.article-list/1", **_head(unreadable), "articles": rows}, output_format)
    return "".join(_match_text(one, style) for one in found)


def _match_text(one: Match, style: Style) -> str:
    lines = [style(plain(one.article.id or one.article.title), "bold"), f"  {plain(one.article.summary) or '(no summary)'}"]
    lines.append(f"  {plain(one.article.name)}" + (f"   ({plain('; '.join(one.reasons))})" if one.reasons else ""))
    return "\n".join(lines) + "\n"


def remarks(
    found: Sequence[tuple[Article, Remark]], unreadable: Sequence[Unreadable], output_format: str, style: Style, *, articles: int
) -> str:
    """What lint found: ``file:line: rule: sentence``."""
    if output_format in MACHINE:
        rows = [
            {"file": article.name, "line": remark.line, "rule": remark.code, "sentence": remark.message}
            for article, remark in found
        ]
        head = {"schema": "bootmend.article-lint/1", **_head(unreadable)}
        return dump(head | {"articles": articles, "remarks": rows}, output_format)
    return "".join(
        f"{plain(article.name)}:{remark.line}: {style(remark.code, 'bold')}: {plain(remark.message)}\n"
        for article, remark in found
    )


def _head(unreadable: Sequence[Unreadable]) -> dict[str, Any]:
    return {"version": __version__, "unreadable": [{"file": one.path, "reason": one.reason} for one in unreadable]}
