"""A boot loader must not wait for a debugger, nor hide the machine's memory from Windows.

With ``debug`` or ``bootdebug`` on, Windows looks for a debugger on the port that is set, and may wait for it with nothing
but the logo on the screen.  ``truncatememory`` and ``removememory`` take memory away; below what Windows needs it
does not start.  These are settings for people who develop drivers; what merely allows unsigned drivers
(``testsigning``, ``nointegritychecks``) is left alone, for a machine may need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import element_text, is_default, own_stores, store_details
from bootmend.model import Applicability, Evidence, Finding, Phase, Rule, Severity
from bootmend.operations import DeleteElement, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject, Element
    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="bcd-debug-flags",
    title="The boot configuration has settings for debugging left on",
    severity=Severity.WARNING,
    applicability=Applicability.SAFE,
    references=("BCDEdit /debug, /bootdebug and /set (Windows driver documentation)",),
    phase=Phase.WINLOAD,
)
SWITCHES = ("debug", "bootdebug")
#: the elements that take memory away, and how many bytes one unit of them is
LIMITS = {"truncatememory": 1, "removememory": 1 << 20}
LEAST_MEMORY = 1 << 30
"""Windows 10 and Server 2016 and later need 1 GiB on x64 at the very least (published system requirements)"""


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the boot manager, every loader and the settings that they inherit."""
    for store in own_stores(machine):
        for obj in store.store.objects():
            flags = [name for name in (*SWITCHES, *LIMITS) if _is_set(obj.element(name))]
            if flags:
                yield _finding(machine, store, obj, flags)


def _is_set(element: Element | None) -> bool:
    if element is None:
        return False
    return element.value is True or (isinstance(element.value, int) and element.name in LIMITS)


def _finding(machine: Machine, store: BootStore, obj: BcdObject, flags: list[str]) -> Finding:
    name = f"{obj.title} {obj.alias + ' ' if obj.alias else ''}{obj.id}"
    starved = [flag for flag in flags if _starves(obj, flag)]
    what = "leaves Windows too little memory to start" if starved else _effect(flags)
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.ERROR if starved and is_default(store, obj) else Severity.WARNING,
        applicability=Applicability.SAFE,
        subject=f"{store.where} {obj.id}",
        sentence=f"{name} has {' and '.join(flags)} set: it {what}.",
        evidence=(
            Evidence("store", store.where, "the object's store"),
            *(Evidence("element", flag, element_text(machine, store.store, obj, flag) or "", "not there") for flag in flags),
        ),
        fix=f"deletes {' and '.join(flags)}",
        details=store_details(store) | {"loader": obj.id, "loadername": obj.text("description") or "", "flags": " ".join(flags)},
    )


def _starves(obj: BcdObject, flag: str) -> bool:
    """Whether a limit surely leaves less than Windows needs; ``removememory`` depends on how much there is."""
    element = obj.element(flag)
    return flag == "truncatememory" and element is not None and isinstance(element.value, int) and element.value < LEAST_MEMORY


def _effect(flags: list[str]) -> str:
    if any(flag in SWITCHES for flag in flags):
        return "looks for a debugger at every start, and may wait for it"
    return "takes memory away from Windows"


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Delete the settings that were found, and no others."""
    details = finding.details
    for flag in details["flags"].split():
        yield DeleteElement(int(details["volume"]), details["path"], details["loader"], flag)


def break_(workspace: Workspace) -> None:
    """Switch the kernel's and the loader's debugger on, and cut the memory to 256 MiB, for the default loader."""
    for store in own_stores(workspace.machine):
        default = store.store.default_id
        if default is not None:
            where = store.volume.number, store.path, default
            SetElement(*where, "debug", value=True).do(workspace)
            SetElement(*where, "bootdebug", value=True).do(workspace)
            SetElement(*where, "truncatememory", 256 << 20).do(workspace)
