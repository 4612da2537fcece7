"""After a crash: finish a run that is wholly on the medium, take back one that is not, touch nothing that is foreign."""

from __future__ import annotations

from bootmend.engine.device import DeviceOpener, open_for_writing
from bootmend.engine.history import History
from bootmend.engine.medium import Writing
from bootmend.engine.runs import Run, RunState
from bootmend.engine.writer import FAILURES, failure_text, found_versions, incomplete, roll_back, settle_undone
from bootmend.errors import CorruptError, UsageError


def recover(run: Run, device_opener: DeviceOpener = open_for_writing) -> RunState:
    """Bring an interrupted run to an end, and return which: ``committed``, or ``rolled-back``.

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
    if run.state is RunState.PREPARED:
        run.discard()
        return RunState.ROLLED_BACK
    try:
        history = History(run.patchset)
    except CorruptError as error:
        raise incomplete(run, f"{error}; nothing was written", "put back the copy or snapshot made before") from error
    try:
        if _is_complete(run, history):
            _finish(run, history, device_opener)
            return RunState.COMMITTED
    except FAILURES as error:
        if isinstance(error, KeyboardInterrupt) or error.__class__.__name__ == "RollbackError":
            raise
        raise incomplete(run, f"recovering failed: {failure_text(error)}") from error
    roll_back(run, device_opener)
    return RunState.ROLLED_BACK
