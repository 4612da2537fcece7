"""Articles and codes as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.article import Filled, fill, parse, to_markdown, to_page, to_terminal, to_text
from bootmend.catalog import article_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootmend.article.codes import CodeInfo
    from bootmend.catalog import RuleModule
    from bootmend.views.style import Style


def article(rule: RuleModule, values: Mapping[str, str], output_format: str, style: Style, *, width: int) -> str:
    """A rule's article, filled in."""
    filled = fill(parse(article_text(rule), rule.RULE.id), values)
    match output_format:
        case "html":
            return to_page(filled)
        case "md":
            return to_markdown(filled)
        case "json" | "jsonl":
            return json.dumps(_document(rule, values, filled), ensure_ascii=False, indent=1 if output_format == "json" else None) + "\n"
    return _terminal(filled, width) if style.colour else to_text(filled, width=width)


def _terminal(filled: Filled, width: int) -> str:
    """Painted for a terminal, by rich where it is installed."""
    drawing = to_terminal(filled)
    if isinstance(drawing, str):
        return drawing
    from io import StringIO

    from rich.console import Console

    stream = StringIO()
    Console(file=stream, width=width, force_terminal=True).print(drawing)
    return stream.getvalue()


def _document(rule: RuleModule, values: Mapping[str, str], filled: Filled) -> dict[str, Any]:
    """``bootmend.article/1``."""
    return {
        "schema": "bootmend.article/1",
        "version": __version__,
        "rule": rule.RULE.id,
        "title": filled.title,
        "properties": dict(filled.article.properties),
        "values": dict(values),
        "markdown": to_markdown(filled),
        "unfilled": sorted(filled.unknown),
    }


def codes(found: Sequence[CodeInfo], output_format: str) -> str:
    """What is known of codes that no rule explains."""
    if output_format in {"json", "jsonl"}:
        rows = [{"code": one.code, "name": one.name, "aliases": list(one.aliases)} for one in found]
        document = {"schema": "bootmend.codes/1", "version": __version__, "codes": rows}
        return json.dumps(document, ensure_ascii=False, indent=1 if output_format == "json" else None) + "\n"
    lines = [f"{one.code}  {one.name}" + (f" ({', '.join(one.aliases)})" if one.aliases else "") for one in found]
    lines.append("No rule of the catalogue looks for it on a disk yet; a code alone never names the cause.")
    return "\n".join(lines) + "\n"
