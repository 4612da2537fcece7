"""Bring a run to its end after a crash, or take it back later.

Recovery finishes a run that is wholly on the medium, takes back one that is not, and touches nothing that is
foreign.  Undo writes the inverse patches as a run of their own, once it is sure that they still mean the same.
"""

from __future__ import annotations

import hashlib
from contextlib import closing

from bootmend.engine.begin import begin_run
from bootmend.engine.device import IMAGE_THE_DISK, DeviceOpener, open_for_writing, open_fresh
from bootmend.engine.history import SECTOR, History
from bootmend.engine.medium import Writing, reading
from bootmend.engine.runs import Run, RunState, find_runs_for
from bootmend.engine.writer import (
    apply_run,
    commit_run,
    failure_text,
    found_versions,
    incomplete,
    is_medium_failure,
    roll_back,
    settle_undone,
)
from bootmend.errors import BootmendError, NothingToUndoError, ReadError, RefusedError, RollbackError, UsageError

_WAY_BACK = "what was written since would be destroyed: put back the copy or snapshot made before the repair instead"


def recover_run(run: Run, device_opener: DeviceOpener = open_for_writing) -> RunState:
    """Bring an interrupted run to an end, and return which: ``committed`` or ``rolled-back``.

    To be called under :func:`~bootmend.engine.lock.lock_sources`.  The run is rolled back unless every
    sector holds its last version.  A run that had not begun to write is forgotten (``rolled-back``).

    Raises:
        RollbackError: a sector is none of the run's versions, or the journal is damaged: nothing was
            written; or the medium fails.
        ApplyError: the target is as before, but that cannot be recorded.
        UsageError: the run is not unfinished.
    """
    run.refresh()
    if not run.is_unfinished:
        raise UsageError(f"run {run.id} is {run.state}: there is nothing to recover")
    if run.state is RunState.PREPARED or not _finished(run, device_opener):
        roll_back(run, device_opener)
        return RunState.ROLLED_BACK
    return RunState.COMMITTED


def _finished(run: Run, opener: DeviceOpener) -> bool:
    """Commit a run that is there in full; False where it is not."""
    try:
        history = History(run.patchset)
        if not _is_complete(run, history):
            return False
        _make_lasting(run, history, opener)
        run.enter(RunState.COMMITTED)
    except RollbackError:
        raise
    except (OSError, BootmendError) as error:
        hint = IMAGE_THE_DISK if is_medium_failure(error) else None
        raise incomplete(run, f"recovering failed: {failure_text(run, error)}", hint) from error
    settle_undone(run)
    return True


def _is_complete(run: Run, history: History) -> bool:
    found = found_versions(run, history)
    if any(history.last(place) not in versions for place, versions in found.items()):
        return False
    for source in run.patchset.sources:
        with open_fresh(source.path) as reader:
            if reader.exists is source.removed or reader.size != source.size_after:
                return False
    return True


def _make_lasting(run: Run, history: History, opener: DeviceOpener) -> None:
    """What is there may so far only be in the system's cache: flush it, and look again."""
    with closing(Writing(run, opener)) as writing:
        writing.open_existing()
        for device in writing.devices.values():
            device.flush()
        writing.punch(run.journal.holes_after)
        for place, versions in history.found(writing.read_back).items():
            if history.last(place) not in versions:
                raise ReadError("what was flushed reads back differently", at=writing.sources[place[0]].path)


def undo_run(run: Run, device_opener: DeviceOpener = open_for_writing) -> Run:
    """Take a committed run back, and return the committed run that did it: every byte is as it was before ``run``.

    To be called under :func:`~bootmend.engine.lock.lock_sources`.  The undo of an undo does the first run again.

    Raises:
        RefusedError: the target has been written to since, the run was interrupted (recover it first),
            or its journal is damaged; nothing was written.
        NothingToUndoError: the run is undone or rolled back already.
        ApplyError, RollbackError: as :func:`~bootmend.engine.writer.apply_run` raises them.
    """
    run.refresh()
    _refuse_state(run)
    check_undoable(run)
    witnesses = tuple(witness.inverse() for witness in run.journal.witnesses)
    info = {"undoes": run.id, "info": run.info}
    undo = begin_run(run.patchset.inverse(), witnesses, info, target=run.target, undoes=run)
    apply_run(undo, device_opener)
    commit_run(undo, device_opener)
    run.refresh()
    return undo


def check_undoable(run: Run) -> None:
    """Raise :class:`RefusedError` unless the witnesses are unchanged and all that the run wrote is still there."""
    try:
        history = History(run.patchset)
    except ReadError as error:
        raise RefusedError(f"{error}; nothing was written", at=run.folder, hint=_WAY_BACK) from error
    for witness in run.journal.witnesses:
        with open_fresh(run.patchset.path_of(witness.source)) as file:
            data = file.read_at(witness.offset, witness.length)
        if hashlib.sha256(data).hexdigest() != witness.sha256:
            raise _changed(run, f"{witness.what} has changed")
    with reading(run.patchset.sources) as media:
        for source in run.patchset.sources:
            reader = media.readers[source.name]
            if reader.exists is source.removed or reader.size != source.size_after:
                raise _changed(run, f"{source.path} is {reader.size} bytes long and not {source.size_after}")
        for place, found in history.found(media.read).items():
            if history.last(place) not in found:
                raise _changed(run, f"the sector at {place[1] * SECTOR:#x} of {place[0]} does not hold what the run wrote")


def _refuse_state(run: Run) -> None:
    if run.is_unfinished:
        raise RefusedError(f"run {run.id} was interrupted: it must be recovered, not undone; nothing was written", at=run.target)
    if run.state is RunState.COMMITTED and (done := _undone_by(run)):
        settle_undone(done)
        run.refresh()
    if run.state is RunState.UNDONE:
        raise NothingToUndoError(f"run {run.id} has been undone already", at=run.target)
    if run.state is RunState.ROLLED_BACK:
        raise NothingToUndoError(f"run {run.id} was rolled back: nothing of it is on the disk", at=run.target)


def _undone_by(run: Run) -> Run | None:
    """The committed run that undid this one; a crash may have come before it could say so here."""
    later = (other for other in find_runs_for(run.target) if other.state is RunState.COMMITTED and other.kind != "apply")
    return next((other for other in later if other.undoes == run.folder), None)


def _changed(run: Run, what: str) -> RefusedError:
    """The refusal; where a later run of ours wrote over this one, that is the one to undo first."""
    later = [other for other in find_runs_for(run.target) if other.state is RunState.COMMITTED and other.started > run.started]
    if later:
        return RefusedError(
            f"{what} since run {run.id}: run {later[-1].id} came later; nothing was written",
            at=run.target,
            hint=f"undo the later run first: bootmend undo {later[-1].id}",
        )
    return RefusedError(
        f"{what} since run {run.id}: Windows or another program has written to it; nothing was written",
        at=run.target,
        hint=_WAY_BACK,
    )
