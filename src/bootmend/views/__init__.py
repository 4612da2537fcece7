"""Reports, plans, runs and articles as text, for people and programs.

One ``render_*`` for each thing that is shown; each knows the formats ``human``, ``json``, ``jsonl``,
``html`` and ``md``, and imports only the one it needs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootmend.article.codes import CodeInfo
    from bootmend.engine.diagnose import Report
    from bootmend.engine.explain import Explained
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome, RunEntry
    from bootmend.model import Rule
    from bootmend.views.style import Style

MACHINE = frozenset({"json", "jsonl"})


def dump(document: Mapping[str, Any], output_format: str) -> str:
    """A JSON document: indented for ``json``, on one line for ``jsonl``."""
    import json

    text = json.dumps(document, ensure_ascii=False, indent=1 if output_format == "json" else None)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that is no UTF-8, which only escapes can carry
        text = json.dumps(document, indent=1 if output_format == "json" else None)
    return text + "\n"


class Story(NamedTuple):
    """What a run is told with: the plan it carried out, the disk as the user named it, the pictures by their names."""

    plan: Plan
    name: str
    pictures: Mapping[str, bytes] = MappingProxyType({})


def render_report(
    report: Report,
    output_format: str,
    style: Style,
    *,
    name: str,
    steps: bool = True,
    pictures: Mapping[str, bytes] = MappingProxyType({}),
) -> str:
    """A report; ``steps`` adds what to do next, for people; HTML shows the ``pictures`` that the screen was read from."""
    if output_format == "human":
        from bootmend.views.human import report_text

        return report_text(report, style, name=name, steps=steps)
    if output_format in MACHINE:
        from bootmend.views import documents

        return dump(documents.report(report), output_format)
    if output_format == "html":
        from bootmend.views.report import report_html

        return report_html(report, name=name, pictures=pictures)
    from bootmend.views import pages

    return pages.report_page(report, name=name)


def render_plan(
    plan: Plan,
    output_format: str,
    style: Style,
    *,
    name: str,
    steps: bool = True,
    kept: str = "",
    alone: bool = True,
    pictures: Mapping[str, bytes] = MappingProxyType({}),
) -> str:
    """A plan; for people, ``steps`` adds what to do next, ``kept`` names the file it was kept in, ``alone`` adds doubts."""
    if output_format == "human":
        from bootmend.views.human import plan_text

        return plan_text(plan, style, name=name, steps=steps, kept=kept, alone=alone)
    if output_format in MACHINE:
        from bootmend.views import documents

        return dump(documents.plan(plan), output_format)
    if output_format == "html":
        from bootmend.views.report import plan_html

        return plan_html(plan, name=name, kept=kept, pictures=pictures)
    from bootmend.views import pages

    return pages.plan_page(plan, name=name)


def render_run(
    outcome: Outcome, output_format: str, style: Style, *, seconds: float, untouched: str = "", story: Story | None = None
) -> str:
    """The outcome of a repair; ``untouched`` is the disk of which a copy was repaired, ``story`` what HTML tells it with."""
    if output_format == "human":
        from bootmend.views.outcomes import run_text

        return run_text(outcome, style, seconds=seconds, untouched=untouched)
    if output_format == "html" and story is not None:
        from bootmend.views.report import run_html

        return run_html(outcome, story)
    return _outcome(outcome, output_format, story)


def render_undo(outcome: Outcome, output_format: str, style: Style) -> str:
    """The outcome of an undo."""
    if output_format == "human":
        from bootmend.views.outcomes import undo_text

        return undo_text(outcome, style)
    return _outcome(outcome, output_format)


def _outcome(outcome: Outcome, output_format: str, story: Story | None = None) -> str:
    if output_format in MACHINE:
        from bootmend.views import documents

        return dump(documents.run(outcome, story.plan.report.screen if story else None), output_format)
    from bootmend.views import pages

    return pages.run_page(outcome, output_format)


def render_history(entries: Sequence[RunEntry], output_format: str, style: Style, *, disk: str = "") -> str:
    """The list of runs."""
    if output_format == "human":
        from bootmend.views.outcomes import history_text

        return history_text(entries, style, disk=disk)
    if output_format in MACHINE:
        from bootmend.views import documents

        return dump(documents.history(entries), output_format)
    from bootmend.views import pages

    return pages.history_page(entries, output_format)


def render_catalog(rules: Sequence[Rule], output_format: str, style: Style, *, whole: bool = False) -> str:
    """The catalogue, or some rules of it; ``whole`` shows people everything of each rule."""
    if output_format == "human":
        from bootmend.views.outcomes import catalog_text, rule_text

        return "\n".join(rule_text(rule, style) for rule in rules) if whole else catalog_text(rules, style)
    if output_format in MACHINE:
        from bootmend.views import documents

        return dump(documents.catalog(rules), output_format)
    from bootmend.views import pages

    return pages.catalog_page(rules, output_format)


def render_article(explained: Explained, output_format: str, style: Style, *, width: int) -> str:
    """A rule's article for a machine."""
    from bootmend.views import articles

    return articles.article(explained, output_format, style, width=width)


def render_codes(codes: Sequence[CodeInfo], output_format: str) -> str:
    """What is known of codes that no rule explains yet."""
    from bootmend.views import articles

    return articles.codes(codes, output_format)
