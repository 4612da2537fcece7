"""The catalogue as pages of the documentation: one for each rule, made of the rule's own file and article.

Run by ``docs/conf.py`` at each build.  What ``check`` and ``plan`` show is not written by hand: a sample disk is
broken in the way of the rule, and they are run.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bootmend.article import fill, parse, to_markdown
from bootmend.catalog import article_text, rule_modules
from bootmend.cli.main import run
from bootmend.model import Applicability, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.catalog import RuleModule

SEVERITIES = {
    Severity.ERROR: "error: Windows does not start",
    Severity.WARNING: "warning: Windows may not start, or not as it should",
    Severity.NOTE: "note: Windows starts all the same",
}
APPLICABILITIES = {
    Applicability.SAFE: "safe: loses nothing. `bootmend repair` does it after you said yes",
    Applicability.UNSAFE: "discards something of somebody's: only with `--unsafe`",
    Applicability.MANUAL: "by hand: the article below says how",
}
DISK = "disk.vhd"


def write_rule_pages(folder: Path) -> list[str]:
    """Write a page for each rule and their index; return the rules' ids."""
    folder.mkdir(exist_ok=True)
    modules = rule_modules()
    for old in folder.glob("*.md"):
        old.unlink()
    for module in modules:
        (folder / f"{module.RULE.id}.md").write_text(rule_page(module), encoding="utf-8")
    (folder / "index.md").write_text(index_page(modules), encoding="utf-8")
    return [module.RULE.id for module in modules]


def index_page(modules: tuple[RuleModule, ...]) -> str:
    """The list of all rules."""
    rows = [
        f"| [`{module.RULE.id}`]({module.RULE.id}.md) | {module.RULE.title} | {module.RULE.severity} | "
        f"{module.RULE.applicability} | {_codes(module)} |"
        for module in modules
    ]
    lines = [
        "# The boot failures that bootmend knows",
        "",
        "Each is one *rule*: one file that says how the failure is told from a disk, how it is repaired, and how a",
        "healthy disk is made ill in this way, for samples and tests. `bootmend catalog list` prints this table,",
        "and `bootmend explain RULE` the article of a rule.",
        "",
        "| rule | what is wrong | severity | repair | codes on the screen |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "The repair column shows the usual case; a finding on a real disk may be stricter. A code on the screen alone never",
        "names the cause: the disk does.",
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *(module.RULE.id for module in modules),
        "```",
    ]
    return "\n".join(lines) + "\n"


def rule_page(module: RuleModule) -> str:
    """The page of one rule."""
    rule = module.RULE
    return "\n".join(
        [
            f"# {rule.id}",
            "",
            f"**{rule.title}**",
            "",
            *_facts(module),
            "",
            "## What is looked for, and why",
            "",
            _prose(module.__doc__),
            "",
            *_functions(module),
            "",
            "## What it looks like",
            "",
            "On a sample disk (`bootmend sample`) that is broken in this way:",
            "",
            *_transcript(rule.id, rule.firmware),
            "",
            "## The article",
            "",
            f"What `bootmend explain {rule.id}` prints; with `--disk` and `--vm` it is filled in with the values of a machine.",
            "",
            article(module),
        ]
    )


def _facts(module: RuleModule) -> Iterator[str]:
    rule = module.RULE
    yield "| | |"
    yield "|---|---|"
    yield f"| severity | {SEVERITIES[rule.severity]} |"
    yield f"| repair | {APPLICABILITIES[rule.applicability]}; a finding may be stricter |"
    yield f"| codes on the screen | {_codes(module) or 'none'} |"
    if rule.screen_texts:
        yield f"| texts on the screen | {'; '.join(f'“{text}”' for text in rule.screen_texts)} |"
    yield f"| sources | {'; '.join(rule.references)} |"


def _codes(module: RuleModule) -> str:
    rule = module.RULE
    codes = [f"`{code}`" for code in (*rule.stop_codes, *rule.status_codes)]
    return ", ".join([*codes, *rule.names])


def _functions(module: RuleModule) -> Iterator[str]:
    yield f"- **How it is told**: {_line(module.detect.__doc__)}"
    yield f"- **How it is repaired**: {_line(module.repair.__doc__)}"
    offer = getattr(module, "offer", None)
    if offer is not None:
        yield f"- **What is offered when the code was seen and the disk shows no fault**: {_line(offer.__doc__)}"
    yield f"- **How a sample is broken**: {_line(module.break_.__doc__)}"


def _prose(text: str | None) -> str:
    """A docstring as Markdown."""
    return inspect.cleandoc(text or "").replace("``", "`")


def _line(text: str | None) -> str:
    return " ".join(_prose(text).split())


def _transcript(rule: str, firmware: str) -> Iterator[str]:
    """What ``check`` and ``plan`` print of a sample."""
    with tempfile.TemporaryDirectory(prefix="bootmend-rule-") as folder, _inside(Path(folder)):
        _printed("sample", rule, "-o", DISK, "--size", "4G", "--gen", "2" if firmware == "UEFI" else "1")
        for command in ("check", "plan"):
            yield "```text"
            yield f"$ bootmend {command} {DISK}"
            yield _printed(command, DISK, "--color", "never").rstrip("\n")
            yield "```"
            yield ""


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In that folder, and with the state of no other run."""
    before, state = Path.cwd(), os.environ.get("BOOTMEND_STATE_DIR")
    os.chdir(folder)
    os.environ["BOOTMEND_STATE_DIR"] = str(folder / "state")
    try:
        yield
    finally:
        os.chdir(before)
        del os.environ["BOOTMEND_STATE_DIR"]
        if state is not None:
            os.environ["BOOTMEND_STATE_DIR"] = state


def _printed(*arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        run(list(arguments))
    return out.getvalue()


def article(module: RuleModule) -> str:
    """The rule's article, its headings below those of the page."""
    text = to_markdown(fill(parse(article_text(module), module.RULE.id), {}))
    return _demoted(text)


def _demoted(text: str) -> str:
    """Headings two levels down and without their emphasis; the first names the article and none skips a level."""
    lines, fenced, level = [], False, 2
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = re.match(r"(#+) (?:\*\*)?(.*?)(?:\*\*)?$", line) if not fenced else None
        if heading is None:
            lines.append(line)
            continue
        level = min(len(heading[1]) + 2, level + 1)
        lines.append(f"{'#' * level} {heading[2]}")
    return "\n".join(lines) + "\n"
