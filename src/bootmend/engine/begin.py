"""Begin a run: survey the target, and put a whole journal on the disk before anything is opened for writing."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.engine.device import open_fresh
from bootmend.engine.history import History
from bootmend.engine.journal import Hole, Journal, PatchSet, Witness
from bootmend.engine.runs import (
    JOURNAL_FILE,
    SIDECAR_FILE,
    Run,
    RunState,
    foreign_markers,
    new_run_id,
    unfinished_runs,
    utc_now,
    write_state,
)
from bootmend.engine.state import make_private_folder, runs_dir, state_refusal, sync_folder, write_durably, write_new
from bootmend.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def begin_run(
    patchset: PatchSet,
    witnesses: tuple[Witness, ...] = (),
    info: dict[str, Any] | None = None,
    *,
    target: str | None = None,
    run_id: str | None = None,
    undoes: Run | None = None,
) -> Run:
    """Write the journal of a run, whole and lastingly, before anything of the target is opened for writing.

    To be called under :func:`bootmend.engine.lock.lock_sources`.  ``target`` is what the user named (the
    marker goes beside it; default: the first source), ``run_id`` a wish (a plan's id): another
    is taken when it is not free.

    Raises:
        RefusedError: the target is not what the plan was made of, an earlier run on it is unfinished,
            or the journal cannot be kept; nothing was written.
        UsageError: the patches are empty or contradict one another.
    """
    patchset = _settled(patchset)
    target = os.path.realpath(target or patchset.sources[0].path)
    _refuse_unfinished(target, {source.path for source in patchset.sources})
    journal = _survey(patchset, witnesses, info or {}, target, undoes)
    try:
        make_private_folder(runs_dir())
        return _publish(journal, run_id)
    except OSError as error:
        raise state_refusal(error, runs_dir()) from error


def _settled(patchset: PatchSet) -> PatchSet:
    """The patch set with real paths and steps in order, known to be whole and free of contradictions."""
    sources = {source.name: source for source in patchset.sources}
    if not patchset.patches and not any(source.made or source.removed for source in patchset.sources):
        raise UsageError("there is nothing to write")
    for patch in patchset.patches:
        source = sources.get(patch.source)
        if source is None or patch.offset < 0 or patch.offset + len(patch.after) > max(source.size_before, source.size_after):
            raise UsageError(f"a patch at {patch.offset:#x} of {patch.source} lies outside the plan's sources")
        if len(patch.before) != len(patch.after) or not patch.after:
            raise UsageError(f"the patch at {patch.offset:#x} of {patch.source} has no two sides of one length")
    _refuse_overlap(patchset)
    real = tuple(replace(source, path=os.path.realpath(source.path)) for source in patchset.sources)
    settled = PatchSet(real, tuple(sorted(patchset.patches, key=lambda patch: patch.step)))
    History(settled).check()
    return settled


def _refuse_overlap(patchset: PatchSet) -> None:
    """Within a step there is no order, so a byte may be written only once."""
    ordered = sorted(patchset.patches, key=lambda patch: (patch.step, patch.source, patch.offset))
    for one, other in pairwise(ordered):
        if (one.step, one.source) == (other.step, other.source) and one.offset + len(one.after) > other.offset:
            raise UsageError(f"two patches of step {one.step} of {one.source} lie over one another at {other.offset:#x}")


def _refuse_unfinished(target: str, paths: set[str]) -> None:
    for run in unfinished_runs(target, *paths):
        if run.state is RunState.PREPARED and paths.issuperset(run.paths):
            run.discard()  # it never wrote a byte, and we hold the lock on all its files, so nobody is at it
            continue
        raise RefusedError(
            f"run {run.id} on it was interrupted: finish that first; nothing was written",
            at=target,
            hint=f"bootmend undo {run.id}",
        )
    for marker in foreign_markers(target):
        if marker.state != RunState.COMMITTED:
            raise RefusedError(
                f"run {marker.run} of another user on it is unfinished, and its journal in {marker.folder} cannot be read",
                at=target,
                hint=f"as that user or as root: bootmend undo {target}",
            )


def _survey(patchset: PatchSet, witnesses: tuple[Witness, ...], info: dict[str, Any], target: str, undoes: Run | None) -> Journal:
    """Read what must be known of the target before it changes, and put the journal together."""
    kinds = {"apply": "undo", "undo": "redo", "redo": "undo"}
    return Journal(
        id="",
        kind=kinds[undoes.kind] if undoes else "apply",
        undoes=undoes.folder if undoes else "",
        started=utc_now(),
        version=__version__,
        target=target,
        patchset=patchset,
        witnesses=tuple(_seen(witness, patchset) for witness in witnesses),
        holes_before=tuple(_holes(patchset)),
        holes_after=undoes.journal.holes_before if undoes else (),
        info=info,
    )


def _seen(witness: Witness, patchset: PatchSet) -> Witness:
    """The witness with both its hashes: of the bytes as they are, and of the bytes with the patches laid over."""
    path = patchset.path_of(witness.source)
    with open_fresh(path) as reader:
        content = bytearray(reader.read_at(witness.offset, witness.length))
    before = sha256(content).hexdigest()
    for patch in patchset.patches:
        first, last = max(patch.offset, witness.offset), min(patch.offset + len(patch.after), witness.offset + witness.length)
        if patch.source == witness.source and first < last:
            content[first - witness.offset : last - witness.offset] = patch.after[first - patch.offset : last - patch.offset]
    after = sha256(content).hexdigest()
    if witness.sha256 not in {"", after} or witness.before not in {"", before}:
        raise RefusedError(
            f"{witness.what} is not as it was when the plan was made; nothing was written", at=path, hint="make the plan again"
        )
    return Witness(witness.source, witness.what, witness.offset, witness.length, after, before)


def _holes(patchset: PatchSet) -> Iterator[Hole]:
    """Where the run will write into holes of sparse files."""
    for source in patchset.sources:
        seen: set[tuple[int, int]] = set()
        with open_fresh(source.path) as reader:
            for patch in patchset.patches:
                if patch.source == source.name:
                    seen.update(reader.holes(patch.offset, len(patch.after)))
        yield from (Hole(source.name, offset, length) for offset, length in sorted(seen))


def _publish(journal: Journal, wish: str | None) -> Run:
    """Make the run's folder with everything in it: ``state.json`` last, so a folder without it never began."""
    folder = _new_folder(wish)
    journal = replace(journal, id=os.path.basename(folder))
    try:
        text, parts = journal.encode()
        write_new(os.path.join(folder, SIDECAR_FILE), parts)
        write_durably(os.path.join(folder, JOURNAL_FILE), text)
        write_state(folder, _first_state(journal, sha256(text).hexdigest()))
        sync_folder(runs_dir())
        run = Run(folder)
        run.leave_marker()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run


def _first_state(journal: Journal, journal_sha256: str) -> dict[str, object]:
    head = {"paths": [source.path for source in journal.patchset.sources], "target": journal.target, "started": journal.started}
    tail = {"kind": journal.kind, "undoes": journal.undoes, "journal_sha256": journal_sha256}
    return head | tail | {"notes": (), "marker": True, "states": [(str(RunState.PREPARED), journal.started)]}


def _new_folder(wish: str | None) -> str:
    while True:
        folder = os.path.join(runs_dir(), wish or new_run_id())
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            wish = None
        else:
            return folder
