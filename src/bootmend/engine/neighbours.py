"""The files that an image names: its parent, its extents.

An image's word is never followed anywhere: only the last part of a name counts, and it is looked for
in one folder, that of the disk the user named, and among the files the user gave.  So no crafted image makes
us read a file that nobody meant.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, MissingError, ReadError, RefusedError
from bootmend.image.base import Opened, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.image.base import Reference
    from bootmend.source import Source

Identity = tuple[int, int]
MOST_FILES = 10_000
HINT = "name the file with  --parent FILE"
GIVEN: ContextVar[tuple[str, ...]] = ContextVar("files that images may build on", default=())
"""What the user named, for every disk that is opened meanwhile: no caller in between has to know of it."""


class Neighbours(NamedTuple):
    """An :class:`~bootmend.image.base.Opener` for the images that begin with the file ``disk``.

    ``open_file`` opens a path; ``given`` are the paths that the user named; ``chain`` are the files that are being
    opened, each of which named the next; ``found`` hears of every file that is opened.
    """

    disk: str
    open_file: Callable[[str], Source]
    given: tuple[str, ...] = ()
    found: Callable[[str, Reference], None] | None = None
    chain: tuple[Identity, ...] = ()

    def __call__(self, reference: Reference) -> Opened:
        """Open what an image of the chain refers to.

        Raises:
            MissingError: it is neither beside the disk nor given.
            CorruptError: it is a file of the chain itself.
            RefusedError: it is a link to elsewhere, or no regular file.
        """
        chain = self.chain or (_identity(self.disk),)
        path = self._path(reference, chain)
        identity = _identity(path)
        if identity in chain:
            raise CorruptError(f"{reference} is the image itself, or builds on it")
        if self.found is not None:
            self.found(path, reference)
        return Opened(self.open_file(path), os.path.basename(path), self._replace(chain=(*chain, identity)))

    def _path(self, reference: Reference, chain: tuple[Identity, ...]) -> str:
        wanted = list(_base_names(reference.names))
        for path in self.given:
            if os.path.basename(path).casefold() in {name.casefold() for name in wanted}:
                return path
        for name in wanted:
            path = self._beside(name)
            if path:
                return path
        # Renamed files cannot be known by their names: then the given ones count in their order, the nearest first.
        for path in self.given if not reference.writable else ():
            if _identity(path) not in chain:
                return path
        raise _missing(reference, wanted)

    def _beside(self, name: str) -> str:
        """The file of that name in the disk's folder, "" where there is none; Windows does not tell capitals apart."""
        folder = os.path.dirname(os.path.abspath(self.disk))
        try:
            if not stat.S_ISREG(os.stat(self.disk).st_mode):
                return ""  # what lies beside a device node or behind a URL is nothing of its own
        except (OSError, ValueError):
            return ""
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            path = next((entry for entry in _entries(folder) if os.path.basename(entry).casefold() == name.casefold()), "")
        if path:
            _refuse_elsewhere(path, folder)
        return path


@contextmanager
def given_parents(*paths: str) -> Iterator[None]:
    """Let disks that are opened inside build on these files, although they do not lie beside them."""
    token = GIVEN.set((*paths, *GIVEN.get()))
    try:
        yield
    finally:
        GIVEN.reset(token)


def _base_names(names: tuple[str, ...]) -> Iterator[str]:
    """The last parts of paths in the ways of Windows and Unix, each once."""
    seen: set[str] = set()
    for name in names:
        last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
        if last not in {"", ".", ".."} and "\0" not in last and last not in seen:
            seen.add(last)
            yield last


def _entries(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST_FILES), entries, strict=False):
                yield entry.path
    except OSError:
        return


def _refuse_elsewhere(path: str, folder: str) -> None:
    """A link in the folder may have been put there to have another file read; a pipe would never end."""
    name = printable(os.path.basename(path))
    if os.path.dirname(os.path.realpath(path)) != os.path.realpath(folder):
        raise RefusedError(f"{name} beside it is a link to another folder", hint=f"if that is meant: {HINT}")
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise ReadError(f"{name} beside it cannot be opened: {error.strerror}") from error
    if not regular:
        raise RefusedError(f"{name} beside it is no regular file")


def _identity(path: str) -> Identity:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return (-1, hash(path))
    except OSError as error:
        raise ReadError(f"{path} cannot be opened: {error.strerror}") from error
    return (status.st_dev, status.st_ino)


def _missing(reference: Reference, wanted: list[str]) -> MissingError:
    said = next((name for name in reference.names if name), "")
    name = printable(wanted[0]) if wanted else ""
    message = f"it builds on its {reference.role} {name}".rstrip() + ", which is not in the same folder"
    shown = printable(said)
    return MissingError(message, hint=f"{HINT}" + (f"  (the image calls it {shown})" if shown != name and shown else ""))
