"""Plans: a repair made and proven on an overlay, as a diff that can be read, kept and applied."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from bootmend.catalog import find_rule
from bootmend.engine.children import children_of, tracking_notes
from bootmend.engine.diagnose import Inconclusive, Report, diagnose, examine
from bootmend.engine.journal import PatchSet, SourceRef, Witness
from bootmend.engine.runs import unfinished_runs
from bootmend.engine.serial_console import serial_console_operations
from bootmend.errors import RefusedError
from bootmend.image import Image
from bootmend.machine import Workspace, listed
from bootmend.model import Applicability, Change, Finding, Severity
from bootmend.operations import DiscardHibernation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.engine.target import Overlays, Target
    from bootmend.machine import Machine
    from bootmend.operations import Operation
    from bootmend.source import Source

MOST_ROUNDS = 6
"""a boot sector, a partition table, a store: no disk hides more layers than that"""
SAC_NOTES = (
    "the boot menu delays each start by 5 seconds",
    "the serial console (SAC) still asks for a user and a password before it gives a prompt",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: together with the disk and the time it determines a plan completely.

    ``made_at`` is the FILETIME that edited registry keys are stamped with.
    """

    made_at: int
    rules: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    offer: str = ""
    unsafe: bool = False
    serial_console: bool = False
    discard_hibernation: bool = False

    def without_extras(self) -> Request:
        """The repairs alone, without what is asked for besides."""
        return replace(self, serial_console=False, discard_hibernation=False)

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "made_at": self.made_at,
            "rules": list(self.rules),
            "codes": list(self.codes),
            "offer": self.offer,
            "unsafe": self.unsafe,
            "serial_console": self.serial_console,
            "discard_hibernation": self.discard_hibernation,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """An operation that was done, with what it changed."""

    kind: str
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"kind": self.kind, "changes": [change.to_json() for change in self.changes]}


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be written, why, and what it was proven to do.

    ``report`` is the look at the disk as it is, ``chosen`` the findings that the plan cures and
    ``left`` those that it does not; ``doubts`` are what cannot be judged even after it.
    """

    request: Request
    report: Report
    chosen: tuple[Finding, ...]
    left: tuple[Finding, ...]
    steps: tuple[Step, ...]
    patchset: PatchSet
    witnesses: tuple[Witness, ...]
    identity: str
    notes: tuple[str, ...]
    doubts: tuple[Inconclusive, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, as a person reads them."""
        return tuple(change for step in self.steps for change in step.changes)

    @property
    def bytes_changed(self) -> int:
        """How many distinct bytes of the target are touched, in 512-byte sectors."""
        sectors = {
            (patch.source, sector)
            for patch in self.patchset.patches
            for sector in range(patch.offset // 512, (patch.offset + len(patch.after) - 1) // 512 + 1)
        }
        return 512 * len(sectors)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.patchset.patches

    @property
    def id(self) -> str:
        """Four hex digits that name the plan, from what it writes."""
        patches = [patch._replace(source="") for patch in self.patchset.patches]
        digest = hashlib.sha256(repr((self.identity, patches)).encode())
        return digest.hexdigest()[:4]


def make_plan(target: Target, request: Request) -> Plan:
    """Make the repairs on an overlay, prove them there, and return the diff.

    Raises:
        RefusedError: it would not be safe to write, or the repair does not cure what it should.
        ReadError: the target cannot be read.
    """
    _refuse_interrupted(target)
    report = diagnose(target, rules=request.rules, codes=request.codes)
    overlays = target.overlays(_seed(target, request))
    workspace = Workspace(overlays.machine, request.made_at)
    repaired = _repair(workspace, report, request)
    if repaired.changed:
        refuse_obstacles(workspace, target)
        refuse_bitlocker(workspace.machine, unsafe=request.unsafe)
    return Plan(
        request=request,
        report=report,
        chosen=repaired.chosen,
        left=repaired.left,
        steps=tuple(step for step in repaired.steps if step.changes),
        patchset=patchset_of(target, overlays),
        witnesses=tuple(witnesses_of(workspace)) if repaired.changed else (),
        identity=identity(target),
        notes=(*(SAC_NOTES if request.serial_console else ()), *tracking_notes(target.path)) if repaired.changed else (),
        doubts=repaired.doubts,
    )


class _Look(NamedTuple):
    """What the rules say of the machine as it is on the overlay at one moment."""

    findings: tuple[Finding, ...]
    inconclusive: tuple[Inconclusive, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is not Severity.NOTE)


class _Repaired(NamedTuple):
    """What all rounds did: the findings that are cured, those that are left, the steps; and what cannot be judged after them."""

    chosen: tuple[Finding, ...]
    left: tuple[Finding, ...]
    steps: tuple[Step, ...]
    doubts: tuple[Inconclusive, ...]

    @property
    def changed(self) -> bool:
        return any(step.changes for step in self.steps)


def _repair(workspace: Workspace, report: Report, request: Request) -> _Repaired:
    """Repair round by round on the overlay, each round proven before the next.

    A fault that hides others (a boot sector, a store that cannot be read) is mended in a round of its own; what
    comes to light is the next round's.  Everything else is one round.
    """
    look = _Look(report.findings, report.inconclusive)
    chosen: list[Finding] = []
    steps: list[Step] = []
    for _ in range(MOST_ROUNDS):
        tried = {finding.key for finding in chosen}
        wanted = _choose(report, request) if request.offer else _allowed(look.problems, request)
        hiding = [finding for finding in wanted if finding.hides and finding.key not in tried]
        round_ = hiding or [finding for finding in wanted if finding.key not in tried]
        done = _do(workspace, round_, request.without_extras() if hiding else request)
        chosen, steps = [*chosen, *round_], [*steps, *done]
        if any(step.changes for step in done):
            workspace.reopen()
            look = _proven(workspace, look, round_, report.rules)
        if not hiding:
            break
    keys = {finding.key for finding in chosen}
    left = tuple(finding for finding in look.problems if finding.key not in keys)
    return _Repaired(tuple(chosen), left, tuple(steps), look.inconclusive)


def _seed(target: Target, request: Request) -> bytes:
    """What a plan's identifiers come from: the same request for the same disk makes the same plan."""
    return hashlib.sha256(f"{identity(target)} {request.to_json()}".encode()).digest()


def _refuse_interrupted(target: Target) -> None:
    """What an interrupted run left half-written is no disk to plan on."""
    for run in unfinished_runs(target.path):
        raise RefusedError(
            f"run {run.id} on it was interrupted", at=target.path, hint=f"finish that first:  bootmend undo {run.id}"
        )


def _choose(report: Report, request: Request) -> list[Finding]:
    """The findings to cure: those that are safe, the unsafe ones with consent, or the one offer asked for."""
    if request.offer:
        chosen = [offer for offer in report.offers if offer.rule == request.offer]
        if not chosen:
            raise RefusedError(_no_offer(report, request))
        return chosen
    return _allowed(report.problems, request)


def _allowed(problems: Iterable[Finding], request: Request) -> list[Finding]:
    allowed = {Applicability.SAFE, Applicability.UNSAFE} if request.unsafe else {Applicability.SAFE}
    return [finding for finding in problems if finding.applicability in allowed]


def _no_offer(report: Report, request: Request) -> str:
    rule = find_rule(request.offer).RULE
    if any(finding.rule == rule.id for finding in report.problems):
        return f"{rule.id} was found on this disk: repair that first"
    known = (*rule.stop_codes, *rule.status_codes)
    if known and not set(request.codes) & set(known):
        return f"{rule.id} has an offer only where one of its stop codes was seen: add --code {known[0]}"
    return f"{rule.id} has nothing to offer for this disk"


def _do(workspace: Workspace, chosen: Iterable[Finding], request: Request) -> list[Step]:
    return [Step(operation.kind, tuple(operation.do(workspace))) for operation in _operations(workspace, chosen, request)]


def _operations(workspace: Workspace, chosen: Iterable[Finding], request: Request) -> Iterator[Operation]:
    stores: list[tuple[int, str, str]] = []
    for finding in chosen:
        yield from find_rule(finding.rule).repair(finding, workspace)
        workspace.settle()
        if "loader" in finding.details:
            stores.append((int(finding.details["volume"]), finding.details["path"], finding.details["loader"]))
    if request.serial_console:
        yield from serial_console_operations(workspace, stores)
    if request.discard_hibernation:
        yield from (DiscardHibernation(volume.number) for volume in workspace.machine.hibernated)


def refuse_obstacles(workspace: Workspace, target: Target) -> None:
    """Raise :class:`RefusedError` where a child image, a saved session or a file system speaks against the change."""
    _refuse_children(target)
    for volume in workspace.reopened().hibernated:
        raise RefusedError(
            f"Windows saved a session on {volume.name} (hiberfil.sys) and would resume it, overwriting whatever we change",
            at=target.name,
            hint="discarding the session loses unsaved work in it; to do that:  bootmend repair DISK --discard-hibernation",
        )
    machine = target.machine
    for volume in workspace.volumes_before(machine):
        for obstacle in volume.tree.obstacles():
            if obstacle.kind != "hibernated":
                raise RefusedError(obstacle.sentence, at=volume.name)
    for where, obstacle in workspace.obstacles(machine):
        raise RefusedError(obstacle.sentence, at=where)


def _refuse_children(target: Target) -> None:
    child = next(children_of(target.path), None) if os.path.isfile(target.path) else None
    if child is not None:
        raise RefusedError(
            f"{os.path.basename(child)} builds on it (a checkpoint or a linked clone), and a change below would break that",
            at=target.name,
            hint="merge or delete the checkpoint first, or repair a copy:  --output NEW",
        )


def refuse_bitlocker(machine: Machine, *, unsafe: bool) -> None:
    """Measured boot may ask for the recovery key after any change to boot files: that needs consent."""
    if machine.bitlocker and not unsafe:
        raise RefusedError(
            f"{listed(volume.name for volume in machine.bitlocker)} is encrypted with BitLocker: "
            "after a change to boot files Windows may ask for the recovery key",
            hint="have the recovery key at hand, then repeat with --unsafe",
        )


def _proven(workspace: Workspace, before: _Look, chosen: list[Finding], rules: Iterable[str]) -> _Look:
    """Look at the changed machine with fresh eyes: the findings are gone, and nothing new is there.

    Where a fault was mended that hides others, what is new was there before and could not be seen.

    Raises:
        RefusedError: the round does not cure what it should, or does harm.
    """
    findings, inconclusive = examine(workspace.reopened(), rules)
    after = {finding.key for finding in findings}
    staying = [finding for finding in chosen if finding.key in after]
    if staying:
        raise RefusedError(f"the repair of {staying[0].rule} was tried on a copy and does not cure it: {staying[0].sentence}")
    if not any(finding.hides for finding in chosen):
        _refuse_harm(before, findings, inconclusive)
    return _Look(tuple(findings), tuple(inconclusive))


def _refuse_harm(before: _Look, findings: list[Finding], inconclusive: list[Inconclusive]) -> None:
    known = {finding.key for finding in before.findings}
    new = [finding for finding in findings if finding.key not in known]
    if new:
        raise RefusedError(f"the repair was tried on a copy and would cause {new[0].rule}: {new[0].sentence}")
    unknown = [one for one in inconclusive if one.rule not in {each.rule for each in before.inconclusive}]
    if unknown:
        one = unknown[0]
        raise RefusedError(f"the repair was tried on a copy, and {one.rule} could not be judged there: {one.reason}")


def patchset_of(target: Target, overlays: Overlays) -> PatchSet:
    """Everything that was written to the overlays, as patches of the target's files."""
    patches = [patch for overlay in overlays.by_path.values() for patch in overlay.patches()]
    patches.sort(key=lambda patch: (patch.step, patch.source, patch.offset))
    names = {patch.source for patch in patches}
    sources = tuple(
        SourceRef(name=path, path=os.path.abspath(path), size_before=file.size, size_after=overlays.by_path[path].size)
        for path, file in target.files.items()
        if path in names
    )
    return PatchSet(sources, tuple(patches))


def witnesses_of(workspace: Workspace) -> Iterator[Witness]:
    """What must be unchanged for an undo to be right: the partition table, and what maps the files to their bytes."""
    machine = workspace.reopened()
    anchors: list[tuple[str, Source, int, int]] = []
    if machine.table is not None and machine.disk is not None:
        disk = machine.disk
        anchors += [(what, disk, offset, length) for what, offset, length in machine.table.anchors()]
    for volume, path in (*workspace.touched, *workspace.created):
        file = machine.volume(volume.number).tree.open(path)
        where = volume.where(path)
        anchors += [(f"{where}: {anchor.what}", anchor.source, anchor.offset, anchor.length) for anchor in file.anchors()]
        anchors.append((f"{where}: first sector", file, 0, min(512, file.size)))
        file.locate(0, file.size)  # the image notes which of its blocks hold the file, for its own anchors
    if isinstance(machine.disk, Image):
        anchors += machine.disk.anchors()
    for what, source, offset, length in anchors:
        yield from _witness(what, source, offset, length)


def _witness(what: str, source: Source, offset: int, length: int) -> Iterator[Witness]:
    from bootmend.source import Overlay

    for extent in source.locate(offset, length):
        if isinstance(extent.source, Overlay):
            data = extent.source.read_at(extent.offset, extent.length)
            yield Witness(extent.source.name, what, extent.offset, extent.length, hashlib.sha256(data).hexdigest())


def identity(target: Target) -> str:
    """What tells this disk from others: its size, its id and its partitions."""
    machine = target.machine
    parts: list[object] = [target.size]
    if machine.layout_failure is not None:
        parts.append("no layout")
    elif machine.table is not None:
        parts.append(machine.table.scheme)
        parts += [(part.offset, part.size, part.guid or "") for part in machine.table.partitions]
    else:
        parts.append(os.path.realpath(target.path))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
