"""The only writer: a run's patches go to the target step by step, and come back when anything fails."""

from __future__ import annotations

import errno
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from bootmend.engine.device import IMAGE_THE_DISK, DeviceOpener, open_for_writing
from bootmend.engine.history import SECTOR, History, Place
from bootmend.engine.medium import Writing, reading
from bootmend.engine.runs import Run, RunState
from bootmend.engine.state import state_refusal
from bootmend.errors import ApplyError, BootmendError, ReadError, RefusedError, RollbackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.journal import Hole
    from bootmend.source import Patch

FAILURES = (OSError, BootmendError, KeyboardInterrupt)


def apply_run(run: Run, device_opener: DeviceOpener = open_for_writing) -> None:
    """Write a prepared run; afterwards it is ``written`` and waits for :func:`commit_run` or :func:`roll_back`.

    To be called under the lock that :func:`~bootmend.engine.begin.begin_run` was called under.

    Raises:
        RefusedError: the target cannot be written, or is not as the plan found it; nothing was
            written and the run is forgotten.
        ReadError: the target cannot be read; the same.
        ApplyError: writing failed; every byte is back as it was.
        RollbackError: writing failed, and so did the way back; the journal is kept for another try.
    """
    history = History(run.patchset)
    with closing(Writing(run, device_opener)) as writing:
        try:
            _open_unchanged(run, history, writing)
            _begin_writing(run)
        except FAILURES:
            run.discard()
            raise
        try:
            _write_all(run, writing)
            run.enter(RunState.WRITTEN)
        except FAILURES as error:
            _back_out(run, history, writing, error)


def commit_run(run: Run, device_opener: DeviceOpener = open_for_writing) -> None:
    """Declare a written run good; what it undid, if anything, is undone from now on.

    Raises:
        ApplyError: that cannot be recorded, so the change was taken back.
        RollbackError: neither could be done.
    """
    try:
        run.enter(RunState.COMMITTED)
    except OSError as error:
        with suppress(ApplyError):
            roll_back(run, device_opener)
        message = f"the run cannot be recorded as finished ({error.strerror}); everything is back as it was"
        raise ApplyError(message, at=run.folder) from error
    settle_undone(run)


def settle_undone(run: Run) -> None:
    """Mark the run that a committed one undid; where that fails, the next undo finds out and does it."""
    if run.undoes:
        with suppress(ReadError, OSError):
            undone = Run(run.undoes)
            if undone.state is RunState.COMMITTED:
                undone.enter(RunState.UNDONE)


def roll_back(run: Run, device_opener: DeviceOpener = open_for_writing) -> None:
    """Take an unfinished run back from what is on the medium now; every byte is as before afterwards.

    To be called under :func:`~bootmend.engine.lock.lock_sources`.

    Raises:
        ApplyError: the target is as before, but that cannot be recorded.
        RollbackError: something else has written there, or the medium fails; in the first case nothing was written.
    """
    if run.state is RunState.PREPARED:  # the first byte is only written after ``writing`` is on the disk
        run.discard()
        return
    if not run.is_unfinished:
        raise UsageError(f"run {run.id} is {run.state} and cannot be rolled back")
    try:
        history = History(run.patchset)
        versions = _versions_there(run, history)
        with closing(Writing(run, device_opener)) as writing:
            writing.open_existing()
            rewind(run, history, writing, versions)
    except RollbackError:
        raise
    except FAILURES as error:
        hint = IMAGE_THE_DISK if is_medium_failure(error) else None
        raise incomplete(run, f"rolling back failed: {failure_text(run, error)}", hint) from error
    _record_rolled_back(run)


def found_versions(run: Run, history: History) -> dict[Place, set[int]]:
    """The versions that each sector of the target equals now.

    Raises:
        RollbackError: a sector, or a source's length, is none that this run leaves; nothing was written.
    """
    with reading(run.patchset.sources) as media:
        for source in run.patchset.sources:
            reader = media.readers[source.name]
            absent = source.made or source.removed
            if not (absent and not reader.exists) and reader.size not in {
                source.size_before,
                source.size_after,
                *([0] if absent else []),
            }:
                message = f"{source.path} is {reader.size} bytes long, which no step of the run leaves; nothing was written"
                raise incomplete(run, message, _FOREIGN)
        found = history.found(media.read)
    for place, versions in found.items():
        if not versions:
            where = f"{place[1] * SECTOR:#x} of {place[0]}"
            raise incomplete(
                run,
                f"the sector at {where} holds neither what was there before nor what was written; nothing was written",
                _FOREIGN,
            )
    return found


_FOREIGN = "something else has written to it since: put back the copy or snapshot made before"


def rewind(run: Run, history: History, writing: Writing, versions: dict[Place, int]) -> None:
    """Write every sector back to version 0, the last step first, and read it back.

    ``versions`` says which version of each sector is there.  A sector passes only through its own
    versions on the way, so that a crash here can be recovered from as well.

    Raises:
        OSError, BootmendError: the medium fails.
    """
    patches, holes = run.patchset.patches, run.journal.holes_before
    for source in run.patchset.sources:
        if source.removed:
            writing.make(source)
    for index in reversed(range(len(patches))):
        if index + 1 < len(patches) and patches[index].step != patches[index + 1].step:
            writing.flush()
        name = patches[index].source
        for offset, data in _pieces_to_rewind(patches[index], index, history, versions):
            # A hole that was never filled is not filled with zeros now: there may be no space for them.
            if not (_in_hole(name, offset, len(data), holes) and writing.read(name, offset, len(data)) == data):
                writing.write(name, offset, data)
    writing.flush()
    for source in run.patchset.sources:
        writing.restore_size(source)
    writing.punch(holes)
    for place, found in history.found(writing.read_back).items():
        if 0 not in found:
            raise ReadError(
                f"what was written back at {place[1] * SECTOR:#x} reads back differently", at=writing.sources[place[0]].path
            )


