"""Runs: what was changed when, from which state to which, and how to find it again.

``<state>/runs/<id>/`` holds ``journal.json`` and ``journal.bin``, which never change, and ``state.json``,
which is replaced at every step of the run's life::

    prepared -> writing -> written -> committed -> undone
        |          +----------+-----> rolled-back
        +-> (discarded: the folder is removed)
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bootmend.engine import markers
from bootmend.engine.state import runs_dir, write_durably
from bootmend.errors import CorruptError, NothingToUndoError, ReadError, UsageError, place

if TYPE_CHECKING:
    from bootmend.engine.journal import Journal, PatchSet

STATE_SCHEMA = "bootmend.run-state/1"
JOURNAL_FILE, SIDECAR_FILE, STATE_FILE = "journal.json", "journal.bin", "state.json"


class RunState(StrEnum):
    """How far a run has come; see the module's drawing."""

    PREPARED = "prepared"
    WRITING = "writing"
    WRITTEN = "written"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"
    UNDONE = "undone"


_UNFINISHED = {RunState.PREPARED, RunState.WRITING, RunState.WRITTEN}
_NEXT = {
    RunState.PREPARED: {RunState.WRITING, RunState.ROLLED_BACK},
    RunState.WRITING: {RunState.WRITTEN, RunState.COMMITTED, RunState.ROLLED_BACK},
    RunState.WRITTEN: {RunState.COMMITTED, RunState.ROLLED_BACK},
    RunState.COMMITTED: {RunState.UNDONE},
    RunState.ROLLED_BACK: set[RunState](),
    RunState.UNDONE: set[RunState](),
}


class Run:
    """One run in its folder.  The journal is read when first asked for; the state is as of the last :meth:`refresh`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.id = os.path.basename(folder)
        self.refresh()

    def refresh(self) -> None:
        """Read the state again.

        Raises:
            CorruptError: it is damaged.
            ReadError: it cannot be read.
        """
        raw = _read_json(os.path.join(self.folder, STATE_FILE))
        try:
            self.states = [(RunState(state), str(when)) for state, when in raw["states"]]
            self.paths = tuple(str(path) for path in raw["paths"])
            self.target = str(raw["target"])
            self.started = str(raw["started"])
            self.kind = str(raw["kind"])
            self.undoes = str(raw["undoes"])
            self._journal_sha256 = str(raw["journal_sha256"])
            self.has_marker = raw["marker"] is True
            self.notes = tuple(str(note) for note in raw["notes"])
            _ = self.states[-1]  # a run without a state is none
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptError("the run's state cannot be read", at=self.folder) from error

    @property
    def state(self) -> RunState:
        """How far the run has come."""
        return self.states[-1][0]

    @property
    def is_unfinished(self) -> bool:
        """Whether the run was interrupted, or is going on now."""
        return self.state in _UNFINISHED

    @cached_property
    def journal(self) -> Journal:
        """The journal, checked against its hashes.

        Raises:
            CorruptError: it is damaged.
            ReadError: it cannot be read.
        """
        from hashlib import sha256

        from bootmend.engine.journal import decode

        with place(f"run {self.id}"):
            text, sidecar = (_read_file(os.path.join(self.folder, name)) for name in (JOURNAL_FILE, SIDECAR_FILE))
            if sha256(text).hexdigest() != self._journal_sha256:
                raise CorruptError("the journal does not have the checksum that was recorded", at=self.folder)
            return decode(text, sidecar)

    @property
    def patchset(self) -> PatchSet:
        """What the run writes over what."""
        return self.journal.patchset

    @property
    def info(self) -> dict[str, Any]:
        """What the caller recorded with the run."""
        return self.journal.info

    def enter(self, state: RunState) -> None:
        """Move on, lastingly; raises OSError, and then the run is where it was."""
        if state not in _NEXT[self.state]:
            raise UsageError(f"run {self.id} is {self.state} and cannot become {state}")
        self._save([*self.states, (state, utc_now())])
        if state is RunState.COMMITTED and self.kind != "undo":
            with suppress(OSError):
                self._mark()
        elif state not in _UNFINISHED:
            self._unmark()

    def leave_marker(self) -> None:
        """Leave a marker beside the target; where that cannot be done, note why."""
        try:
            note = None if self._mark() else f"{self.target} has no place beside it for a marker: only this user finds the run"
        except OSError as error:
            note = f"no marker could be left beside {self.target} ({error.strerror}): only this user finds the run"
        if note:
            self.has_marker, self.notes = False, (*self.notes, note)
            self._save(self.states)

    def _mark(self) -> bool:
        path = markers.marker_path(self.target, self.id) if self.has_marker else None
        if path:
            markers.write_marker(path, self.id, self.folder, self.target, self.state)
        return path is not None

    def _unmark(self) -> None:
        # The path is made anew, not read from the run's folder: a planted one could name any file.
        path = markers.marker_path(self.target, self.id) if self.has_marker else None
        if path:
            markers.remove_marker(path)

    def _save(self, states: list[tuple[RunState, str]]) -> None:
        head = {"paths": self.paths, "target": self.target, "started": self.started, "kind": self.kind, "undoes": self.undoes}
        life = {"notes": self.notes, "marker": self.has_marker, "states": [(str(state), when) for state, when in states]}
        write_state(self.folder, head | {"journal_sha256": self._journal_sha256} | life)
        self.states = states

    def discard(self) -> None:
        """Forget a run that has written nothing: its marker and its folder go."""
        if self.state is not RunState.PREPARED:
            raise UsageError(f"run {self.id} is {self.state}: it cannot be forgotten")
        import shutil

        self._unmark()
        shutil.rmtree(self.folder, ignore_errors=True)

    def to_json(self) -> dict[str, object]:
        """The JSON form: what ``history`` shows."""
        return {
            "schema": "bootmend.run/1",
            "id": self.id,
            "kind": self.kind,
            "state": str(self.state),
            "started": self.started,
            "target": self.target,
            "sources": list(self.paths),
            "states": [{"state": str(state), "at": when} for state, when in self.states],
            "notes": list(self.notes),
            "undoes": os.path.basename(self.undoes),
            "folder": self.folder,
        }


def write_state(folder: str, state: dict[str, object]) -> None:
    """Put a run's state on the disk; raises OSError."""
    text = json.dumps({"schema": STATE_SCHEMA} | state, indent=1)  # names that are not UTF-8 become escaped surrogates
    write_durably(os.path.join(folder, STATE_FILE), text.encode("ascii") + b"\n")


