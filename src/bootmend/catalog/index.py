"""Finding the rules: every module in the folders of the catalogue that holds a ``RULE``."""

from __future__ import annotations

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
def rule_modules() -> tuple[RuleModule, ...]:
    """All rules, sorted by id."""
    import bootmend.catalog as catalog

    modules: list[RuleModule] = []
    for folder in pkgutil.iter_modules(catalog.__path__):
        if not folder.ispkg:
            continue
        package = import_module(f"bootmend.catalog.{folder.name}")
        for info in pkgutil.iter_modules(package.__path__):
            module = import_module(f"{package.__name__}.{info.name}")
            if hasattr(module, "RULE"):
                modules.append(cast("RuleModule", module))
    return tuple(sorted(modules, key=lambda module: module.RULE.id))


def find_rule(rule_id: str) -> RuleModule:
    """The rule of that id.

    Raises:
        MissingError: there is no such rule.
    """
    for module in rule_modules():
        if module.RULE.id == rule_id:
            return module
    known = ", ".join(module.RULE.id for module in rule_modules())
    raise MissingError(f"there is no rule {rule_id!r}; the rules are {known}")


def article_text(module: RuleModule) -> str:
    """The article that lies beside a rule's file."""
    package, _, name = module.__name__.rpartition(".")
    data = pkgutil.get_data(package, f"{name}.md")
    assert data is not None
    return data.decode("utf-8")
