"""``bcdedit`` on a store file, or on the store inside a disk: the same plan, journal and undo as a repair."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import Store
from bootmend.bcd.commands import Command, CommandError, Result, Surroundings, parse, run
from bootmend.engine.target import Target
from bootmend.errors import MissingError, UsageError, place
from bootmend.machine import device_for, volume_text
from bootmend.registry import Hive, is_hive
from bootmend.source import FileSource, Overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.bcd import PartitionDevice, StoreEditor
    from bootmend.machine import BootStore, Machine

NO_FILE = "The boot configuration data store could not be opened.\nThe system cannot find the file specified.\n"
NO_DEVICE = "The boot configuration data store could not be opened.\nThe requested system device cannot be found.\n"
FILETIME_OF_1970 = 116_444_736_000_000_000


class Where(NamedTuple):
    """What ``/store`` named, and which of a disk's stores is meant (``--store``, a volume's number)."""

    path: str
    volume: int | None


def run_bcdedit(argv: Sequence[str]) -> Result:
    """Run one command line; what it changes is on the disk when this returns.

    Raises:
        RefusedError: it would not be safe to write; nothing was written.
        ReadError: the disk or the store cannot be read.
    """
    argv, volume = _without_store_number(list(argv))
    try:
        command = parse(argv)
    except CommandError as error:
        return Result(error.text, error.status)
    if command.name == "?" or command.store is None:
        return Result(run(command, None).text) if command.name == "?" else Result(NO_DEVICE, 1)  # type: ignore[arg-type]
    where = Where(command.store, volume)
    if not os.path.exists(where.path):
        return Result(NO_FILE, 1)
    if _is_store_file(where.path):
        return _edit_file(where, command) if command.writes else _read_file(where, command)
    return _edit_disk(where, command) if command.writes else _read_disk(where, command)


def _without_store_number(argv: list[str]) -> tuple[list[str], int | None]:
    """Take our own ``--store N`` out of the line: which of a disk's stores, by the number of its volume."""
    if "--store" not in argv:
        return argv, None
    index = argv.index("--store")
    number = argv[index + 1] if index + 1 < len(argv) else ""
    if not number.isdigit():
        raise UsageError("--store takes the number of the volume that holds the store")
    return argv[:index] + argv[index + 2 :], int(number)


def _is_store_file(path: str) -> bool:
    if os.path.isdir(path):
        return False
    with FileSource(path) as source:
        return is_hive(source)


# -- a store file ------------------------------------------------------------------------------------
def _read_file(where: Where, command: Command) -> Result:
    with FileSource(where.path) as source, place(where.path):
        return run(command, Store(Hive(source, dirty="accept")), Surroundings())


def _edit_file(where: Where, command: Command) -> Result:
    from bootmend.bcd import StoreEditor
    from bootmend.engine.journal import PatchSet, SourceRef, Witness
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.repair import write_patches
    from bootmend.registry import HiveEditor

    with lock_sources([where.path]), FileSource(where.path) as source, place(where.path):
        overlay = Overlay(source, where.path)
        editor = HiveEditor(overlay, now=_now(), logs=_logs_beside(where.path))
        result = run(command, StoreEditor(editor), _surroundings(None))
        if result.exit_code or not result.edits:
            return result
        editor.commit().write(overlay)
        patches = tuple(overlay.patches())
        if not patches:
            return result
        patchset = PatchSet((SourceRef(where.path, where.path, source.size, source.size),), patches)
        witness = Witness(where.path, "hive header", 0, 512)
        done = write_patches(patchset, (witness,), _info(command), where.path)
    return result._replace(notes=(*result.notes, _undo_note(done)))


def _logs_beside(path: str) -> list[FileSource]:
    return [FileSource(path + suffix) for suffix in (".LOG", ".LOG1", ".LOG2") if os.path.isfile(path + suffix)]


# -- a store inside a disk -----------------------------------------------------------------------------
def _read_disk(where: Where, command: Command) -> Result:
    with Target(where.path) as target:
        store, notes = _choose(target.machine, where)
        result = run(command, store.store, _surroundings(target.machine))
    return result._replace(notes=(*notes, *result.notes))


def _edit_disk(where: Where, command: Command) -> Result:
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.plan import patchset_of, refuse_obstacles, witnesses_of
    from bootmend.engine.repair import write_patches
    from bootmend.machine import Workspace

    with Target(where.path) as target:
        store, notes = _choose(target.machine, where)
        paths = list(target.files) if target.is_directory else [where.path]
        with lock_sources(paths):
            overlays = target.overlays()
            workspace = Workspace(overlays.machine, _now())
            editor: StoreEditor = workspace.store(store.volume.number, store.path)
            result = run(command, editor, _surroundings(workspace.machine))
            if result.exit_code or not result.edits:
                return result._replace(notes=(*notes, *result.notes))
            workspace.flush()
            patchset = patchset_of(target, overlays)
            if not patchset.patches:
                return result._replace(notes=(*notes, *result.notes))
            refuse_obstacles(workspace, target)
            done = write_patches(patchset, tuple(witnesses_of(workspace)), _info(command), where.path)
    return result._replace(notes=(*notes, *result.notes, _undo_note(done)))


def _choose(machine: Machine, where: Where) -> tuple[BootStore, list[str]]:
    """The store that is meant: the one of the volume asked for, else the first that is not recovery's."""
    stores = [store for store in machine.stores if where.volume in {None, store.volume.number}]
    if not stores:
        raise MissingError("there is no boot configuration store on it", at=where.path)
    firmware = [store for store in stores if not store.recovery and store.firmware == machine.firmware]
    chosen = (firmware or [store for store in stores if not store.recovery] or stores)[0]
    others = ", ".join(store.where for store in stores if store is not chosen)
    return chosen, [f"store: {chosen.where}" + (f" (also there: {others})" if others else "")]


# -- what both need ------------------------------------------------------------------------------------
def _surroundings(machine: Machine | None) -> Surroundings:
    def name(device: PartitionDevice) -> str | None:
        return None if machine is None else volume_text(machine, device)

    def find(text: str) -> PartitionDevice | None:
        return None if machine is None else _find_partition(machine, text)

    return Surroundings(name, find, lambda: f"{{{uuid.uuid4()}}}", _new_key)


def _new_key() -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return ".".join("".join(digits[byte % 36] for byte in os.urandom(13)) for _ in range(4))


def _find_partition(machine: Machine, text: str) -> PartitionDevice | None:
    r"""The device for ``2``, ``\Device\HarddiskVolume2``, ``system``, ``windows`` or a partition GUID."""
    word = text.lower().removeprefix("\\device\\harddiskvolume")
    for volume in machine.volumes:
        guid = (volume.partition.guid or "") if volume.partition else ""
        names = {str(volume.number), guid, guid.strip("{}"), *machine.roles(volume)}
        if word in names - {""}:
            return device_for(machine, volume)
    return None


def _now() -> int:
    return int(time.time()) * 10_000_000 + FILETIME_OF_1970


def _info(command: Command) -> dict[str, object]:
    return {"summary": f"bcdedit /{command.name} {' '.join(command.arguments)}".rstrip()}


def _undo_note(run_id: str) -> str:
    return f"run {run_id}; to take it back:  bootmend undo {run_id}"