def new_run_id() -> str:
    """Four hex digits that no run of this user has; more when those are taken."""
    for _ in range(64):
        proposal = os.urandom(2).hex()
        if not os.path.exists(os.path.join(runs_dir(), proposal)):
            return proposal
    return os.urandom(4).hex()


def list_runs() -> list[Run]:
    """List the runs of this user, oldest first; folders that hold no run are passed over."""
    try:
        names = os.listdir(runs_dir())
    except OSError:
        return []
    runs = (_opened(os.path.join(runs_dir(), name)) for name in names)
    return _in_order({run.folder: run for run in runs if run is not None})


def find_run(name: str) -> Run:
    """Find the run of this user whose id is ``name`` or alone begins with it.

    Raises:
        NothingToUndoError: there is none.
        UsageError: there are several.
    """
    matches = [run for run in list_runs() if run.id.startswith(name.lower())] if name else []
    exact = [run for run in matches if run.id == name.lower()]
    if not matches:
        raise NothingToUndoError(f"there is no run {name}", hint="bootmend history shows the runs there are")
    if len(matches) > 1 and not exact:
        raise UsageError(f"{name} begins the ids of several runs: {', '.join(run.id for run in matches)}")
    return (exact or matches)[0]


def find_runs_for(target: str) -> list[Run]:
    """The runs on a target, oldest first: this user's, and those a marker beside it leads to that may be trusted."""
    real = os.path.realpath(target)
    runs = {run.folder: run for run in list_runs() if real in {run.target, *run.paths}}
    for marker in markers.find_markers(real):
        run = None if marker.folder in runs else _opened(marker.folder)
        if run and real in {run.target, *run.paths} and _is_trusted(run):
            runs[run.folder] = run
    return _in_order(runs)


def _in_order(runs: dict[str, Run]) -> list[Run]:
    """Runs by their beginning.  A committed undo counts, also where a crash kept it from marking the run that it undid."""
    for run in runs.values():
        undone = runs.get(run.undoes) if run.state is RunState.COMMITTED else None
        if undone and undone.state is RunState.COMMITTED:
            undone.states.append((RunState.UNDONE, run.states[-1][1]))
    return sorted(runs.values(), key=lambda run: (run.started, run.id))


def unfinished_runs(*targets: str) -> list[Run]:
    """The runs on any of the targets that were interrupted, or are going on in another process."""
    runs = {run.folder: run for target in targets for run in find_runs_for(target) if run.is_unfinished}
    return list(runs.values())


def undoable_runs(target: str) -> list[Run]:
    """The runs whose changes are on a target now, the newest first; undos are not among them."""
    return [run for run in reversed(find_runs_for(target)) if run.state is RunState.COMMITTED and run.kind != "undo"]


def foreign_markers(target: str) -> list[markers.Marker]:
    """Markers beside a target whose runs this user cannot read, or may not trust."""
    known = {run.folder for run in find_runs_for(target)}
    found = markers.find_markers(os.path.realpath(target))
    return [marker for marker in found if marker.folder not in known and not _is_gone(marker.folder)]


def _is_gone(folder: str) -> bool:
    """Whether a run's folder certainly is not there any more (not merely out of this user's sight)."""
    try:
        os.stat(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.X_OK) and not os.path.exists(os.path.join(folder, STATE_FILE))


def _is_trusted(run: Run) -> bool:
    """A run of another user's folder: what is written is what the journal says, so that is what must be harmless."""
    try:
        paths = tuple(source.path for source in run.patchset.sources)
    except ReadError:
        return False
    return paths == run.paths and markers.is_trusted(run.folder, paths)


def _opened(folder: str) -> Run | None:
    try:
        return Run(folder)
    except ReadError:
        return None


def _read_json(path: str) -> dict[str, Any]:
    try:
        raw = json.loads(_read_file(path))
    except (ValueError, RecursionError) as error:
        raise CorruptError("it is not JSON", at=path) from error
    if not isinstance(raw, dict):
        raise CorruptError("it is not a JSON object", at=path)
    return raw


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", at=path) from error


def utc_now() -> str:
    """The time in UTC, to the microsecond so that runs sort."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1000:06d}Z"
