"""The boot menu must not wait for a key that nobody presses.

With ``displaybootmenu`` on, the boot manager shows its menu even for a single entry.  A ``timeout`` that is huge or not
there then holds the machine at the menu: nobody can press a key on a virtual machine without a console.  A menu with
a short time is not a fault: it belongs to the serial console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import element_text, own_stores, store_details
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="boot-menu-wait",
    title="The boot menu waits for a key",
    severity=Severity.WARNING,
    applicability=Applicability.SAFE,
    screen_texts=(
        "Choose an operating system to start, or press TAB to select a tool:",
        "Use the arrow keys to highlight your choice, then press ENTER.",
        "Seconds until the highlighted choice will be started automatically:",
    ),
    references=("BCDEdit /timeout and /set displaybootmenu (Windows driver documentation)",),
)
LONGEST = 120
"""seconds; nobody waits longer for a menu on purpose, and the default is 30"""
FOR_EVER = 999
"""the most that ``bcdedit /timeout`` takes; what is above it never ends"""
NEW_TIMEOUT = 5
BOOTMGR = "{bootmgr}"


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the menu of every store that starts Windows."""
    for store in own_stores(machine):
        if _waits(store):
            yield _finding(machine, store)


def _waits(store: BootStore) -> bool:
    forced = _value(store, "displaybootmenu") is True
    timeout = _value(store, "timeout")
    if timeout is None:
        return forced
    shown = forced or len(store.store.display_order) > 1
    return isinstance(timeout, int) and shown and timeout > (LONGEST if forced else FOR_EVER)


def _value(store: BootStore, name: str) -> object:
    manager = store.store.boot_manager
    element = manager.element(name) if manager else None
    return None if element is None else element.value


def _finding(machine: Machine, store: BootStore) -> Finding:
    manager = store.store.boot_manager
    assert manager is not None
    timeout = _value(store, "timeout")
    time = "no time is set" if timeout is None else f"the time is {timeout} seconds"
    shown = {name: element_text(machine, store.store, manager, name) for name in ("displaybootmenu", "timeout")}
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING,
        applicability=Applicability.SAFE,
        subject=f"{store.where} {manager.id}",
        sentence=f"The boot manager shows its menu at every start and waits there: {time}.",
        evidence=(
            Evidence("store", store.where, "the boot manager's store"),
            Evidence("element", "displaybootmenu", shown["displaybootmenu"] or "not there", "No, or a short timeout"),
            Evidence("element", "timeout", shown["timeout"] or "not there", f"{NEW_TIMEOUT} to {LONGEST}"),
        ),
        fix=f"sets the menu's time to {NEW_TIMEOUT} seconds",
        details=store_details(store) | {"loader": manager.id, "loadername": "Windows Boot Manager"},
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Let the menu go on by itself after five seconds: it can still be reached."""
    yield SetElement(int(finding.details["volume"]), finding.details["path"], BOOTMGR, "timeout", NEW_TIMEOUT)


def break_(workspace: Workspace) -> None:
    """Show the menu always, and let it wait for ever."""
    for store in own_stores(workspace.machine):
        where = store.volume.number, store.path, BOOTMGR
        SetElement(*where, "displaybootmenu", value=True).do(workspace)
        SetElement(*where, "timeout", 0xFFFFFFFF).do(workspace)
