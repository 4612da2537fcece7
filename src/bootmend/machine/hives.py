"""Opening a hive of a volume as Windows would see it: with its pending logs applied, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError, MissingError, place
from bootmend.registry import Hive
from bootmend.source import MemorySource, Source

if TYPE_CHECKING:
    from bootmend.machine.volumes import Volume

LOG_SUFFIXES = (".LOG", ".LOG1", ".LOG2")


class OpenedHive(NamedTuple):
    """A hive ready to read; ``recovered`` says what was applied to it first (empty for a clean hive)."""

    hive: Hive
    file: Source
    recovered: tuple[str, ...]


def logs_of(volume: Volume, path: str) -> list[Source]:
    """The transaction logs beside a hive, those that are there and not empty, in the order of their names."""
    logs: list[Source] = []
    for suffix in LOG_SUFFIXES:
        entry = volume.tree.lookup(path + suffix)
        if entry is not None and not entry.is_directory and entry.size:
            logs.append(volume.tree.open(path + suffix))
    return logs


def open_hive(volume: Volume, path: str, *, recover: bool = True) -> OpenedHive:
    """Open the hive at ``path``.

    A dirty hive is recovered from its logs into memory first, unless ``recover`` is False: then it is
    read as it lies, which is good enough for what is only shown.

    Raises:
        MissingError: there is no such file.
        ReadError: it is no hive, or dirty and its logs do not help.
    """
    with place(volume.name), place(path):
        entry = volume.tree.lookup(path)
        if entry is None or entry.is_directory:
            raise MissingError("there is no such file")
        file = volume.tree.open(path)
        hive = Hive(file, dirty="accept")
        if not hive.dirty or not recover:
            return OpenedHive(hive, file, ())
        from bootmend.registry.recover import recover as recover_hive

        recovery = recover_hive(file, logs_of(volume, path))
        return OpenedHive(Hive(MemorySource(recovery.data)), file, tuple(recovery.applied))


def readable_hive(volume: Volume, path: str) -> Hive | None:
    """The hive as it lies, for values that are only shown; None where it cannot be read."""
    try:
        return open_hive(volume, path, recover=False).hive
    except BootmendError:
        return None
