"""The report of a check, a plan or a repair as one HTML file that can be sent: for the one who must decide at night."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootmend import __version__
from bootmend.article import to_html
from bootmend.catalog import find_rule
from bootmend.engine.deeds import deeds_of
from bootmend.engine.explain import explain_report
from bootmend.views.articles import filled
from bootmend.views.headline import Headline, outcome_headline, plan_steps, report_headline, report_steps, run_steps, tally
from bootmend.views.human import FORMATS
from bootmend.views.markup import Markup, element, joined
from bootmend.views.outcomes import NOT_STARTED
from bootmend.views.report_parts import (
    command_line,
    disk_section,
    findings_section,
    not_checked_section,
    plan_section,
    run_section,
    screen_section,
    section,
    told,
    ways_section,
)
from bootmend.views.report_style import REPORT_STYLE
from bootmend.views.sheet import page
from bootmend.views.style import plain, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootmend.article import Filled
    from bootmend.article.nodes import Block
    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome
    from bootmend.views import Story
    from bootmend.views.headline import NextStep

MOST_ARTICLES = 4
MOST_RULES = 12


@dataclass(frozen=True, slots=True)
class View:
    """What is told: a look at a disk, then perhaps a plan, then perhaps a run that carried it out."""

    report: Report
    name: str
    steps: list[NextStep]
    headline: Headline
    plan: Plan | None = None
    outcome: Outcome | None = None
    pictures: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kind(self) -> str:
        """What it is."""
        return "Repair report" if self.outcome else "Repair plan" if self.plan else "Boot report"

    @property
    def machine(self) -> str:
        """What the machine is called."""
        return self.report.vm or self.report.machine.computer or self.name


def report_html(report: Report, *, name: str, pictures: Mapping[str, bytes]) -> str:
    """A check."""
    return _document(View(report, name, report_steps(report, name), report_headline(report), pictures=pictures))


def plan_html(plan: Plan, *, name: str, kept: str, pictures: Mapping[str, bytes]) -> str:
    """A plan, with the look that it was made of."""
    report = plan.report
    return _document(View(report, name, plan_steps(plan, name, kept), report_headline(report), plan=plan, pictures=pictures))


def run_html(outcome: Outcome, story: Story) -> str:
    """A repair that was written, with the look before and the plan."""
    plan = story.plan
    headline = outcome_headline(outcome)
    return _document(View(plan.report, story.name, run_steps(outcome), headline, plan, outcome, story.pictures))


def _document(view: View) -> str:
    articles = _articles(view)
    body = [
        element("a", "Skip to what was found", href="#findings", class_="skip"),
        _head(view, NOT_STARTED if view.outcome else articles[0].article.summary if articles else ""),
        element(
            "div",
            element("main", _sections(view), id="report"),
            _aside(articles) if articles else None,
            class_="wrap columns" if articles else "wrap",
        ),
        _foot(view),
    ]
    return page(f"{view.kind}: {view.machine}", body, REPORT_STYLE)


def _sections(view: View) -> Iterator[Markup]:
    report = view.report
    if report.screen is not None:
        yield screen_section(report.screen, view.pictures)
    yield findings_section(report, view.name, repaired=view.outcome is not None)
    if view.outcome is not None:
        yield run_section(view.outcome)
    elif view.plan is not None:
        yield plan_section(view.plan)
    yield disk_section(report.machine)
    if report.evidence is not None:
        from bootmend.views.evidence import evidence_section

        yield evidence_section(report.evidence)
    yield not_checked_section(report)
    yield _next_section(view)
    if report.screen is None:
        yield ways_section()


def _next_section(view: View) -> Markup:
    steps = view.steps or []
    if not steps:
        again = "Nothing on this disk needs a repair. If the machine does not start, look at it again with its screen:"
        return section("next", "What to do next", element("p", again), command_line("bootmend check DISK --screenshot PICTURE"))
    lines = [line for step in steps for line in (element("p", step.what), command_line(step.command))]
    return section("next", "Undo, and what to do next" if view.outcome else "What to do next", lines)


def _head(view: View, summary: str) -> Markup:
    headline = view.headline
    mark = element("span", headline.mark, class_="mark", aria_hidden="true")
    return element(
        "header",
        element(
            "div",
            element("p", f"{view.kind} · {view.machine}", class_="kicker"),
            element("h1", mark, element("span", _breakable(headline.sentence))),
            element("p", summary, class_="lede") if summary else None,
            told(view.report.screen) if view.report.screen and view.report.problems else None,
            _first_step(view.steps[0]) if view.steps else None,
            _fact_list(view),
            class_="wrap",
        ),
        class_=f"hero {headline.kind}",
    )


def _breakable(sentence: str) -> Markup:
    """A sentence whose long names may break behind their underscores."""
    return joined(sentence.split("_"), Markup("_<wbr>"))


def _first_step(step: NextStep) -> Markup:
    return element("div", element("p", element("strong", "Next: "), step.what), command_line(step.command), class_="next")


def _fact_list(view: View) -> Markup:
    machine = view.report.machine
    windows = next((one for one in machine.windows), None)
    product = f"{windows['product'] or 'Windows'} ({windows['build']})" if windows and windows["build"] else ""
    form = [FORMATS.get(machine.format, machine.format)]
    if machine.format != "directory":
        form += [size_text(machine.size), machine.scheme, f"generation {machine.generation}"]
    written = f"{size_text(view.outcome.bytes_written)}, run {view.outcome.run_id}" if view.outcome else "nothing"
    rows = {
        "Disk": f"{view.name} ({', '.join(form)})",
        "Windows": ", ".join(filter(None, (product, f"computer {machine.computer}" if machine.computer else ""))),
        "Found": tally(view.report),
        "Written": written,
    }
    return element(
        "dl",
        (element("div", element("dt", name), element("dd", value)) for name, value in rows.items() if value),
        class_="facts",
    )


def _articles(view: View) -> list[Filled]:
    """The articles of what was found; where nothing was, the one that the screen speaks for most."""
    rules = list(dict.fromkeys(one.rule for one in view.report.problems))
    if not rules and view.report.screen is not None:
        rules = list(view.report.screen.reading.candidates[:1])
    return [_article(view, rule) for rule in rules[:MOST_ARTICLES]]


def _article(view: View, rule: str) -> Filled:
    explained = explain_report(view.report, find_rule(rule))
    if view.outcome is not None:
        after = replace(view.report, path=view.outcome.target, findings=view.outcome.left)
        values = {**explained.values, "disk": view.outcome.target, "run": view.outcome.run_id}
        explained = explained._replace(deeds=deeds_of(after, rule), values=values)
    return filled(explained)


@dataclass(frozen=True, slots=True)
class _Lowered:
    """An article within a page that has a heading of its own: every heading is one level lower."""

    title: str
    below: tuple[Block, ...]

    def blocks(self) -> tuple[Block, ...]:
        """Its blocks."""
        return self.below


def _lowered(article: Filled) -> _Lowered:
    from bootmend.article.nodes import Heading

    blocks = tuple(replace(one, level=min(6, one.level + 1)) if isinstance(one, Heading) else one for one in article.blocks())
    return _Lowered(article.title, blocks)


def _article_html(article: Filled) -> Markup:
    """An article as it stands within the page; what came into its commands from a disk's name is made printable."""
    return Markup(plain(to_html(_lowered(article))))


def _aside(articles: list[Filled]) -> Markup:
    first, *others = articles
    shown = [element("div", _article_html(first), class_="article")]
    for other in others:
        body = element("div", _article_html(other), class_="article")
        shown.append(element("details", element("summary", other.title), body))
    return element(
        "aside", element("p", "What it is, and what to do", class_="kicker"), shown, id="article", aria_label="Article"
    )


def _foot(view: View) -> Markup:
    report = view.report
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    cost = f"{size_text(report.bytes_read)} of the disk read in {report.seconds:.2f} s"
    known = (
        f"{len(report.rules)} boot failures (bootmend catalog list)"
        if len(report.rules) > MOST_RULES
        else ", ".join(report.rules)
    )
    lines = (f"bootmend {__version__} · {made} · {cost}", f"Looked for: {known}")
    return element("footer", element("div", joined(element("p", line) for line in lines), class_="wrap"))
