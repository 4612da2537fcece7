"""Where a hive is: a file of its own, or a file inside a disk; and opening it for reading.

Written as ``FILE``, ``DISK:SYSTEM`` (a hive of the Windows on the disk, or its boot store ``BCD``), ``DISK:\\path\\to\\hive``,
or ``DISK`` where the key's path says which hive it is in (``HKLM\\SYSTEM\\...``).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bootmend.engine.target import Target
from bootmend.engine.write_store import logs_beside
from bootmend.errors import MissingError, ReadError, RefusedError, UsageError, place
from bootmend.machine.hives import logs_of
from bootmend.registry import Hive, is_hive
from bootmend.registry.regfile_paths import hive_named
from bootmend.source import FileSource, MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.machine import Machine, Volume
    from bootmend.source import Source

CONFIG = "\\Windows\\System32\\config\\"
NAMES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT", "COMPONENTS", "DRIVERS", "ELAM", "BBI", "BCD")
HOW = "name one:  DISK:SYSTEM,  DISK:BCD,  or  --path '\\Windows\\System32\\config\\SYSTEM'"


class HivePlace(NamedTuple):
    """A hive file (``inner`` is empty), or a file inside a disk: its name among :data:`NAMES` or its path there."""

    path: str
    inner: str = ""
    volume: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.inner}" if self.inner else self.path


class OpenHive(NamedTuple):
    """A hive that has been opened: its bytes, its logs, what to call it; inside a disk, the disk, the volume and the path."""

    place: HivePlace
    name: str
    source: Source
    logs: Sequence[Source]
    target: Target | None = None
    volume: Volume | None = None
    path: str = ""


def find_place(text: str, *, path: str = "", volume: int | None = None, key: str = "") -> HivePlace:
    """Return the hive that a command line means; ``key`` is the path of the key asked for, which may name the hive.

    Raises:
        MissingError: there is no such file.
        UsageError: a disk, and nothing says which hive in it.
    """
    disk, inner = text, path
    if not os.path.exists(text):
        disk, separator, short = text.rpartition(":")
        if not separator or not os.path.exists(disk):
            raise MissingError(f"there is no file {text}")
        if path:
            raise UsageError("the hive is named twice: after the colon, and with --path")
        inner = short
    if not os.path.isdir(disk) and _is_hive_file(disk):
        if inner or volume is not None:
            raise UsageError(f"{disk} is a hive itself: it holds no other, and no volumes")
        return HivePlace(disk)
    inner = inner or hive_named(key)
    if not inner:
        raise UsageError(f"{disk} is no hive but may hold several", hint=HOW)
    return HivePlace(disk, inner.upper() if inner.upper() in NAMES else inner, volume)


def _is_hive_file(path: str) -> bool:
    """Whether a file is a hive; one that lost its first bytes but has a bin behind them is to be looked at, too."""
    with FileSource(path) as source:
        return is_hive(source) or (source.size >= 4100 and source.read_at(4096, 4) == b"hbin" and source.size % 4096 == 0)


@contextmanager
def open_place(where: HivePlace) -> Iterator[OpenHive]:
    """Open the file of a hive, and its logs, for reading.

    Raises:
        MissingError: the disk has no such hive.
        ReadError: the disk cannot be read.
    """
    if not where.inner:
        with FileSource(where.path) as source, place(where.path):
            yield OpenHive(where, where.path, source, logs_beside(where.path))
        return
    with Target(where.path) as target:
        volume, path = _find_inside(target.machine, where)
        with place(volume.where(path)):
            yield OpenHive(where, volume.where(path), volume.tree.open(path), logs_of(volume, path), target, volume, path)


def _find_inside(machine: Machine, where: HivePlace) -> tuple[Volume, str]:
    if where.inner == "BCD":
        return _find_store(machine, where)
    path = CONFIG + where.inner if where.inner in NAMES else "\\" + where.inner.replace("/", "\\").strip("\\")
    volumes = [volume for volume in machine.readable_volumes if where.volume in {None, volume.number}]
    found = [volume for volume in volumes if _has_file(volume, path)]
    if not found:
        on = f"volume {where.volume}" if where.volume is not None else "any volume that can be read"
        raise MissingError(f"there is no file {path} on {on}", at=where.path)
    if len(found) > 1:
        numbers = " and ".join(str(volume.number) for volume in found)
        raise UsageError(f"volumes {numbers} each have a file {path}", hint="choose one with --volume N")
    return found[0], path


def _has_file(volume: Volume, path: str) -> bool:
    entry = volume.tree.lookup(path)
    return entry is not None and not entry.is_directory


def _find_store(machine: Machine, where: HivePlace) -> tuple[Volume, str]:
    from bootmend.engine.bcdedit import Own, Where, choose

    store, _ = choose(machine, Where(where.path, Own(volume=where.volume)))
    return store.volume, store.path


def read_hive(opened: OpenHive) -> tuple[Hive, tuple[str, ...]]:
    """Return the hive as Windows would see it, and notes about it.

    A dirty hive is recovered from its logs in memory; where they do not help it is read as it lies.

    Raises:
        ReadError: it is no hive.
    """
    from bootmend.registry.recover import recover

    hive = Hive(opened.source, dirty="accept")
    if not hive.dirty:
        return hive, ()
    try:
        recovery = recover(opened.source, opened.logs)
    except (ReadError, RefusedError) as error:
        return hive, (f"it is dirty and is read as it lies: {error.message}",)
    return Hive(MemorySource(recovery.data)), (f"it is dirty and is read with its logs applied: {'; '.join(recovery.applied)}",)
