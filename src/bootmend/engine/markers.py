"""Markers: small files beside a target that tell another user, or ``sudo``, where a run's journal lies.

``.disk.vhd.bootmend-7c1e`` beside ``disk.vhd`` names the run's folder.  Whoever may write that folder may
have planted it, so a journal found through a marker is only trusted when it cannot reach further
than the user who wrote it: see :func:`is_trusted`.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from bootmend.engine.state import write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "bootmend.marker/1"
_LIMIT = 64 * 1024


class Marker(NamedTuple):
    """What a marker says: the run, the folder of its journal, the target's real path, and the run's state."""

    run: str
    folder: str
    target: str
    state: str
    path: str


def marker_path(target: str, run_id: str) -> str | None:
    """Where the marker of a run goes; None for a block device or a file system's root, which have no place beside them."""
    folder, name = os.path.split(target)
    if not name or os.path.ismount(target):
        return None
    with suppress(OSError):
        if stat.S_ISBLK(os.stat(target).st_mode):
            return None
    return os.path.join(folder, f".{name}.bootmend-{run_id}")


def write_marker(path: str, run: str, folder: str, target: str, state: str) -> None:
    """Write or replace a marker, lastingly; everybody may read it.  Raises OSError."""
    text = json.dumps({"schema": SCHEMA, "run": run, "folder": folder, "target": target, "state": state}, indent=1)
    write_durably(path, text.encode("ascii") + b"\n", mode=0o644)


def remove_marker(path: str) -> None:
    """Take a marker away; one that cannot be is harmless, since the run's own state says that it is over."""
    with suppress(OSError):
        os.unlink(path)


def find_markers(target: str) -> list[Marker]:
    """The readable markers beside a target (its real path), whoever wrote them."""
    folder, name = os.path.split(target)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return []
    prefix = f".{name}.bootmend-"
    found = [_read(os.path.join(folder, name)) for name in sorted(names) if name.startswith(prefix) and not name.endswith(".new")]
    return [marker for marker in found if marker is not None]


def is_trusted(folder: str, targets: Iterable[str]) -> bool:
    """Whether a journal may be followed: its writer is this user or root, or owns every file that it would write.

    Windows keeps the folder apart by its access list alone.
    """
    if not hasattr(os, "geteuid"):
        return True
    try:
        status = os.stat(folder, follow_symlinks=False)
        owners = {os.stat(path).st_uid for path in targets if os.path.exists(path)}
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        return False
    return status.st_uid in {os.geteuid(), 0} or owners == {status.st_uid}


def _read(path: str) -> Marker | None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        text = os.read(descriptor, _LIMIT)
    finally:
        os.close(descriptor)
    try:
        raw = json.loads(text)
        schema, *fields = [raw[name] for name in ("schema", "run", "folder", "target", "state")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if schema != SCHEMA or not all(isinstance(field, str) for field in fields):
        return None
    run, folder, target, state = fields
    return Marker(run, folder, target, state, path)
