"""A file of its own changed as a whole: a copy beside it gets the run's bytes, and then the file's name.

Whoever opens the file sees all of the change or nothing of it, also after a crash.  The copy keeps owner, mode and
extended attributes.  Where there can be no such copy (the folder may not be written, the file has other names or is
mounted by itself, its owner cannot be kept, Windows), the run is written in place, as on a disk: then the journal
alone makes it whole.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bootmend.engine.device import FileDevice
from bootmend.engine.state import flush_descriptor, sync_folder
from bootmend.engine.writer import apply_run, roll_back
from bootmend.errors import ApplyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.device import Device
    from bootmend.engine.runs import Run

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PRIVATE = 0o600


def apply_by_replacing(run: Run, path: str) -> None:
    """Write a prepared run, whose only source is the file ``path``; afterwards it is ``written``.

    To be called under :func:`~bootmend.engine.lock.lock_sources`.

    Raises:
        RefusedError, ReadError, ApplyError, RollbackError: as :func:`~bootmend.engine.writer.apply_run`.
    """
    path = os.path.realpath(path)
    with _copy_beside(path) as copy:
        if copy is None:
            apply_run(run)
            return

        def open_copy(_: str) -> Device:
            return FileDevice(copy, os.open(copy, _FLAGS))

        apply_run(run, open_copy)
        _publish(run, copy, path)


def _publish(run: Run, copy: str, path: str) -> None:
    """Give the copy the file's name; where that fails, nothing has changed, and the run is taken back."""
    try:
        os.replace(copy, path)
        sync_folder(os.path.dirname(path))
    except (OSError, KeyboardInterrupt) as error:
        roll_back(run)
        if isinstance(error, KeyboardInterrupt):
            raise
        message = f"the changed file cannot take the old one's place ({error.strerror}); everything is as it was"
        raise ApplyError(message, at=path) from error


@contextmanager
def _copy_beside(path: str) -> Iterator[str | None]:
    """Yield the name of a lasting copy that can take the file's place, or None; it is gone afterwards if it still is a copy."""
    folder, name = os.path.split(path)
    copy = os.path.join(folder, f".{name}.bootmend.new")
    try:
        yield copy if _made_copy(path, copy) else None
    finally:
        with suppress(OSError):
            os.unlink(copy)


def _made_copy(path: str, copy: str) -> bool:
    if sys.platform == "win32" or os.path.ismount(path):
        return False
    try:
        if os.stat(path).st_nlink != 1:
            return False
        with suppress(FileNotFoundError):  # left by a run that was killed here
            os.unlink(copy)
        with open(path, "rb") as old, open(os.open(copy, _FLAGS | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            _keep_attributes(old.fileno(), new.fileno())
            flush_descriptor(new.fileno())
    except OSError:
        return False
    return True


def _keep_attributes(old: int, new: int) -> None:
    """Give a file the owner, extended attributes (access lists are among them) and mode of another; raises OSError."""
    wanted, made = os.fstat(old), os.fstat(new)
    if (wanted.st_uid, wanted.st_gid) != (made.st_uid, made.st_gid):
        os.fchown(new, wanted.st_uid, wanted.st_gid)
    if sys.platform == "linux":
        for name in _attributes(old):
            value = os.getxattr(old, name)
            if name not in _attributes(new) or os.getxattr(new, name) != value:
                os.setxattr(new, name, value)
    os.fchmod(new, stat.S_IMODE(wanted.st_mode))  # last: a new owner takes special bits away


def _attributes(descriptor: int) -> list[str]:
    """The names of extended attributes; none where the file system has no such thing."""
    try:
        return os.listxattr(descriptor)
    except OSError:
        return []
