"""Applying plans and taking runs back: under a lock, through the journal, checked from the disk afterwards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bootmend.engine.begin import begin_run
from bootmend.engine.diagnose import examine
from bootmend.engine.lock import lock_sources
from bootmend.engine.plan import make_plan
from bootmend.engine.recovery import recover_run, undo_run
from bootmend.engine.runs import Run, RunState, find_runs_for, list_runs, undoable_runs, unfinished_runs
from bootmend.engine.runs import find_run as find_run_by_id
from bootmend.engine.target import Target
from bootmend.engine.writer import apply_run, commit_run, roll_back
from bootmend.errors import NothingToUndoError, ReadError, RefusedError, VerificationError

if TYPE_CHECKING:
    from bootmend.engine.journal import PatchSet, Witness
    from bootmend.engine.plan import Plan
    from bootmend.model import Change, Finding


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a repair or an undo did."""

    kind: str
    run_id: str
    target: str
    state: str
    bytes_written: int
    changes: tuple[Change, ...] = ()
    cured: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    plan_notes: tuple[str, ...] = ()
    undoes: str = ""
    after_undo: str = ""

    @property
    def exit_code(self) -> int:
        """0 when nothing is left, 1 when findings are left."""
        return 1 if self.left else 0


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run as the history shows it."""

    run_id: str
    kind: str
    when: str
    state: str
    target: str
    summary: str
    undoes: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "id": self.run_id,
            "kind": self.kind,
            "when": self.when,
            "state": self.state,
            "target": self.target,
            "summary": self.summary,
            "undoes": self.undoes,
        }


def apply_plan(plan: Plan, path: str) -> Outcome:
    """Write a plan to the target at ``path``: the disk it was made of, or a copy of that disk.

    Under the lock the plan is derived anew and must come out the same to the byte; after writing, the
    rules look at the disk again.

    Raises:
        RefusedError: the target is in use, or has changed since the plan was made; nothing was written.
        ApplyError: writing failed; every byte is back as it was.
        RollbackError: writing failed, and so did the way back.
        VerificationError: what was written does not cure on the disk what it cured on the copy; every byte is back.
    """
    with Target(path) as target, lock_sources(_paths(target, plan)):
        fresh = make_plan(target, plan.request)
        _refuse_stale(plan, fresh, path)
        run = begin_run(fresh.patchset, fresh.witnesses, _info(fresh), target=path, run_id=fresh.id)
        apply_run(run)
        try:
            _verify(fresh, path)
        except BaseException:
            roll_back(run)
            raise
        commit_run(run)
    return Outcome(
        kind="repair",
        run_id=run.id,
        target=path,
        state=str(run.state),
        bytes_written=fresh.bytes_changed,
        changes=fresh.changes,
        cured=() if fresh.request.offer else fresh.chosen,
        left=fresh.left,
        notes=run.notes,
        plan_notes=fresh.notes,
    )


def write_patches(patchset: PatchSet, witnesses: tuple[Witness, ...], info: dict[str, Any], path: str) -> str:
    """Write patches through the journal, under a lock that the caller holds; returns the run's id."""
    run = begin_run(patchset, witnesses, info, target=path)
    apply_run(run)
    commit_run(run)
    return run.id


def _paths(target: Target, plan: Plan) -> list[str]:
    """The files that the plan writes to, on the disk it is applied to."""
    if target.is_directory:
        return [ref.path for ref in plan.patchset.sources]
    return target.files_to_lock()


def _refuse_stale(plan: Plan, fresh: Plan, path: str) -> None:
    """Refuse unless the plan comes out the same, to the byte, of the disk as it is now."""
    old = [patch._replace(source="") for patch in plan.patchset.patches]
    new = [patch._replace(source="") for patch in fresh.patchset.patches]
    if plan.identity != fresh.identity or old != new:
        raise RefusedError(f"{path} has changed since the plan was made", hint="run check again, and make the plan anew")


