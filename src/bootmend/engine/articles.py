"""Articles of the catalogue and of folders, and what is known to judge them by."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.linting import Knowledge
from bootmend.article.parser import LARGEST, parse
from bootmend.catalog import article_text, rule_modules
from bootmend.errors import BootmendError, MissingError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bootmend.article.nodes import Article
    from bootmend.article.steps import Deed
    from bootmend.catalog import RuleModule

ENDING = ".md"
MOST_BYTES = 4 * LARGEST + 1
"""As much of a file as tells that it is too large."""


class Unreadable(NamedTuple):
    """A file that is no article, and why."""

    path: str
    reason: str


def catalogue_articles() -> list[Article]:
    """The articles of all rules; their names are the rules' ids."""
    return [parse(article_text(module), module.RULE.id) for module in rule_modules()]


def rule_of(article: Article) -> RuleModule | None:
    """The rule whose own article has the same id, if there is one."""
    ours = ((module, parse(article_text(module))) for module in rule_modules())
    return next((module for module, own in ours if article.id and own.id.lower() == article.id.lower()), None)


def read_article(path: str) -> Article:
    """Read one file.

    Raises:
        MissingError: it is not there.
        ReadError: it cannot be read, or is no text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES)
    except FileNotFoundError:
        raise MissingError("there is no such file", at=path) from None
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", at=path) from error
    try:
        return parse(data, path)
    except BootmendError as error:
        error.places.insert(0, path)
        raise


def read_articles(paths: Iterable[str]) -> Iterator[Article | Unreadable]:
    """The articles of files and folders, those of a folder by name; what cannot be read is told and passed over."""
    for path in paths:
        for file in files_of(path):
            try:
                yield read_article(file)
            except BootmendError as error:
                yield Unreadable(file, str(error).removeprefix(f"{file}: "))


def files_of(path: str) -> Iterator[str]:
    """The file itself, or the Markdown files in and below a folder, by name; links to folders are not followed."""
    if not os.path.isdir(path):
        yield path
        return
    for folder, names, files in os.walk(path):
        names.sort()
        names[:] = [name for name in names if not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in sorted(files) if name.lower().endswith(ENDING))


def machine_article(article: Article, disk: str, vm: str = "") -> tuple[Mapping[str, str], tuple[Deed, ...]]:
    """The values of a disk's machine for an article, and what was done on that disk: by the rule with the same articleId, if any.

    Raises:
        ReadError: the disk cannot be read.
    """
    from bootmend.engine.deeds import deeds_of
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.explain import explain_report, report_values
    from bootmend.engine.target import Target

    rule = rule_of(article)
    with Target(disk) as target:
        report = diagnose(target, rules=[rule.RULE.id] if rule else (), vm=vm)
    if rule is not None:
        explained = explain_report(report, rule)
        return explained.values, explained.deeds
    return report_values(report, ""), deeds_of(report, "")


def knowledge() -> Knowledge:
    """What lint compares with: our kinds of operation, and the screens that the catalogue and the screen reader know."""
    return Knowledge(frozenset(_kinds()), tuple(_screens()))


def _kinds() -> Iterator[str]:
    import bootmend.operations as operations

    for name in operations.__all__:
        kind = getattr(getattr(operations, name), "_field_defaults", {}).get("kind")
        if isinstance(kind, str):
            yield kind


def _screens() -> Iterator[str]:
    from bootmend.screen import phrases

    for module in rule_modules():
        yield from module.RULE.screen_texts
    for state in phrases.STATES:
        for text in state.phrases:
            yield from (part.lstrip("=~") for part in text.split("&"))
    for sentences in phrases.STATUS_SENTENCES.values():
        yield from sentences
    yield from (*phrases.MODERN_STOP, *phrases.CLASSIC_STOP, *phrases.STOP_SUPPORT, *phrases.BOOT_MANAGER)
    yield from phrases.MODERN_TEXT.split(". ")
