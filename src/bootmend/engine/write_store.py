"""Writing a store: into its own file, which may grow, or into a file inside a disk, which may not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bootmend.engine.begin import begin_run
from bootmend.engine.clock import filetime_now
from bootmend.engine.journal import PatchSet, SourceRef, Witness
from bootmend.engine.plan import patchset_of, refuse_bitlocker, refuse_obstacles, witnesses_of
from bootmend.engine.repair import write_patches
from bootmend.engine.replacing import apply_by_replacing
from bootmend.engine.writer import commit_run
from bootmend.errors import BootmendError, RefusedError
from bootmend.machine import Workspace
from bootmend.machine.hives import logs_of
from bootmend.registry import HiveEditor
from bootmend.source import FileSource, MemorySource, Overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd import StoreEditor
    from bootmend.engine.target import Target
    from bootmend.machine import BootStore, Volume
    from bootmend.registry import Commit


def logs_beside(path: str) -> list[FileSource]:
    """The transaction logs beside a hive file."""
    return [FileSource(path + suffix) for suffix in (".LOG", ".LOG1", ".LOG2") if os.path.isfile(path + suffix)]


def commit_to_file(path: str, source: FileSource, commit: Commit, info: dict[str, object]) -> str:
    """Write a commit to a hive file through the journal, under a lock that the caller holds; the file grows if it must.

    It is replaced as a whole, atomically and lastingly; owner and mode stay, and a symbolic link stays one.  Returns the
    run's id, "" where there was nothing to write.
    """
    size = max(source.size, commit.size)
    overlay = Overlay(MemorySource(source.read_at(0, source.size).ljust(size, b"\0")), path)
    commit.write(overlay)
    patches = tuple(overlay.patches())
    if not patches:
        return ""
    patchset = PatchSet((SourceRef(path, path, source.size, size),), patches)
    run = begin_run(patchset, (Witness(path, "hive header", 0, 512),), info, target=path)
    apply_by_replacing(run, path)
    commit_run(run)
    return run.id


class DiskEdit:
    """Changes to a store inside a disk, on an overlay until :meth:`write`."""

    def __init__(self, target: Target, *, unsafe: bool) -> None:
        self._target = target
        self._unsafe = unsafe
        self._overlays = target.overlays()
        self.workspace = Workspace(self._overlays.machine, filetime_now())

    def replace(self, volume: Volume, path: str, store: bytes) -> None:
        """Lay a whole store over the file of another, which keeps its length.

        Raises:
            RefusedError: the file is too short; the message says how many bytes are missing.
        """
        from bootmend.registry.create import replace_hive

        edited = self.workspace.machine.volume(volume.number)
        file = edited.tree.open(path)
        if len(store) > file.size:
            raise too_small(volume.where(path), len(store), file.size)
        replace_hive(file, store, logs_of(edited, path)).write(file)
        file.barrier()
        self.workspace.touched.append((edited, path))

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        self.workspace.flush()
        return bool(patchset_of(self._target, self._overlays).patches)

    def write(self, info: dict[str, object]) -> str:
        """Write through the journal, under a lock that the caller holds; returns the run's id, "" for nothing to write.

        Raises:
            RefusedError: it would not be safe; nothing was written.
        """
        self.workspace.flush()
        patchset = patchset_of(self._target, self._overlays)
        if not patchset.patches:
            return ""
        refuse_obstacles(self.workspace, self._target)
        refuse_bitlocker(self._target.machine, unsafe=self._unsafe)
        return write_patches(patchset, tuple(witnesses_of(self.workspace)), info, self._target.path)


def missing_room(store: BootStore, change: Callable[[StoreEditor], object]) -> RefusedError | None:
    """The refusal that says how many bytes a change lacks in the store's file; None where room is not the reason."""
    from bootmend.bcd import StoreEditor
    from bootmend.bcd.create import LARGEST

    try:
        file = store.volume.tree.open(store.path)
        editor = StoreEditor(
            HiveEditor(file, now=filetime_now(), logs=logs_of(store.volume, store.path), room=max(LARGEST, file.size))
        )
        change(editor)
        needed = editor.hive.commit().size
    except BootmendError:
        return None
    return too_small(store.where, needed, file.size) if needed > file.size else None


def too_small(where: str, needed: int, size: int) -> RefusedError:
    """The refusal for a store that does not fit its file inside a disk."""
    return RefusedError(
        f"the store would need {needed:,} bytes and its file has {size:,}: {needed - size:,} bytes are missing, and a file "
        "inside a disk cannot be made longer",
        at=where,
        hint="delete entries that are not needed, or edit a copy of the store made with /export and put it there from Windows PE",
    )
