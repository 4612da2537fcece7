"""A list of bad memory must not leave Windows without memory to start.

``{badmemory}`` holds the numbers of pages that Windows must not use.  Windows itself notes a few there when a physical
machine's memory fails; a long list, or one that came over from another machine, can lie across the one stretch
that the boot manager needs for its RAM disk, and it stops with 0xC0000017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.identifiers import BAD_MEMORY
from bootmend.machine import own_stores, store_details
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import CreateObject, DeleteElement, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import BootStore, Machine, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="badmemory-list",
    title="The boot configuration forbids memory that the start needs",
    severity=Severity.WARNING,
    applicability=Applicability.UNSAFE,
    status_codes=("0xC0000017",),
    names=("STATUS_NO_MEMORY",),
    screen_texts=("Status: 0xc0000017", "There is not enough memory available to create a ramdisk device"),
    references=("BCDEdit /deletevalue {badmemory} badmemorylist (Windows troubleshooting documentation)",),
)
ELEMENT = "badmemorylist"
RAM_DEFECTS = 0x20100000
"""the type of ``{badmemory}``: settings that any application may inherit"""
MANY = 64
"""pages; predictive failure analysis retires them one by one, so that a healthy list is short"""
PAGE_KIB = 4


def detect(machine: Machine) -> Iterator[Finding]:
    """Look at the length of the list in every store."""
    for store in own_stores(machine):
        if len(_pages(store)) >= MANY:
            yield _finding(store)


def offer(machine: Machine) -> Iterator[Finding]:
    """Where 0xC0000017 was seen, any list at all may be why: it can be deleted, with consent."""
    for store in own_stores(machine):
        if _pages(store):
            yield _finding(store)._replace(severity=Severity.NOTE)


def _pages(store: BootStore) -> tuple[object, ...]:
    defects = store.store.get(BAD_MEMORY)
    element = defects.element(ELEMENT) if defects else None
    return element.value if element is not None and isinstance(element.value, tuple) else ()


def _finding(store: BootStore) -> Finding:
    count = len(_pages(store))
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING,
        applicability=Applicability.UNSAFE,
        subject=f"{store.where} {BAD_MEMORY}",
        sentence=f"{count} pages of memory ({count * PAGE_KIB} KiB) are marked as bad; on a virtual machine, or where the "
        "memory was changed, the list means nothing and can keep the start from the memory that it needs.",
        evidence=(
            Evidence("store", store.where, "the list's store"),
            Evidence("element", f"{{badmemory}} {ELEMENT}", f"{count} pages", "not there, or a few pages of a physical machine"),
        ),
        fix=f"deletes the list of {count} pages; on a physical machine with bad memory Windows will use those pages again",
        details=store_details(store) | {"loader": BAD_MEMORY, "loadername": "RAM Defects"},
    )


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Delete the list; ``{badmemory}`` itself stays, for others inherit it."""
    yield DeleteElement(int(finding.details["volume"]), finding.details["path"], BAD_MEMORY, ELEMENT)


def break_(workspace: Workspace) -> None:
    """Forbid 256 pages from 16 MiB on."""
    for store in own_stores(workspace.machine):
        where = store.volume.number, store.path, BAD_MEMORY
        CreateObject(*where, RAM_DEFECTS).do(workspace)
        SetElement(*where, ELEMENT, tuple(range(0x1000, 0x1100))).do(workspace)
