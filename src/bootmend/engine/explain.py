"""Explaining: which rules know a code or a name, and the values that fill their articles in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.article.codes import lookup
from bootmend.catalog import rule_modules
from bootmend.engine.diagnose import diagnose
from bootmend.engine.runs import undoable_runs
from bootmend.engine.target import Target

if TYPE_CHECKING:
    from bootmend.article.codes import CodeInfo
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


def article_values(module: RuleModule, *, vm: str = "", disk: str = "") -> dict[str, str]:
    """The values of a machine that an article can be filled in with: those of its disk, where one is given."""
    values = {"vmname": vm} if vm else {}
    if not disk:
        return values
    with Target(disk) as target:
        report = diagnose(target, rules=[module.RULE.id], vm=vm)
    runs = undoable_runs(disk)
    run = {"run": runs[0].id} if runs else {}
    return values | report_values(report, module.RULE.id) | run


def report_values(report: Report, rule: str) -> dict[str, str]:
    """The values for the article of a rule, from a report."""
    machine = report.machine
    system = next((volume for volume in machine.volumes if "system" in volume.roles), None)
    windows = next((volume for volume in machine.volumes if "windows" in volume.roles), None)
    finding = next((one for one in report.findings if one.rule == rule), None)
    values = {
        "disk": report.path,
        "computer": machine.computer,
        "vmname": report.vm or machine.computer,
        "store": machine.stores[0] if machine.stores else "",
        "systemvolume": f"volume {system.number}" if system else "",
        "windowsvolume": f"volume {windows.number}" if windows else "",
    }
    if finding is not None:
        details = finding.details
        if "path" in details:
            values["store"] = f"volume {details['volume']} {details['path']}"
        values |= {name: details[name] for name in ("loader", "loadername", "imcpath", "disk_id") if details.get(name)}
    return {name: value for name, value in values.items() if value}
