"""``bootmend article``: choose, lint, fill in and begin self-help articles."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from bootmend.cli.explain import text_width
from bootmend.cli.options import colour_option, vm_option
from bootmend.cli.output import about, data_style, say, show_data
from bootmend.cli.settings import Group
from bootmend.errors import BootmendError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.article import Article, Remark
    from bootmend.article.steps import Deed
    from bootmend.engine.articles import Unreadable
    from bootmend.model import Rule

FOUND_NOTHING = 1
FINDINGS = 1
UNREADABLE = 3

list_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(("human", "json", "jsonl")),
    default="human",
    show_default=True,
    help="How to show it.",
)


@click.group("article", cls=Group)
def command() -> None:
    """Choose, lint, fill in and begin self-help articles."""


@command.command("find")
@click.argument("folders", nargs=-1, metavar="[DIR...]")
@click.option(
    "--label", "--article-id", "label", default="", metavar="LABEL", help="A diagnosis label: an articleId, or its code."
)
@click.option("--service", default="", metavar="NAME", help="Such as microsoft.compute.")
@click.option("--resource", default="", metavar="NAME", help="Such as virtualmachines.")
@click.option("--resource-tag", default="", metavar="TAG", help="Such as windows.")
@click.option("--product", default="", metavar="ID", help="A product id, such as 14749.")
@click.option("--topic", default="", metavar="ID", help="A support topic id, such as 32411835.")
@click.option("--cloud", default="", metavar="NAME", help="Such as public or Fairfax.")
@click.option("--scenario", default="", metavar="NAME", help="A diagnostic scenario, such as booterror.")
@list_format
@colour_option
def find(*, folders: tuple[str, ...], output_format: str, colour: str, **wanted: str) -> int:
    """Find the articles that fit, the best first, in the catalogue or in folders of articles.

    Exit code 0: some fit; 1: none does; 3: a file could not be read.
    """
    from bootmend.article.choosing import Wanted, choose
    from bootmend.engine.articles import catalogue_articles
    from bootmend.views import article_lists

    articles, unreadable = _read(folders) if folders else (catalogue_articles(), [])
    found = choose(articles, Wanted(**wanted))
    show_data(article_lists.matches(found, unreadable, output_format, data_style(colour)))
    if not found:
        say(f"none of {len(articles)} articles fits")
    return UNREADABLE if unreadable else 0 if found else FOUND_NOTHING


@command.command("lint")
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR...")
@click.option("--only", multiple=True, metavar="RULE", help="Look only for this; may be repeated.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Pass this over; may be repeated.")
@list_format
@colour_option
def lint(*, paths: tuple[str, ...], only: tuple[str, ...], ignore: tuple[str, ...], output_format: str, colour: str) -> int:
    """Say what is wrong with articles: file:line: rule: sentence.

    Exit code 0: nothing; 1: something is; 3: a file could not be read.
    """
    from bootmend.article.linting import lint_all
    from bootmend.engine.articles import knowledge
    from bootmend.views import article_lists

    articles, unreadable = _read(paths)
    remarks = lint_all(articles, knowledge())
    found = [(article, remark) for article, remark in remarks if (not only or remark.code in only) and remark.code not in ignore]
    show_data(article_lists.remarks(found, unreadable, output_format, data_style(colour), articles=len(articles)))
    if output_format == "human":
        _sum_up(articles, found)
    return UNREADABLE if unreadable else FINDINGS if found else 0


def _sum_up(articles: Sequence[Article], found: Sequence[tuple[Article, Remark]]) -> None:
    bad = len({article.name for article, _ in found})
    say(f"{len(articles)} article{'s' * (len(articles) != 1)}, {len(found)} remark{'s' * (len(found) != 1)} on {bad} of them")


def _read(paths: tuple[str, ...]) -> tuple[list[Article], list[Unreadable]]:
    """Articles, and what could not be read, which is told at once.

    Raises:
        UsageError: a path is not there, or a folder has no article.
    """
    from bootmend.engine.articles import Unreadable, files_of, read_articles

    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"there is no {path}", hint="name an article, or a folder of articles")
        if next(files_of(path), None) is None:
            raise UsageError(f"{path} has no article: no file ends with .md")
    read = list(read_articles(paths))
    unreadable = [one for one in read if isinstance(one, Unreadable)]
    for one in unreadable:
        say(f"{one.path}: {one.reason}")
    return [one for one in read if not isinstance(one, Unreadable)], unreadable


@command.command("render")
@click.argument("file", metavar="FILE")
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="A value to put in, such as vmname=web01; may be repeated."
)
@click.option("--machine", default="", metavar="DISK", help="Put this disk's values in, and tick what was done on it.")
@vm_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "md", "html")),
    default="text",
    show_default=True,
    help="How to show it.",
)
@colour_option
def render(*, file: str, values: tuple[str, ...], machine: str, vm: str, output_format: str, colour: str) -> int:
    """Fill an article in and show it."""
    from bootmend.engine.articles import machine_article, read_article
    from bootmend.views.articles import filled_article, shown

    given = dict(_value(text) for text in values)
    article = read_article(file)
    known: dict[str, str] = {"vmname": vm} if vm else {}
    deeds: tuple[Deed, ...] = ()
    if machine:
        with about(machine):
            of_disk, deeds = machine_article(article, machine, vm)
        known |= of_disk
    page = filled_article(article, known | given, deeds)
    show_data(shown(page, output_format, data_style(colour), width=text_width()))
    return 0


def _value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{text!r} is no value", hint="write it like  --set vmname=web01")
    return name.strip().lower(), value


@command.command("new")
@click.argument("rule", metavar="RULE_ID")
@click.option("--output", "-o", default="", metavar="FILE", help="Write it to this file, which must not be there.")
def new(*, rule: str, output: str) -> int:
    """Begin the article of a rule, also of one that is still to be written: all parts, and it passes lint."""
    from bootmend.article.skeleton import skeleton

    text = skeleton(rule, _known(rule))
    if not output:
        show_data(text)
        return 0
    try:
        with open(output, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} exists", hint="choose another name") from None
    except OSError as error:
        raise BootmendError(f"{output} cannot be written: {error.strerror}") from error
    show_data(f"{output}\n")
    return 0


def _known(rule_id: str) -> Rule | None:
    """The rule of that id, if there is one.

    Raises:
        UsageError: it is no id.
    """
    import re

    from bootmend.catalog import rule_modules

    if not re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+){1,12}", rule_id):
        raise UsageError(f"{rule_id!r} is no rule's id", hint="write it like  boot-debug-set")
    return next((module.RULE for module in rule_modules() if module.RULE.id == rule_id), None)
