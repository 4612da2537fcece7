"""Looking at, and changing, single files inside a disk: what ``bootmend disk`` does."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from bootmend.engine.lock import lock_sources
from bootmend.engine.target import Target
from bootmend.engine.write_store import DiskEdit
from bootmend.errors import MissingError, RefusedError, UsageError, place
from bootmend.filesystem.tree import Attribute, normalise, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bootmend.filesystem import Entry
    from bootmend.filesystem.edit import TreeEditor
    from bootmend.machine import Machine, Volume

    #: asked with what would change, before anything is written; False leaves everything as it is
    Consent = Callable[[Sequence[str]], bool]

LARGEST = 256 << 20
"""A file put into a disk may not be larger: the journal holds its bytes."""
PIECE = 1 << 20
MOST_ENTRIES = 200_000
_INNER = re.compile(r"(\d+|system|windows):(?:[\\/](.*))?", re.IGNORECASE | re.DOTALL)
_LETTERS = {"r": Attribute.READONLY, "h": Attribute.HIDDEN, "s": Attribute.SYSTEM, "a": Attribute.ARCHIVE}


class Inner(NamedTuple):
    """A place inside a disk: ``volume`` is a number, ``system`` or ``windows``; ``path`` begins with a backslash."""

    volume: str
    path: str

    def __str__(self) -> str:
        return f"{self.volume}:{self.path}"


class Change(NamedTuple):
    """What came of a change: the sentences that say it, and the run that can be undone, "" where nothing was written."""

    changes: tuple[str, ...]
    run_id: str = ""
    declined: bool = False


class Piece(NamedTuple):
    """``length`` bytes of a file from ``start`` on: at ``offset`` of the file ``source``; both empty for what lies nowhere."""

    start: int
    length: int
    source: str
    offset: int


def parse_inner(text: str) -> Inner | None:
    """Return the place inside a disk that a text names (``2:\\Windows``, ``system:\\Boot\\BCD``); None for another text."""
    found = _INNER.fullmatch(text)
    return Inner(found[1].lower(), normalise(found[2] or "")) if found else None


def inner_of(text: str) -> Inner:
    """The same, where nothing else will do.

    Raises:
        UsageError: it names no volume.
    """
    found = parse_inner(text)
    if found is None:
        raise UsageError(f"{text!r} names no volume: write it as 2:\\Windows, system:\\Boot\\BCD or windows:\\Windows")
    return found


def volume_of(machine: Machine, inner: Inner) -> Volume:
    """The volume that a place is on.

    Raises:
        MissingError: there is none, or several could be meant.
    """
    if inner.volume.isdecimal():
        found = [volume for volume in machine.volumes if volume.number == int(inner.volume)]
    else:
        found = [volume for volume in machine.volumes if inner.volume in machine.roles(volume)]
    if len(found) == 1:
        return found[0]
    numbers = ", ".join(str(volume.number) for volume in found or machine.volumes)
    if found:
        raise MissingError(f"the disk has several {inner.volume} volumes: {numbers}", hint="name one by its number")
    raise MissingError(f"the disk has no volume {inner.volume}; it has {numbers}")


# -- looking -------------------------------------------------------------------------------------------


def entries(machine: Machine, inner: Inner, *, recursive: bool = False) -> Iterator[tuple[str, Entry]]:
    """Yield the path and the entry of a file, or of what a directory holds.

    Raises:
        MissingError: there is no such file or directory.
    """
    volume = volume_of(machine, inner)
    with place(volume.name):
        entry = volume.tree.lookup(inner.path)
        if entry is None:
            raise MissingError(f"there is no {inner.path}")
        if not entry.is_directory:
            yield inner.path, entry
            return
        waiting, seen = [inner.path], 0
        while waiting:
            directory = waiting.pop()
            for each in volume.tree.list(directory):
                seen += 1
                if seen > MOST_ENTRIES:
                    raise RefusedError(f"there are more than {MOST_ENTRIES:,} files below {inner.path}")
                path = normalise(f"{directory}\\{each.name}")
                yield path, each
                if recursive and each.is_directory and not each.attributes & Attribute.REPARSE_POINT:
                    waiting.append(path)


def pieces(machine: Machine, inner: Inner) -> Iterator[bytes]:
    """Yield the bytes of a file, a MiB at a time."""
    volume = volume_of(machine, inner)
    with place(volume.name):
        file = volume.tree.open(inner.path)
        for start in range(0, file.size, PIECE):
            yield file.read_at(start, min(PIECE, file.size - start))


def whereabouts(target: Target, inner: Inner) -> list[Piece]:
    """Where the bytes of a file lie in the target's own files."""
    volume = volume_of(target.machine, inner)
    found: list[Piece] = []
    with place(volume.name):
        file = volume.tree.open(inner.path)
        start, extents = 0, file.locate(0, file.size)
        names = {id(source): path for path, source in target.files.items()}
        for extent in extents:
            name = names.get(id(extent.source), "") if extent.source is not None else ""
            last = found[-1] if found else None
            follows = last is not None and last.source == name and (not name or last.offset + last.length == extent.offset)
            if last is not None and follows:
                found[-1] = last._replace(length=last.length + extent.length)
            else:
                found.append(Piece(start, extent.length, name, extent.offset))
            start += extent.length
    return found


