"""Finding the rules: every article in the folders of the catalogue, and the module beside it that holds a ``RULE``."""

from __future__ import annotations

import os
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from bootmend.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import Machine, Workspace
    from bootmend.model import Finding, Rule
    from bootmend.operations import Operation


class RuleModule(Protocol):
    """What a rule's file must hold.

    It may also hold ``offer(machine)``: findings that are made only when a screen or a code names one
    of the rule's stop codes and ``detect`` finds nothing; they are planned only when asked for by name.
    """

    __name__: str
    RULE: Rule

    def detect(self, machine: Machine) -> Iterator[Finding]:
        """Yield what is wrong; nothing on a healthy machine.

        Raises:
            ReadError: it cannot be told; the probe is inconclusive.
        """

    def repair(self, finding: Finding, workspace: Workspace) -> Iterator[Operation]:
        """Yield the operations that cure one finding."""

    def break_(self, workspace: Workspace) -> None:
        """Make a healthy machine ill in this way; for samples and tests."""


@cache
def rule_places() -> dict[str, str]:
    """The rules' ids, sorted, and the module of each: a rule's file lies beside its article, and is called as the rule is.

    Nothing is imported for it.
    """
    import bootmend.catalog as catalog

    places: dict[str, str] = {}
    for root in catalog.__path__:
        for folder in os.scandir(root):
            if folder.is_dir() and not folder.name.startswith("_"):
                for entry in os.scandir(folder.path):
                    name, _, suffix = entry.name.rpartition(".")
                    if suffix == "md":
                        places[name.replace("_", "-")] = f"bootmend.catalog.{folder.name}.{name}"
    return dict(sorted(places.items()))


def rule_modules() -> tuple[RuleModule, ...]:
    """All rules, sorted by id."""
    return tuple(map(_load, rule_places().values()))


def rules_named(*rule_ids: str) -> tuple[RuleModule, ...]:
    """The rules of these ids, sorted; all where none is named.  No other rule is imported.

    Raises:
        MissingError: there is no such rule.
    """
    return tuple(map(find_rule, sorted(rule_ids))) if rule_ids else rule_modules()


@cache
def _load(place: str) -> RuleModule:
    return cast("RuleModule", import_module(place))


def find_rule(rule_id: str) -> RuleModule:
    """The rule of that id.

    Raises:
        MissingError: there is no such rule.
    """
    places = rule_places()
    if rule_id not in places:
        raise MissingError(f"there is no rule {rule_id!r}; the rules are {', '.join(places)}")
    return _load(places[rule_id])


def article_text(module: RuleModule) -> str:
    """The article that lies beside a rule's file."""
    package, _, name = module.__name__.rpartition(".")
    data = pkgutil.get_data(package, f"{name}.md")
    assert data is not None
    return data.decode("utf-8")
