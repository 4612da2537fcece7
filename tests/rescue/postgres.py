"""A PostgreSQL of the test's own, run by a user without rights: the server refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = "postgres"


def _skip(reason: str) -> None:
    (pytest.fail if os.environ.get("BOOTMEND_NO_SKIP") else pytest.skip)(reason)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and (path := shutil.which("initdb")):
        found = [Path(path).resolve()]
    if not found:
        _skip("PostgreSQL is not installed (apt install postgresql)")
    return found[-1].parent


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        _skip(f"there is no user {OWNER} to run PostgreSQL as")
    return ["runuser", "-u", OWNER, "--"]


@contextmanager
def cluster() -> Iterator[str]:
    """A running cluster; gives the URL of an empty database."""
    programs, prefix = _programs(), _as_owner()
    folder = Path(mkdtemp(prefix="bootmend-pg-"))
    if prefix:
        os.chown(folder, pwd.getpwnam(OWNER).pw_uid, -1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    try:
        subprocess.run(
            [*prefix, str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "-E", "UTF8"],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with subprocess.Popen(
            [*prefix, str(programs / "postgres"), "-D", str(folder / "data"), *settings.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                _wait(programs, port)
                yield f"postgresql://tester@127.0.0.1:{port}/bootmend"
            finally:
                stop = [*prefix, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"]
                subprocess.run(stop, check=False, capture_output=True, timeout=60)
                process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(programs: Path, port: int) -> None:
    command = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "bootmend"]
    for _ in range(150):
        if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError("PostgreSQL does not start")
