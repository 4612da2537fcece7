"""Stores as whole files: ``/createstore``, ``/export``, ``/import``."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from bootmend.bcd import Store
from bootmend.bcd.commands import Result
from bootmend.bcd.commands.messages import BAD_ARGUMENTS
from bootmend.engine.bcdedit import LIVE_STATUS, NO_FILE, Own, Where, choose, done, is_store_file, open_store, with_undo_note
from bootmend.engine.target import Target
from bootmend.errors import ReadError
from bootmend.registry import Hive
from bootmend.source import FileSource, MemorySource

if TYPE_CHECKING:
    from bootmend.source import Source

EXISTS = "The store creation operation has failed.\nThe file exists.\n"
"""ours: bcdedit's own sentence was never seen"""
NO_NVRAM = "/clean also wipes the firmware's own boot entries, which needs the running machine; import without it.\n"


def create_store(arguments: tuple[str, ...]) -> Result:
    """``/createstore file``: an empty store; a file that is there already is left alone."""
    from bootmend.bcd.create import empty_store
    from bootmend.engine.clock import filetime_now

    if len(arguments) != 1:
        return Result(BAD_ARGUMENTS, 1)
    return make_file(arguments[0], empty_store(filetime_now()))


def export_store(arguments: tuple[str, ...], where: Where) -> Result:
    """``/export file``: the whole store with what its logs hold, byte for byte where they hold nothing."""
    if len(arguments) != 1:
        return Result(BAD_ARGUMENTS, 1)
    with open_store(where) as opened:
        notes = opened.notes
    return _noted(make_file(arguments[0], store_bytes(where)), notes)


def import_store(arguments: tuple[str, ...], where: Where) -> Result:
    """``/import file``: the store becomes what the file holds, and the system store; ``/clean`` needs a running machine."""
    files = [word for word in arguments if word.lower() not in {"/clean", "-clean"}]
    if len(files) != 1:
        return Result(BAD_ARGUMENTS, 1)
    if len(files) != len(arguments):
        return Result(NO_NVRAM, LIVE_STATUS)
    if not os.path.isfile(files[0]):
        return Result(NO_FILE, 1, notes=(f"there is no file {files[0]}",))
    return put_store(_system_store(store_bytes(Where(files[0], Own()))), where, f"bcdedit /import {files[0]}")


def _system_store(store: bytes) -> bytes:
    from bootmend.bcd.create import edit_store, mark
    from bootmend.engine.clock import filetime_now

    Store(Hive(MemorySource(store)))
    return edit_store(store, filetime_now(), lambda editor: mark(editor.hive, system=True))


def put_store(store: bytes, where: Where, summary: str) -> Result:
    """Put a whole store in the place of the one that ``where`` means, through the journal.

    Raises:
        RefusedError: it does not fit, or it would not be safe to write; nothing was written.
    """
    if is_store_file(where.path):
        return _put_in_file(store, where, summary)
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.write_store import DiskEdit

    with Target(where.path) as target:
        chosen, notes = choose(target.machine, where)
        with lock_sources(target.files_to_lock()):
            edit = DiskEdit(target, unsafe=where.own.unsafe)
            file = chosen.volume.tree.open(chosen.path)
            edit.replace(chosen.volume, chosen.path, fitting(store, file.size))
            return with_undo_note(done(*notes), edit.write({"summary": summary}))


def _put_in_file(store: bytes, where: Where, summary: str) -> Result:
    from bootmend.engine.lock import lock_sources
    from bootmend.engine.write_store import commit_to_file, logs_beside
    from bootmend.registry.create import replace_hive

    with lock_sources([where.path]), FileSource(where.path) as source:
        commit = replace_hive(source, store, logs_beside(where.path))
        return with_undo_note(done(), commit_to_file(where.path, source, commit, {"summary": summary}))


def fitting(store: bytes, size: int) -> bytes:
    """The store as it is where it fits ``size`` bytes, else without its free space."""
    if len(store) <= size:
        return store
    from bootmend.bcd.create import compacted
    from bootmend.engine.clock import filetime_now

    return compacted(Store(Hive(MemorySource(store))), filetime_now())


def store_bytes(where: Where) -> bytes:
    """All bytes of a store's file; recovered from its logs where it needs them.

    Raises:
        ReadError: it cannot be read, or is no store.
        RefusedError: it is dirty and its logs do not help.
    """
    from bootmend.engine.write_store import logs_beside
    from bootmend.machine.hives import logs_of

    if is_store_file(where.path):
        with FileSource(where.path) as source:
            return _whole(source, logs_beside(where.path))
    with Target(where.path) as target:
        store, _ = choose(target.machine, where)
        return _whole(store.volume.tree.open(store.path), logs_of(store.volume, store.path))


def _whole(source: Source, logs: list[FileSource] | list[Source]) -> bytes:
    from bootmend.registry.recover import recover

    hive = Hive(source, dirty="accept")
    data = recover(source, logs).data if hive.dirty else source.read_at(0, source.size)
    Store(Hive(MemorySource(data)))
    return bytes(data)


# -- new files -----------------------------------------------------------------------------------------
def make_file(path: str, data: bytes) -> Result:
    """Make a file that is whole or not there at all, and say so as bcdedit does."""
    try:
        write_new_file(path, data)
    except FileExistsError:
        return Result(EXISTS, 1, notes=(f"{path} exists and was left alone",))
    return done()


def write_new_file(path: str, data: bytes) -> None:
    """Write a new file durably: under another name first, then under its own.

    Raises:
        FileExistsError: there is one already; it stays as it is.
        ReadError: it cannot be written.
    """
    from bootmend.engine.state import sync_folder

    if os.path.lexists(path):
        raise FileExistsError(path)
    temporary = f"{path}.{os.getpid()}.new"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _give_name(temporary, path)
        sync_folder(os.path.dirname(os.path.abspath(path)))
    except FileExistsError:
        raise
    except OSError as error:
        raise ReadError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _give_name(temporary: str, path: str) -> None:
    """Name the file, never over another one; a file system without hard links leaves a moment between looking and naming."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
            raise
        if os.path.lexists(path):
            raise FileExistsError(path) from error
        os.rename(temporary, path)


def _noted(result: Result, notes: tuple[str, ...]) -> Result:
    return result._replace(notes=(*notes, *result.notes))
