"""The lock on a target's sources, held from before the plan is derived again until its run is over.

On Linux, for every source: an ``flock`` against other runs of bootmend; a whole-file open-file-description
lock, which QEMU's locks (bytes 100 and 200 onwards) and everybody else's are in conflict with; a look for
programs that have the file open for writing without any lock; on a block device ``O_EXCL``.
All on a descriptor opened for reading, since the target is only opened for writing once a journal
exists; that is why the whole-file lock is a shared one, taken together with a test that an exclusive one
would have been granted.

On Windows the share mode of ``CreateFile`` and ``LockFileEx`` do the same; that part follows the published
contract and has not been proven on Windows.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from bootmend.engine.device import refuse_unwritable
from bootmend.engine.in_use import Kernel
from bootmend.errors import MissingError, ReadError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TRY_AGAIN = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF}


@contextmanager
def lock_sources(paths: Iterable[str], kernel: Kernel | None = None) -> Iterator[None]:
    """Lock files and block devices for a change, all or none.  A path that is named twice is locked once.

    Raises:
        RefusedError: one of them is in use or may not be written; nothing was written.
        MissingError: there is no such file.
        ReadError: it cannot be opened.
    """
    kernel = kernel or Kernel()
    with ExitStack() as stack:
        locked: set[tuple[int, int]] = set()
        for path in sorted({os.path.realpath(path) for path in paths}):
            status = _checked(path, kernel)
            if (status.st_dev, status.st_ino) not in locked or status.st_ino == 0:
                locked.add((status.st_dev, status.st_ino))
                stack.enter_context(_locked(path, status, kernel))
        yield


def _checked(path: str, kernel: Kernel) -> os.stat_result:
    """Refuse what is in use by the kernel's own account, or read-only."""
    try:
        status = os.stat(path)
        reason = kernel.reason_in_use(path)
    except FileNotFoundError as error:
        raise MissingError(f"there is no file {path}") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be opened: {error.strerror}") from error
    if reason:
        raise RefusedError(f"{reason}; nothing was written", at=path)
    refuse_unwritable(path)
    return status


@contextmanager
def _locked(path: str, status: os.stat_result, kernel: Kernel) -> Iterator[None]:
    if sys.platform == "win32":
        from bootmend.engine.lock_windows import locked

        with locked(path):
            yield
        return
    descriptor = _open(path, stat.S_ISBLK(status.st_mode))
    try:
        if not _exclude_others(descriptor):
            raise _taken(path, kernel)
        if not _is_still(path, descriptor, status):
            raise RefusedError("it was replaced just now; nothing was written", at=path, hint="try again")
        yield
    finally:
        os.close(descriptor)


def _is_still(path: str, descriptor: int, status: os.stat_result) -> bool:
    """Whether what is locked is what was looked at and still has its name: a lock on a nameless file keeps nobody off."""
    try:
        return os.path.samestat(os.fstat(descriptor), status) and os.path.samestat(status, os.stat(path))
    except OSError:
        return False


def _open(path: str, is_block_device: bool) -> int:
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags | (os.O_EXCL if is_block_device else 0))
    except OSError as error:
        if error.errno == errno.EBUSY:
            message = "the kernel uses it or a partition of it (a mount, a RAID, an LVM, swap space); nothing was written"
            raise RefusedError(message, at=path, hint="stop what uses it, then try again") from error
        raise ReadError(f"{path} cannot be opened: {error.strerror}") from error


def _taken(path: str, kernel: Kernel) -> RefusedError:
    users = kernel.users(path)
    who = f"it is in use by {' and '.join(users[:3])}" if users else "it is in use: another program has it open or locked"
    return RefusedError(f"{who}; nothing was written", at=path, hint="stop the virtual machine or program that uses it")


def _exclude_others(descriptor: int) -> bool:
    """Take every lock there is; False where somebody else has one, or writes without one."""
    return _flock(descriptor) and _whole_file_lock(descriptor) and not _has_writer(descriptor)


def _flock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TRY_AGAIN:
            return False
        if error.errno not in _NO_LOCKS:
            raise ReadError(f"it cannot be locked: {error.strerror}") from error
    return True


def _whole_file_lock(descriptor: int) -> bool:
    """Linux: open-file-description locks (fcntl(2)), which do not vanish when another descriptor is closed."""
    import fcntl

    if not hasattr(fcntl, "F_OFD_SETLK"):
        return True
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock_record(fcntl.F_RDLCK))
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _flock_record(fcntl.F_WRLCK))
    except OSError as error:
        if error.errno in _TRY_AGAIN:
            return False
        if error.errno in _NO_LOCKS:
            return True
        raise ReadError(f"it cannot be locked: {error.strerror}") from error
    return bool(struct.unpack_from("h", answer)[0] == fcntl.F_UNLCK)


def _flock_record(kind: int) -> bytes:
    """``struct flock``: type, whence, start, length (0: to the end, wherever that comes to lie), process (must be 0)."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)


def _has_writer(descriptor: int) -> bool:
    """Whether any program has the file open for writing, lock or no lock: only then is a read lease refused (fcntl(2)).

    The lease is given back at once.  Should somebody open the file in between, the kernel's notice
    is a signal that is ignored by default.  Only a file's owner and root may ask; others rely on the locks.
    """
    import fcntl
    import signal

    if not hasattr(fcntl, "F_SETLEASE") or not hasattr(fcntl, "F_SETSIG"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN and stat.S_ISREG(os.fstat(descriptor).st_mode)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
