"""Where runs are kept, and files that are either there whole or not at all.

Everything the engine must not lose goes through :func:`write_durably`: a temporary file, ``fsync``,
a rename, ``fsync`` of the folder.  Nothing here touches a target.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from bootmend.errors import RefusedError

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_CREATE = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
)


def state_dir() -> str:
    """The folder of this user's runs: ``BOOTMEND_STATE_DIR``, else the platform's state folder; it may not exist yet."""
    named = os.environ.get("BOOTMEND_STATE_DIR")
    if named:
        return os.path.abspath(named)
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "bootmend")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "bootmend")
    # The XDG base directory specification: a relative path is to be ignored.
    base = os.environ.get("XDG_STATE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".local", "state"), "bootmend")


def runs_dir() -> str:
    """The folder that holds one folder a run."""
    return os.path.join(state_dir(), "runs")


def may_have_runs(target: str) -> bool:
    """Whether any trace of a run is to be seen: runs of this user, or a marker beside the target."""
    if os.path.isdir(runs_dir()):
        return True
    folder, name = os.path.split(os.path.realpath(target))
    try:
        with os.scandir(folder or ".") as entries:
            return any(entry.name.startswith(f".{name}.bootmend-") for entry in entries)
    except OSError:
        return True


def make_private_folder(folder: str) -> None:
    """Make a folder, and those above it, that only this user can enter; one that is there stays as it is."""
    os.makedirs(folder, mode=PRIVATE_FOLDER, exist_ok=True)


def write_new(path: str, parts: list[bytes], mode: int = PRIVATE_FILE) -> None:
    """Write a file that was not there, and wait until its bytes are on the disk; raises OSError."""
    descriptor = os.open(path, _CREATE, mode)
    try:
        _give_to_owner(descriptor, os.path.dirname(path))
        for part in parts:
            _write_all(descriptor, part)
        flush_descriptor(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: str, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put a file in place of what was there, atomically and lastingly; raises OSError and then the old file stays."""
    temporary = f"{path}.new"
    with suppress(FileNotFoundError):  # left by a run that was killed here
        os.unlink(temporary)
    try:
        write_new(temporary, [data], mode)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder are on the disk; raises OSError.

    Windows has no such call: NTFS journals the rename itself.  Some FUSE file systems answer EINVAL.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def flush_descriptor(descriptor: int) -> None:
    """Wait until a file's bytes are on the medium; raises OSError, and then nobody may try again.

    After a failed ``fsync`` the kernel may have marked the lost pages clean: a second call would
    succeed without having written them.
    """
    if sys.platform == "darwin":  # fsync(2) there only reaches the drive's cache
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}:
                raise
        else:
            return
    os.fsync(descriptor)


def state_refusal(error: OSError, folder: str) -> RefusedError:
    """The refusal to begin a run whose journal cannot be kept."""
    what = "is full" if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else f"cannot be written ({error.strerror})"
    return RefusedError(
        f"the folder for journals {what}, and without a journal nothing is changed: nothing was written",
        at=folder,
        hint="free some space there, or name another folder in BOOTMEND_STATE_DIR",
    )


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _give_to_owner(descriptor: int, folder: str) -> None:
    """What root writes into a user's folder stays readable to that user: ``sudo bootmend undo`` must not lock them out."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = os.stat(folder)
        if owner.st_uid != 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
