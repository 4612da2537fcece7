"""Looking at a machine in a cloud: its screen, its serial log, and its disk through a grant, without changing anything."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.engine.plan import make_plan
from bootmend.engine.plan_file import patch_json
from bootmend.engine.remote import RemoteTarget
from bootmend.engine.screen_and_disk import shown_by, with_screen
from bootmend.errors import BootmendError
from bootmend.screen import read_screens
from bootmend.source.http import HttpSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.cloud.provider import Disk, Provider, Vm
    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan, Request
    from bootmend.engine.screen_and_disk import Shown
    from bootmend.screen import Reading


class Look(NamedTuple):
    """A disk that was looked at: the plan (its report may say that nothing is wrong), and what it cost to read."""

    plan: Plan
    requests: int
    bytes_read: int

    @property
    def report(self) -> Report:
        """What was found."""
        return self.plan.report


def see(provider: Provider, vm: Vm) -> tuple[Shown | None, tuple[str, ...]]:
    """What the screen and the serial log show together, and sentences about what could not be seen."""
    pictures, logs, remarks = seen_now(provider, vm)
    return (shown_by(pictures, logs) if pictures or logs else None), tuple(remarks)


def seen_now(provider: Provider, vm: Vm) -> tuple[list[Reading], list[Reading], list[str]]:
    """The readings of the screenshot and of the serial log as they are now."""
    if not vm.note("diagnostics"):
        return [], [], ["boot diagnostics are off: what the screen shows is not known"]
    remarks: list[str] = []
    found: dict[str, list[Reading]] = {"screenshot": [], "serial log": []}
    for what, fetch in (("screenshot", provider.screenshot), ("serial log", provider.serial_log)):
        try:
            data = fetch(vm.id)
        except BootmendError as error:
            remarks.append(f"the {what} cannot be had: {error.message}")
            continue
        if data is None or not data.strip(b"\0 \r\n"):
            remarks.append(f"there is no {what} yet")
        else:
            found[what] = read_screens([(f"{vm.name} {what}", data)])
    return found["screenshot"], found["serial log"], remarks


@contextmanager
def opened(provider: Provider, resource: str, name: str) -> Iterator[RemoteTarget]:
    """The disk in a snapshot (or of an unattached disk), by ranges of its bytes; the access is taken back in the end."""
    with provider.open_read(resource) as grant:
        source = HttpSource(grant.url, sleep=time.sleep, renew=lambda: provider.read_grant(resource).url)
        source.path = name  # what reports and plans name it by
        with RemoteTarget(source) as target:
            yield target


def look_at(provider: Provider, resource: str, request: Request, *, vm: Vm, disk: Disk, shown: Shown | None = None) -> Look:
    """Find out what is wrong with a disk, and plan the repair; reads a few hundred KiB.

    Raises:
        RefusedError: a repair would not be safe.
        ReadError: the disk cannot be read.
    """
    codes = tuple(dict.fromkeys((*request.codes, *(shown.codes if shown else ()))))
    with opened(provider, resource, disk_name(vm, disk)) as target:
        plan = make_plan(target, replace(request, codes=codes))
        report = replace(plan.report, vm=vm.name)
        report = report if shown is None else with_screen(report, shown)
        return Look(replace(plan, report=report), target.remote.requests, target.remote.bytes_read)


def disk_name(vm: Vm, disk: Disk) -> str:
    """What reports call the disk."""
    return f"azure:{vm.name}/{disk.name}"


def plan_record(look: Look) -> dict[str, Any]:
    """What goes on record of a plan: enough to tell whether another one is the same, and to speak of it; no bytes of the disk."""
    plan = look.plan
    return {
        "id": plan.id,
        "identity": plan.identity,
        "verdict": plan.report.verdict,
        "exit_code": plan.report.exit_code,
        "empty": plan.is_empty,
        "findings": [finding.to_json() for finding in plan.chosen],
        "left": [finding.to_json() for finding in plan.left],
        "changes": [change.to_json() for change in plan.changes],
        "patches": [patch_of(patch) for patch in plan.patchset.patches],
        "bytes_changed": plan.bytes_changed,
        "codes": list(plan.request.codes),
        "requests": look.requests,
        "bytes_read": look.bytes_read,
    }


def patch_of(patch: Any) -> dict[str, Any]:  # noqa: ANN401 (Patch; the file's name is left out, it is the snapshot's)
    """A patch by its place and its hashes."""
    return {name: value for name, value in patch_json(patch).items() if name != "source"}


def pages_of(plan: Plan, target: RemoteTarget, page: int = 512) -> dict[int, bytes]:
    """The disk's pages that the plan changes, as they will be, by their offsets in the image."""
    pages: dict[int, bytearray] = {}
    for patch in sorted(plan.patchset.patches, key=lambda one: one.step):
        for start in range(patch.offset - patch.offset % page, patch.offset + len(patch.after), page):
            if start not in pages:
                pages[start] = bytearray(target.remote.read_at(start, page))
            first, last = max(start, patch.offset), min(start + page, patch.offset + len(patch.after))
            pages[start][first - start : last - start] = patch.after[first - patch.offset : last - patch.offset]
    return {offset: bytes(data) for offset, data in pages.items()}