def copy_out(machine: Machine, inner: Inner, destination: str, *, force: bool) -> int:
    """Copy a file of the disk to a file here, whole or not at all; returns its length.

    Raises:
        RefusedError: there is a file already, and ``force`` is not given.
    """
    path = (
        os.path.join(destination, split_path(inner.path)[-1])
        if os.path.isdir(destination) and split_path(inner.path)
        else destination
    )
    if os.path.lexists(path) and not force:
        raise RefusedError(f"{path} exists already", hint="--force replaces it")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise MissingError(f"there is no folder {folder}")
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".bootmend-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(piece) for piece in pieces(machine, inner))
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return size


def _umask() -> int:
    """What new files do not get; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# -- changing ------------------------------------------------------------------------------------------


def change_disk(
    path: str,
    inner: Inner,
    change: Callable[[TreeEditor], None],
    said: str,
    consent: Consent,
    *,
    unsafe: bool,
    leaves: bool = True,
) -> Change:
    """Change the files of one volume on an overlay, ask, and write it through the journal.

    Raises:
        RefusedError: it would not be safe; nothing was written.
    """
    with Target(path) as target, lock_sources(target.files_to_lock()):
        edit = DiskEdit(target, unsafe=unsafe)
        volume = volume_of(edit.workspace.machine, inner)
        edit.workspace.change_files(volume.number, inner.path, change, leaves=leaves)
        sentences = (said.format(volume=volume.name),)
        if not edit.changed:
            return Change(())
        if not consent(sentences):
            return Change(sentences, declined=True)
        return Change(sentences, edit.write({"summary": sentences[0]}))


def read_inner(path: str, inner: Inner) -> bytes:
    """A whole file of a disk, at most :data:`LARGEST` bytes."""
    with Target(path) as target:
        volume = volume_of(target.machine, inner)
        with place(volume.name):
            return volume.tree.read(inner.path, LARGEST)


def read_here(path: str) -> bytes:
    """A whole file of this computer.

    Raises:
        RefusedError: it is larger than :data:`LARGEST`.
    """
    from bootmend.source import FileSource

    with FileSource(path) as source:
        if source.size > LARGEST:
            raise RefusedError(f"{path} is larger than {LARGEST >> 20} MiB, the most that is put into a disk at once")
        return source.read_at(0, source.size)


def target_path(machine: Machine, inner: Inner, name: str) -> Inner:
    """The path of a file that is put at ``inner``: below it under its own ``name`` where that is a directory."""
    entry = volume_of(machine, inner).tree.lookup(inner.path)
    return inner._replace(path=normalise(f"{inner.path}\\{name}")) if entry is not None and entry.is_directory else inner


def parse_attributes(words: Sequence[str], old: Attribute) -> Attribute:
    """What ``+h -r`` makes of attributes, as Windows' own attrib takes them.

    Raises:
        UsageError: another letter.
    """
    for word in words:
        sign, letter = word[:1], word[1:].lower()
        if sign not in "+-" or letter not in _LETTERS:
            raise UsageError(f"{word!r} is none of +r -r +h -h +s -s +a -a")
        old = old | _LETTERS[letter] if sign == "+" else old & ~_LETTERS[letter]
    return old
