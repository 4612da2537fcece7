"""The lock on a subject: one process at a time works on it, and the next one is told who.

With the SQLite file it is a locked file in the state folder, with PostgreSQL an advisory lock of a connection that
lives as long as the engine.  Both vanish with their process, however it dies.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import os
import socket
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bootmend.engine.state import PRIVATE_FILE, make_private_folder, state_dir, state_refusal
from bootmend.errors import ReadError, RefusedError, UnsupportedError
from bootmend.rescue.workflow import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import psycopg

_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK}
_LONGEST = 1024
_TRIES, _MOMENT = 5, 0.05
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def workflows_dir() -> str:
    """The folder of the default database and of the locks."""
    return os.path.join(state_dir(), "workflows")


def lock_subject(subject: str, database: str) -> AbstractContextManager[None]:
    """Hold a subject.

    Raises:
        BusyError: another process has it.
        ReadError, RefusedError: the lock cannot be kept at all.
    """
    return _advisory_lock(subject, database) if database else _file_lock(subject)


def holder_of(subject: str, database: str = "") -> str:
    """Who works on a subject just now; empty where nobody does."""
    if database:
        with _connection(database) as connection:
            return _holder_in_database(connection, _key(subject))
    try:
        with _file_lock(subject):
            return ""
    except BusyError as busy:
        return busy.holder


def _myself() -> str:
    with suppress(OSError, KeyError, ImportError):
        return f"process {os.getpid()} of {getpass.getuser()} on {socket.gethostname()}"
    return f"process {os.getpid()} on {socket.gethostname()}"


# -- a file ------------------------------------------------------------------------------------------


@contextmanager
def _file_lock(subject: str) -> Iterator[None]:
    name = hashlib.sha256(subject.encode()).hexdigest()[:16]
    path = os.path.join(workflows_dir(), f"{name}.lock")
    try:
        make_private_folder(workflows_dir())
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), PRIVATE_FILE
        )
    except OSError as error:
        raise state_refusal(error, workflows_dir()) from error
    try:
        _take_soon(descriptor, subject)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{_myself()}, since {since}".encode())
        yield
    finally:
        os.close(descriptor)  # and with it the lock; the file stays, since removing it would race with the next one


def _take_soon(descriptor: int, subject: str) -> None:
    """Somebody who only looks who is there holds it for a moment, too: that must not stop anybody."""
    for _ in range(_TRIES):
        if _take(descriptor):
            return
        time.sleep(_MOMENT)
    raise BusyError(subject, _read_holder(descriptor))


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LONGEST, os.SEEK_SET)  # behind the text, which others want to read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise RefusedError(
            f"the lock file cannot be locked ({error.strerror}): nothing was written", at=workflows_dir()
        ) from error
    return True


def _read_holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, _LONGEST).decode("utf-8", "replace") or "a process that has only just begun"


# -- PostgreSQL --------------------------------------------------------------------------------------


@contextmanager
def _advisory_lock(subject: str, database: str) -> Iterator[None]:
    key = _key(subject)
    with _connection(database) as connection:
        found = connection.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone()
        if not (found and found[0]):
            raise BusyError(subject, _holder_in_database(connection, key) or "a process that has just ended")
        yield


def _key(subject: str) -> int:
    return int.from_bytes(hashlib.sha256(f"bootmend {subject}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def _connection(database: str) -> Iterator[psycopg.Connection]:
    try:
        import psycopg
    except ImportError as error:
        raise UnsupportedError("psycopg is not installed", hint='pip install "bootmend[fleet]"') from error
    try:
        # libpq keeps 63 bytes of the name, which is how the next operator is told of us
        connection = psycopg.connect(
            database, application_name=f"bootmend: {_myself()}"[:63], autocommit=True, connect_timeout=20
        )
    except psycopg.Error as error:
        raise ReadError("the database cannot be reached", hint="look at its URL, and whether it runs") from error
    with connection:
        yield connection


def _holder_in_database(connection: psycopg.Connection, key: int) -> str:
    """Advisory locks on 64 bits are listed in two halves; ``objsubid`` 1 says that they belong together."""
    found = connection.execute(
        "select a.application_name, a.backend_start from pg_locks l join pg_stat_activity a using (pid) "
        "where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.classid = %s and l.objid = %s",
        ((key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF),
    ).fetchone()
    if found is None:
        return ""
    return f"{str(found[0]).removeprefix('bootmend: ')}, since {found[1]:%Y-%m-%dT%H:%M:%S%z}"
