"""A boot loader must not be left in safe mode.

Safe mode that was set with msconfig or bcdedit stays on at every start; a server in safe mode
answers no remote desktop and starts few services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import element_text, is_default, loader_text
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import DeleteElement, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import BcdObject
    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="safeboot-set",
    title="The boot loader always starts Windows in safe mode",
    severity=Severity.WARNING,
    applicability=Applicability.SAFE,
    screen_texts=("Safe Mode",),
    references=("BCDEdit /set safeboot (Windows driver documentation)",),
)
ELEMENTS = ("safeboot", "safebootalternateshell")
DIRECTORY_RESTORE = 2


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at every loader of every store."""
    for store in machine.sound_stores:
        for loader in store.store.loaders():
            if loader.element("safeboot") is not None:
                yield _finding(machine, store, loader)


def _finding(machine: Machine, store: BootStore, loader: BcdObject) -> Finding:
    present = [name for name in ELEMENTS if loader.element(name) is not None]
    mode = element_text(machine, store.store, loader, "safeboot")
    value = loader.element("safeboot")
    restore = value is not None and value.value == DIRECTORY_RESTORE
    why = "; it is set on purpose while a domain controller is restored" if restore else ""
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING,
        applicability=Applicability.UNSAFE if restore else Applicability.SAFE,
        subject=f"{store.where} {loader.id}",
        sentence=f"{loader_text(store.store, loader)} starts in safe mode ({mode}) every time{why}.",
        evidence=(
            Evidence("store", store.where, "the loader's store" + (" and its default" if is_default(store, loader) else "")),
            *(Evidence("element", name, element_text(machine, store.store, loader, name) or "", "not there") for name in present),
        ),
        fix=f"deletes {' and '.join(present)} of 1 loader",
        details={
            "volume": str(store.volume.number),
            "path": store.path,
            "loader": loader.id,
            "loadername": loader.text("description") or "",
        },
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Delete both safe mode elements."""
    details = finding.details
    volume, path = int(details["volume"]), details["path"]
    loader = workspace.store(volume, path).get(details["loader"])
    for element in ELEMENTS:
        if loader is not None and loader.element(element) is not None:
            yield DeleteElement(volume, path, details["loader"], element)


def break_(workspace: Workspace) -> None:
    """Set minimal safe mode on the default loaders, as msconfig does."""
    for store in workspace.machine.stores:
        default = store.store.default_id
        if not store.recovery and default is not None:
            SetElement(store.volume.number, store.path, default, "safeboot", 0).do(workspace)
