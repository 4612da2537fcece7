"""Explaining: which rules know a code or a name, and the values that fill their articles in."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bootmend.article.codes import lookup
from bootmend.catalog import rule_modules
from bootmend.engine.deeds import deeds_of, repaired_details
from bootmend.engine.diagnose import diagnose
from bootmend.engine.runs import undoable_runs
from bootmend.engine.state import may_have_runs
from bootmend.engine.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootmend.article.codes import CodeInfo
    from bootmend.article.steps import Deed
    from bootmend.catalog import RuleModule
    from bootmend.engine.diagnose import Report


def rules_for(what: str) -> tuple[list[RuleModule], list[CodeInfo]]:
    """The rules that a code, its name or a rule id leads to, and what is known of the code itself."""
    modules = rule_modules()
    exact = [module for module in modules if module.RULE.id == what.lower()]
    if exact:
        return exact, []
    codes = list(lookup(what))
    wanted = {code.code for code in codes}
    return [module for module in modules if wanted & {*module.RULE.stop_codes, *module.RULE.status_codes}], codes


class Explained(NamedTuple):
    """A rule, and what is known of one machine: values for the article's gaps, and what has been done there.

    ``concerns``: the fault is on the disk, or a run there was about it.
    """

    rule: RuleModule
    values: Mapping[str, str] = MappingProxyType({})
    deeds: tuple[Deed, ...] = ()
    concerns: bool = False


def explain_on(module: RuleModule, *, vm: str = "", disk: str = "") -> Explained:
    """A rule's article on a machine: with the values of its disk, where one is given, and what was done on that.

    Raises:
        ReadError: the disk cannot be read.
    """
    if not disk:
        return Explained(module, {"vmname": vm} if vm else {})
    with Target(disk) as target:
        return explain_report(diagnose(target, rules=[module.RULE.id], vm=vm), module)


def explain_report(report: Report, module: RuleModule) -> Explained:
    """A rule's article on the machine of a report that looked for the rule."""
    rule = module.RULE.id
    runs = undoable_runs(report.path) if may_have_runs(report.path) else []
    run = {"run": runs[0].id} if runs else {}
    repaired = repaired_details(runs, rule)
    found = any(finding.rule == rule for finding in report.findings)
    values = report_values(report, rule, repaired) | run
    return Explained(module, values, deeds_of(report, rule), concerns=found or bool(repaired))


def report_values(report: Report, rule: str, repaired: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The values for the article of a rule, from a report; ``repaired`` are the details of its fault where a run has cured it."""
    machine = report.machine
    system = next((volume for volume in machine.volumes if "system" in volume.roles), None)
    windows = next((volume for volume in machine.volumes if "windows" in volume.roles), None)
    finding = next((one for one in report.findings if one.rule == rule), None)
    values = {
        "disk": report.path,
        "computer": machine.computer,
        "vmname": report.vm or machine.computer,
        "store": machine.stores[0] if machine.stores else "",
        "storevolume": _volume_of(machine.stores[0]) if len(machine.stores) > 1 else "",
        "systemvolume": f"volume {system.number}" if system else "",
        "windowsvolume": f"volume {windows.number}" if windows else "",
    }
    details = finding.details if finding is not None else repaired
    if details:
        if "path" in details and "volume" in details:
            values["store"] = f"volume {details['volume']} {details['path']}"
            values["storevolume"] = details["volume"] if len(machine.stores) > 1 else ""
        values |= {name: details[name] for name in ("loader", "loadername", "imcpath", "disk_id") if details.get(name)}
    return {name: value for name, value in values.items() if value}


def _volume_of(where: str) -> str:
    """``1`` of ``volume 1 \\Boot\\BCD``."""
    return where.split()[1] if where.startswith("volume ") else ""
