"""``bcdedit`` on a store file, or on the store inside a disk: the same plan, journal and undo as a repair."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import Store
from bootmend.bcd.commands import Command, CommandError, Result, Surroundings, parse, run
from bootmend.bcd.commands.messages import SUCCESS
from bootmend.errors import MissingError, RefusedError, UsageError, place
from bootmend.registry import Hive, is_hive
from bootmend.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.bcd import Device, PartitionDevice
    from bootmend.bcd.difference_text import Side
    from bootmend.machine import BootStore, Machine

NO_FILE = "The boot configuration data store could not be opened.\nThe system cannot find the file specified.\n"
NO_DEVICE = "The boot configuration data store could not be opened.\nThe requested system device cannot be found.\n"
NAME_ONE = "no Windows is running here, so it has no store: name a store file or a disk with  /store"
LIVE = frozenset({"sysstore", "mirror"})
LIVE_STATUS = 2


class Own(NamedTuple):
    """Our own options: the disk that a store or its devices are on, the volume of the store, consent to what is unsafe."""

    disk: str | None = None
    volume: int | None = None
    unsafe: bool = False


class Where(NamedTuple):
    """The store that a command line means: a file or a disk, and how its devices are understood."""

    path: str
    own: Own


def run_bcdedit(argv: Sequence[str]) -> Result:
    """Run one command line; what it changes is on the disk when this returns.

    Raises:
        RefusedError: it would not be safe to write; nothing was written.
        ReadError: the disk or the store cannot be read.
        UsageError: our own options contradict one another.
    """
    words, own = take_options(argv)
    try:
        command = parse(words)
    except CommandError as error:
        return Result(error.text, error.status)
    if command.name == "?" or command.name in LIVE:
        return run(command, None)
    if command.name == "createstore":
        from bootmend.engine.store_files import create_store

        return create_store(command.arguments)
    where = _where(command, own)
    if where is None:
        return Result(NO_DEVICE, 1, notes=(NAME_ONE,))
    if not os.path.exists(where.path):
        return Result(NO_FILE, 1, notes=(f"there is no file {where.path}",))
    return _on_store(command, where)


def _on_store(command: Command, where: Where) -> Result:
    if command.name in {"export", "import"}:
        from bootmend.engine import store_files

        whole = store_files.export_store if command.name == "export" else store_files.import_store
        return whole(command.arguments, where)
    if is_store_file(where.path):
        return _edit_file(where, command) if command.writes else _read_file(where, command)
    return _edit_disk(where, command) if command.writes else _read_disk(where, command)


# -- our own options -----------------------------------------------------------------------------------
def take_options(argv: Sequence[str]) -> tuple[list[str], Own]:
    """Take ``--disk DISK``, ``--store N`` (a volume's number) and ``--unsafe`` out of the line.

    ``--store`` with anything but a number is bcdedit's own ``/store``.

    Raises:
        UsageError: an option without its value.
    """
    words, rest, own = list(argv), [], Own()
    while words:
        word = words.pop(0)
        if word == "--unsafe":
            own = own._replace(unsafe=True)
        elif word == "--disk":
            own = own._replace(disk=words.pop(0) if words else _no_value(word))
        elif word == "--store" and words and words[0].isdigit():
            own = own._replace(volume=int(words.pop(0)))
        else:
            rest.append(word)
    return rest, own


def _no_value(option: str) -> str:
    raise UsageError(f"{option} needs the path of a disk")


def _where(command: Command, own: Own) -> Where | None:
    """The store that is meant; ``/store FILE --disk DISK`` is a file whose devices are the disk's."""
    path = command.store or own.disk
    if path is None:
        return None
    if command.store and own.disk and os.path.exists(command.store) and not is_store_file(command.store):
        raise UsageError("/store names a disk, and --disk another: only one of them can hold the store")
    return Where(path, own if command.store else own._replace(disk=None))


def is_store_file(path: str) -> bool:
    """Whether a path is a hive file; a disk, a directory or nothing is none."""
    if os.path.isdir(path):
        return False
    with FileSource(path) as source:
        return is_hive(source)


# -- a store file ------------------------------------------------------------------------------------
def _read_file(where: Where, command: Command) -> Result:
    with open_store(where) as opened:
        return run(command, opened.store, surroundings(opened.machine))


def _edit_file(where: Where, command: Command) -> Result:
    from bootmend.bcd import StoreEditor
    from bootmend.bcd.create import LARGEST
    from bootmend.engine.clock import filetime_now
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.write_store import commit_to_file, logs_beside
    from bootmend.registry import HiveEditor

    with (
        lock_sources([where.path]),
        FileSource(where.path) as source,
        disk_of(where) as machine,
        place(where.path),
    ):
        room = max(LARGEST, source.size)
        editor = HiveEditor(source, now=filetime_now(), logs=logs_beside(where.path), room=room)
        result = run(command, StoreEditor(editor), surroundings(machine))
        if result.exit_code or not result.edits:
            return result
        return with_undo_note(result, commit_to_file(where.path, source, editor.commit(), info(command)))


@contextmanager
def disk_of(where: Where) -> Iterator[Machine | None]:
    """The computer that a store file's devices are understood by, where ``--disk`` names one."""
    if where.own.disk is None:
        yield None
        return
    from bootmend.engine.target import Target

    with Target(where.own.disk) as target:
        yield target.machine


# -- a store inside a disk -----------------------------------------------------------------------------
def _read_disk(where: Where, command: Command) -> Result:
    with open_store(where) as opened:
        result = run(command, opened.store, surroundings(opened.machine))
    return result._replace(notes=(*opened.notes, *result.notes))


def _edit_disk(where: Where, command: Command) -> Result:
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.target import Target
    from bootmend.engine.write_store import DiskEdit, missing_room

    with Target(where.path) as target:
        store, notes = choose(target.machine, where)
        with lock_sources(target.files_to_lock()):
            edit = DiskEdit(target, unsafe=where.own.unsafe)
            around = surroundings(edit.workspace.machine)
            try:
                result = run(command, edit.workspace.store(store.volume.number, store.path), around)
            except RefusedError as error:
                raise missing_room(store, lambda editor: run(command, editor, around)) or error from error
            result = result._replace(notes=(*notes, *result.notes))
            if result.exit_code or not result.edits:
                return result
            return with_undo_note(result, edit.write(info(command)))


def choose(machine: Machine, where: Where) -> tuple[BootStore, list[str]]:
    """The store that is meant: the one of the volume asked for, else the first that is not recovery's.

    Raises:
        MissingError: there is none.
    """
    volume = where.own.volume
    stores = [store for store in machine.stores if volume in {None, store.volume.number}]
    if not stores:
        raise _no_store(machine, where)
    firmware = [store for store in stores if not store.recovery and store.firmware == machine.firmware]
    chosen = (firmware or [store for store in stores if not store.recovery] or stores)[0]
    others = ", ".join(store.where for store in stores if store is not chosen)
    return chosen, [f"store: {chosen.where}" + (f" (also there: {others})" if others else "")]


def _no_store(machine: Machine, where: Where) -> MissingError:
    """The error that says where there are stores, if not on the volume that was asked for."""
    volume = where.own.volume
    if volume is None:
        return MissingError("there is no boot configuration store on it", at=where.path)
    numbers = [each.number for each in machine.volumes]
    if volume not in numbers:
        known = f"its volumes are {', '.join(map(str, numbers))}" if numbers else "it has no volumes that can be read"
        return MissingError(f"there is no volume {volume}", at=where.path, hint=known)
    on = sorted({store.volume.number for store in machine.stores})
    hint = f"there is one on volume {' and '.join(map(str, on))}: use  --store {on[0]}  or leave the option out" if on else None
    return MissingError(f"there is no boot configuration store on volume {volume}", at=where.path, hint=hint)


# -- reading: text, tree, differences ----------------------------------------------------------------------
class Opened(NamedTuple):
    """A store open for reading: the computer that its devices are on, if any, and notes about it."""

    store: Store
    machine: Machine | None
    notes: tuple[str, ...] = ()


@contextmanager
def open_store(where: Where) -> Iterator[Opened]:
    """Open the store in a file or on a disk for reading; a store with pending changes is read as Windows would.

    Raises:
        MissingError: there is no such file, or no store on the disk.
        ReadError: it cannot be read.
    """
    if not os.path.exists(where.path):
        raise MissingError(f"there is no file {where.path}")
    if is_store_file(where.path):
        with FileSource(where.path) as source, disk_of(where) as machine, place(where.path):
            yield Opened(Store(Hive(source, dirty="accept")), machine)
        return
    from bootmend.engine.target import Target

    with Target(where.path) as target:
        store, notes = choose(target.machine, where)
        yield Opened(store.store, target.machine, tuple(notes))


def read_store(argv: Sequence[str]) -> tuple[dict[str, object], tuple[str, ...]]:
    """The store that a command line names, as ``bootmend.bcd/1``, and notes about it.

    ``/enum all`` and no ``/enum`` at all give every object, any other type or identifier those that it lists.

    Raises:
        UsageError: the line asks for something else than to be shown a store.
        ReadError: the disk or the store cannot be read.
    """
    from bootmend.bcd import select, store_to_json

    words, own = take_options(argv)
    try:
        command = parse(words)
    except CommandError as error:
        raise UsageError(error.text.strip()) from error
    where = _where(command, own)
    if command.name != "enum" or where is None or len(command.arguments) > 1:
        raise UsageError("as JSON a store is shown: give  /store FILE|DISK  and no command but /enum [type | id]")
    with open_store(where) as opened:
        what = command.arguments[0] if command.arguments else "ALL"
        select(opened.store, what)
        return store_to_json(opened.store, surroundings(opened.machine).name_partition, what), opened.notes


@contextmanager
def two_stores(before: str, after: str) -> Iterator[tuple[Side, Side]]:
    """Open two stores, each in a file or on a disk, for comparison.

    Raises:
        ReadError: one of them cannot be read.
    """
    from bootmend.bcd.difference_text import Side

    with open_store(Where(before, Own())) as old, open_store(Where(after, Own())) as new:
        yield (
            Side(before, old.store, surroundings(old.machine).name_partition),
            Side(after, new.store, surroundings(new.machine).name_partition),
        )


# -- what all of them need ------------------------------------------------------------------------------
def surroundings(machine: Machine | None) -> Surroundings:
    """What lies outside the store: the disk's partitions, fresh identifiers and keys."""

    def name(device: PartitionDevice) -> str | None:
        if machine is None:
            return None
        from bootmend.machine import volume_text

        return volume_text(machine, device)

    def find(text: str) -> PartitionDevice | None:
        from bootmend.engine.partitions import find_partition

        if machine is None:
            raise UsageError(f"a store file has no disk on which {text!r} could be looked for: add  --disk DISK")
        return find_partition(machine, text)

    def find_virtual(parent: Device, path: str) -> PartitionDevice | None:
        from bootmend.engine.partitions import find_virtual_disk

        if machine is None:
            raise UsageError(f"a store file has no disk on which {path} could be looked for: add  --disk DISK")
        return find_virtual_disk(machine, parent, path)

    return Surroundings(name, find, new_id, _new_key, find_virtual)


def new_id() -> str:
    """A fresh identifier."""
    from bootmend.bcd.identifiers import guid_from_bytes

    random = bytearray(os.urandom(16))
    random[7], random[8] = random[7] & 0x0F | 0x40, random[8] & 0x3F | 0x80  # RFC 4122: version 4, made of random bits
    return guid_from_bytes(bytes(random))


def _new_key() -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return ".".join("".join(digits[byte % 36] for byte in os.urandom(13)) for _ in range(4))


def info(command: Command) -> dict[str, object]:
    """What a person wants to read of the run later."""
    return {"summary": f"bcdedit /{command.name} {' '.join(command.arguments)}".rstrip()}


def with_undo_note(result: Result, run_id: str) -> Result:
    """The result, with the way back where something was written."""
    if not run_id:
        return result
    return result._replace(notes=(*result.notes, f"run {run_id}; to take it back:  bootmend undo {run_id}"))


def done(*notes: str) -> Result:
    """What a command that works on whole files says."""
    return Result(SUCCESS, notes=notes)