def _verify(plan: Plan, path: str) -> None:
    """Look at the disk itself with fresh eyes."""
    with Target(path) as target:
        findings, _ = examine(target.machine, plan.report.rules)
    after = {finding.key for finding in findings}
    staying = [finding for finding in plan.chosen if finding.key in after]
    if staying:
        raise VerificationError(
            f"written and read back, but {staying[0].rule} is still found on {path}; every byte is back as it was",
            hint="another program may be writing to it: detach it everywhere, then try again",
        )


def _info(plan: Plan) -> dict[str, Any]:
    """What a person wants to read of a run later."""
    return {
        "summary": _summary(plan),
        "findings": [finding.to_json() for finding in plan.chosen],
        "changes": [change.to_json() for change in plan.changes],
        "steps": [step.to_json() for step in plan.steps],
        "after_undo": _after_undo(plan),
        "request": plan.request.to_json(),
    }


def _summary(plan: Plan) -> str:
    rules = ", ".join(dict.fromkeys(finding.rule for finding in plan.chosen))
    parts = [rules] if rules else []
    if plan.request.serial_console:
        parts.append("serial console")
    return f"{' + '.join(parts)}: {len(plan.changes)} changes, {plan.bytes_changed} bytes"


def _after_undo(plan: Plan) -> str:
    if plan.request.offer:
        return ""
    codes = dict.fromkeys(code for finding in plan.chosen for code in finding.stop_codes)
    shown = " and ".join(f"0x{int(code, 16):X}" for code in codes)
    if shown:
        return f"Windows will stop with {shown} again."
    return "The fault is on the disk again." if plan.chosen else ""


def find_run(what: str) -> Run:
    """The run that ``undo`` means: of that id, the newest on that disk, or the newest of all.

    Raises:
        NothingToUndoError: there is none.
    """
    if not what:
        runs = [run for run in reversed(list_runs()) if _can_undo(run)]
    elif os.path.exists(what):
        runs = [*unfinished_runs(what), *undoable_runs(what)]
    else:
        return find_run_by_id(what)
    if not runs:
        on = f" on {what}" if what else ""
        raise NothingToUndoError(f"there is no run to undo{on}", hint="bootmend history shows what was done")
    return runs[0]


def _can_undo(run: Run) -> bool:
    return run.is_unfinished or (run.state is RunState.COMMITTED and run.kind != "undo")


def undo(run: Run) -> Outcome:
    """Take a run back, byte for byte; one that was interrupted is rolled back, or finished first and then undone.

    Raises:
        RefusedError: the disk has been written to since; nothing was written.
        ApplyError, RollbackError: writing failed.
        NothingToUndoError: the run has been undone already.
    """
    with lock_sources(run.paths):
        if run.is_unfinished and recover_run(run) is RunState.ROLLED_BACK:
            return Outcome(
                kind="undo",
                run_id=run.id,
                target=run.target,
                state=str(RunState.ROLLED_BACK),
                bytes_written=0,
                undoes=run.id,
                notes=("the run had been interrupted; what it had written was taken back",),
            )
        inverse = undo_run(run)
    return Outcome(
        kind="undo",
        run_id=inverse.id,
        target=run.target,
        state=str(inverse.state),
        bytes_written=sum(len(patch.after) for patch in inverse.patchset.patches),
        undoes=run.id,
        after_undo=str(run.info.get("after_undo", "")),
    )


def history(disk: str) -> list[RunEntry]:
    """The runs, newest first; of one disk where it is given."""
    runs = find_runs_for(disk) if disk else list_runs()
    return [_entry(run) for run in reversed(runs)]


def _entry(run: Run) -> RunEntry:
    try:
        journal = run.journal
        summary = str(journal.info.get("summary", "")) or f"{len(journal.patchset.patches)} patches"
        undoes = os.path.basename(journal.undoes)
    except ReadError as error:
        summary, undoes = str(error), ""
    if undoes:
        summary = f"undo of {undoes}"
    return RunEntry(run.id, run.kind, run.started, str(run.state), run.target, summary, undoes)