def _write_all(run: Run, writing: Writing) -> None:
    for source in run.patchset.sources:
        writing.grow(source)
    while writing.written < len(writing.patches):
        writing.write_step()
    for source in run.patchset.sources:
        writing.shrink(source)
    writing.punch(run.journal.holes_after)


def _versions_there(run: Run, history: History) -> dict[Place, int]:
    """Of the versions that look alike the earliest counts: it is the shortest way back."""
    return {place: min(versions) for place, versions in found_versions(run, history).items()}


def _pieces_to_rewind(patch: Patch, index: int, history: History, versions: dict[Place, int]) -> Iterator[tuple[int, bytes]]:
    """The parts of one patch that are on the medium, neighbours joined; afterwards they count as taken back."""
    start, data = 0, b""
    for sector in range(patch.offset // SECTOR, (patch.offset + len(patch.after) - 1) // SECTOR + 1):
        place = (patch.source, sector)
        number = next(number for number, piece in enumerate(history.pieces[place], 1) if piece.patch == index)
        if versions[place] < number:
            if data:
                yield start, data
            data = b""
            continue
        versions[place] = number - 1
        piece = history.pieces[place][number - 1]
        start = start if data else sector * SECTOR + piece.start
        data += piece.before
    if data:
        yield start, data


def _in_hole(source: str, offset: int, length: int, holes: tuple[Hole, ...]) -> bool:
    return any(hole.source == source and hole.offset <= offset and offset + length <= hole.offset + hole.length for hole in holes)


def _open_unchanged(run: Run, history: History, writing: Writing) -> None:
    """Open the sources for writing, and refuse those that are not as the plan found them."""
    try:
        writing.open_existing()
        _refuse_stale(history, writing)
    except OSError as error:
        if error.errno == errno.EIO:
            raise ReadError(f"{error.strerror}; nothing was written", at=run.target, hint=IMAGE_THE_DISK) from error
        raise RefusedError(f"writing cannot begin: {error.strerror}; nothing was written", at=run.target) from error


def _begin_writing(run: Run) -> None:
    try:
        run.enter(RunState.WRITING)
    except OSError as error:
        raise state_refusal(error, run.folder) from error


def _refuse_stale(history: History, writing: Writing) -> None:
    for source in writing.sources.values():
        device = writing.devices.get(source.name)
        if source.made and device is not None:
            raise RefusedError("it is there already; nothing was written", at=source.path)
        if device is not None and device.size != source.size_before:
            message = f"its size is {device.size} bytes, not the {source.size_before} of the plan; nothing was written"
            raise RefusedError(message, at=source.path, hint="make the plan again")
    for place, found in history.found(writing.read).items():
        if 0 not in found:
            message = f"its bytes at {place[1] * SECTOR:#x} are not those the plan was made of; nothing was written"
            raise RefusedError(message, at=writing.sources[place[0]].path, hint="make the plan again")


def _back_out(run: Run, history: History, writing: Writing, error: BaseException) -> None:
    """Roll back what was begun, and raise what is to be said about it.

    What reads show is not trusted here: after a failed flush the system's cache may hold what the medium lost.
    Every patch that was begun is written back.
    """
    reason = failure_text(run, error)
    hint = IMAGE_THE_DISK if is_medium_failure(error) else None
    try:
        rewind(run, history, writing, history.reached(writing.written))
    except FAILURES as second:
        raise incomplete(run, f"{reason}, and rolling back failed as well: {failure_text(run, second)}", hint) from error
    with suppress(ApplyError):  # should the record fail, recovering the run later finds the target as before
        _record_rolled_back(run)
    if isinstance(error, KeyboardInterrupt):
        raise error
    raise ApplyError(f"{reason}; everything is back as it was", at=run.target, hint=hint) from error


def _record_rolled_back(run: Run) -> None:
    try:
        run.enter(RunState.ROLLED_BACK)
    except OSError as error:
        message = f"everything is back as it was, but that cannot be recorded: {error.strerror}"
        raise ApplyError(message, at=run.folder, hint="free some space there") from error


def incomplete(run: Run, message: str, hint: str | None = None) -> RollbackError:
    """The error for a target that may be half written."""
    kept = f"the journal is kept in {run.folder}; to try again: bootmend undo {run.id}"
    return RollbackError(message, at=run.target, hint=f"{hint}; {kept}" if hint else kept)


def failure_text(run: Run, error: BaseException) -> str:
    """What went wrong, in half a sentence; the target's own name is left out."""
    if isinstance(error, OSError):
        return f"writing failed ({error.strerror})"
    if isinstance(error, BootmendError) and error.places == [run.target]:
        return error.message
    return "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)


def is_medium_failure(error: BaseException) -> bool:
    """Whether the medium itself gave the error."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno == errno.EIO
