"""Changing a hive in its file or inside a disk: the same journal and undo as a repair."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from bootmend.engine.clock import filetime_now
from bootmend.engine.hive_place import open_place
from bootmend.engine.lock import lock_sources
from bootmend.engine.write_store import DiskEdit, commit_to_file
from bootmend.errors import MissingError, RefusedError
from bootmend.registry import HiveEditor
from bootmend.registry.create import replace_hive
from bootmend.registry.recover import FILE_LIMIT, is_dirty, recover
from bootmend.registry.upcase import upcase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bootmend.engine.hive_place import HivePlace, OpenHive
    from bootmend.registry.edit_values import NewValue
    from bootmend.registry.mend import Mending
    from bootmend.registry.regfile_parse import Change
    from bootmend.registry.values import Value
    from bootmend.source import FileSource

    #: asked with what would change, before anything is written; False leaves everything as it is
    Consent = Callable[[Sequence[str]], bool]

MOST = FILE_LIMIT - 1


class Done(NamedTuple):
    """What came of a change: the sentences that say it, the run that can be undone ("" where nothing was written)."""

    changes: tuple[str, ...]
    run_id: str = ""
    declined: bool = False
    notes: tuple[str, ...] = ()


def edit_hive(
    where: HivePlace, change: Callable[[HiveEditor], Sequence[str]], summary: str, consent: Consent, *, unsafe: bool = False
) -> Done:
    """Edit a hive and write it; ``change`` returns a sentence for each thing it changed.

    A file of its own may grow; one inside a disk keeps its length.  A dirty hive is recovered from its logs first.

    Raises:
        RefusedError: it would not be safe, or there is no room; nothing was written.
        MissingError, UsageError: what ``change`` raises; nothing was written.
    """
    with _locked(where) as opened:
        if opened.target is None:
            return _edit_file(opened, change, summary, consent)
        edit = DiskEdit(opened.target, unsafe=unsafe)
        assert opened.volume is not None
        editor = edit.workspace.hive(opened.volume.number, opened.path)
        changes = tuple(change(editor))
        if not changes or not editor.commit().changed:
            return Done(changes)
        if not consent(changes):
            return Done(changes, declined=True)
        return Done(changes, edit.write({"summary": summary}), notes=_recovered(editor))


def _edit_file(opened: OpenHive, change: Callable[[HiveEditor], Sequence[str]], summary: str, consent: Consent) -> Done:
    editor = HiveEditor(opened.source, now=filetime_now(), logs=opened.logs, room=MOST)
    changes = tuple(change(editor))
    commit = editor.commit()
    if not changes or not commit.changed:
        return Done(changes)
    if not consent(changes):
        return Done(changes, declined=True)
    run_id = commit_to_file(opened.place.path, _file(opened), commit, {"summary": summary})
    return Done(changes, run_id, notes=_recovered(editor))


def _recovered(editor: HiveEditor) -> tuple[str, ...]:
    if editor.recovery is None:
        return ()
    return (f"the hive was dirty and was recovered first: {'; '.join(editor.recovery.applied)}",)


@contextmanager
def _locked(where: HivePlace) -> Iterator[OpenHive]:
    """Open a hive, and lock what would be written to."""
    with open_place(where) as opened:
        target = opened.target
        paths = [where.path] if target is None else target.files_to_lock()
        with lock_sources(paths):
            yield opened


def _file(opened: OpenHive) -> FileSource:
    from bootmend.source import FileSource

    assert isinstance(opened.source, FileSource)
    return opened.source


# -- one value or key ----------------------------------------------------------------------------------
def set_value(editor: HiveEditor, key: str, name: str, kind: int, data: bytes, *, create: bool) -> Sequence[str]:
    """Give a value its type and data; with ``create`` the key is made where it is not there.

    Raises:
        MissingError: no such key.
    """
    changes = create_key(editor, key) if create else []
    found = editor.key(key)
    if found is None:
        raise MissingError(f"the hive has no key {key}", hint="add --create to make it")
    before = found.value(name)
    line = _said_of_value(before, (name, kind, data))
    if not line:
        return changes
    editor.set_value(key, name, kind, data)
    return [*changes, f"[{found.path}]", *line]


def _said_of_value(before: Value | None, after: NewValue) -> list[str]:
    """What a value is before and after, as lines of a ``.reg`` file; nothing where it stays as it is."""
    from bootmend.registry.regfile import single_line

    name, kind, data = after
    if before is None:
        return [f"+ {single_line(name, kind, data)}"]
    if (before.type, before.data) == (kind, data):
        return []
    return [f"- {single_line(before.name, before.type, before.data)}", f"+ {single_line(before.name, kind, data)}"]


def create_key(editor: HiveEditor, key: str) -> list[str]:
    """Make a key, with its missing parents, where it is not there."""
    if editor.key(key) is not None:
        return []
    return [f"+ [{editor.create_key(key).path}]"]


def delete_value(editor: HiveEditor, key: str, name: str) -> Sequence[str]:
    """Delete a value.

    Raises:
        MissingError: no such key or value.
    """
    from bootmend.registry.regfile import single_line

    found = editor.key(key)
    value = found.value(name) if found else None
    editor.delete_value(key, name)
    assert found is not None
    assert value is not None
    return [f"[{found.path}]", f"- {single_line(value.name, value.type, value.data)}"]


def delete_key(editor: HiveEditor, key: str, *, recursive: bool) -> Sequence[str]:
    """Delete a key, with ``recursive`` all below it; each key that goes is named.

    Raises:
        MissingError: no such key.
        RefusedError: it has subkeys, or must not be deleted.
    """
    from bootmend.registry.regfile import walk_below

    found = editor.key(key)
    if found is None:
        raise MissingError(f"the hive has no key {key}")
    if found.subkey_count and not recursive:
        raise RefusedError(f"the key has {found.subkey_count} subkeys", at=key, hint="add --recursive to delete all of it")
    gone = [f"- [{path}]" for path, _ in walk_below(editor, found, found.path)]
    editor.delete_key(key, recursive=recursive)
    return gone


def import_changes(editor: HiveEditor, changes: Sequence[Change], resolve: Callable[[str], str]) -> Sequence[str]:
    """Do what a ``.reg`` file asks for; deleting what is not there is nothing, as for the Registry Editor.

    Raises:
        RefusedError: a key that must not be deleted, or no room.
    """
    said: list[str] = []
    for key, group in groupby(changes, lambda change: change.key):
        said += _import_key(editor, resolve(key), list(group))
    return said


def _import_key(editor: HiveEditor, key: str, changes: Sequence[Change]) -> list[str]:
    """What one part of the file asks of one key, in its order; values that are set one after the other are set at once."""
    said: list[str] = []
    for kind, group in groupby(changes, _kind_of_change):
        if kind is _SET:
            said += _import_values(editor, key, group)
        else:
            for change in group:
                said += _import_key_or_deletion(editor, key, change)
    return said


_KEY, _DELETE, _SET = "key", "delete", "set"


def _kind_of_change(change: Change) -> str:
    return _KEY if change.name is None else _DELETE if change.delete else _SET


def _import_key_or_deletion(editor: HiveEditor, key: str, change: Change) -> Sequence[str]:
    if not change.delete:
        return create_key(editor, key)
    found = editor.key(key)
    if found is None:
        return ()
    if change.name is None:
        return delete_key(editor, key, recursive=True)
    return delete_value(editor, key, change.name) if found.value(change.name) is not None else ()


def _import_values(editor: HiveEditor, key: str, changes: Iterable[Change]) -> list[str]:
    """Set values of one key; of several of the same name the last counts, and what is so already is not touched."""
    said = create_key(editor, key)
    found = editor.key(key)
    assert found is not None
    present: dict[str, Value] = {}
    for value in found.values():
        present.setdefault(upcase(value.name), value)
    wanted = {upcase(change.name or ""): (change.name or "", change.kind, change.data) for change in changes}
    lines = {name: _said_of_value(present.get(name), value) for name, value in wanted.items()}
    changed = [value for name, value in wanted.items() if lines[name]]
    if changed:
        editor.set_values(key, changed)
        said += [f"[{found.path}]", *(line for name in wanted for line in lines[name])]
    return said


# -- whole hives -----------------------------------------------------------------------------------------
def recover_hive(
    where: HivePlace, consent: Consent, *, output: str = "", logs: Sequence[FileSource] = (), unsafe: bool = False
) -> Done:
    """Apply a hive's logs (those beside it, or the ``logs`` given), and write the result in its place, or to a new file.

    Raises:
        RefusedError: its logs do not help, or there is no room; nothing was written.
    """
    with open_place(where) as opened:
        logs = logs or list(opened.logs)  # type: ignore[arg-type]
        if not is_dirty(opened.source):
            return _to_new_file(output, opened.source.read_at(0, opened.source.size), ()) if output else Done(())
        recovery = recover(opened.source, logs)
    applied = tuple(recovery.applied)
    if output:
        return _to_new_file(output, recovery.data, applied)
    return replace_whole(where, recovery.data, applied, "hive recover", consent, unsafe=unsafe, logs=logs)


def mend_hive(opened: OpenHive, *, may_grow: bool = False, without_logs: bool = False) -> Mending:
    """Mend a hive in memory; a dirty one is recovered from its logs first, unless ``without_logs``.

    ``may_grow``: the result goes to a file of its own.

    Raises:
        RefusedError: it is dirty and its logs do not help, or it is damaged beyond what can be told.
    """
    from bootmend.registry.mend import mend

    room = MOST if opened.target is None or may_grow else opened.source.size
    return mend(opened.source, opened.logs, room=room, without_logs=without_logs)


def replace_whole(
    where: HivePlace,
    data: bytes,
    changes: tuple[str, ...],
    summary: str,
    consent: Consent,
    *,
    unsafe: bool = False,
    logs: Sequence[FileSource] = (),
) -> Done:
    """Write a whole hive over the one that is there, in the order of a commit; only bytes that differ are written.

    Raises:
        RefusedError: it is longer than its file inside a disk, or it would not be safe; nothing was written.
    """
    with _locked(where) as opened:
        if opened.target is not None and len(data) > opened.source.size:
            raise RefusedError(
                f"the hive would need {len(data):,} bytes and its file has {opened.source.size:,}, "
                "and a file inside a disk cannot be made longer",
                hint="write it to a file of its own with -o, and put that there from Windows PE",
            )
        if not consent(changes):
            return Done(changes, declined=True)
        if opened.target is None:
            commit = replace_hive(opened.source, data, logs or opened.logs)
            return Done(changes, commit_to_file(where.path, _file(opened), commit, {"summary": summary}))
        edit = DiskEdit(opened.target, unsafe=unsafe)
        assert opened.volume is not None
        edit.replace(opened.volume, opened.path, data)
        return Done(changes, edit.write({"summary": summary}))


def _to_new_file(path: str, data: bytes, changes: tuple[str, ...]) -> Done:
    write_file(path, data)
    return Done(changes, notes=(f"written to {path}; the original is untouched",))


def write_file(path: str, data: bytes) -> None:
    """Write a new file durably, never over another one.

    Raises:
        RefusedError: there is one already.
        ReadError: it cannot be written.
    """
    from bootmend.engine.store_files import write_new_file

    try:
        write_new_file(path, data)
    except FileExistsError:
        raise RefusedError(f"{path} exists and was left alone; nothing was written", hint="choose another name") from None
