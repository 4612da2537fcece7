"""Finding the disks of a fleet: files, folders, patterns, and inventories in TOML.

An inventory lists disks, relative to its own folder, each with what is known of its machine::

    disks = ["west/*.vhd"]

    [[disk]]
    path = "web01-os.vhd"
    vm = "web01"
    codes = ["0x67"]
"""

from __future__ import annotations

import glob
import os
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: in a folder, files that end so are taken for disks
SUFFIXES = (".vhd", ".vhdx", ".qcow2", ".vmdk", ".img", ".raw")
MOST_DISKS = 100_000


class LocalDisk(NamedTuple):
    """A disk of a fleet: its path, absolute; the name of its machine and the codes seen on its screen, where known."""

    path: str
    vm: str = ""
    codes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {"path": self.path, "vm": self.vm, "codes": list(self.codes)}


def find_disks(names: Iterable[str]) -> list[LocalDisk]:
    """The disks that the names mean, each once, sorted by path.

    A name is a disk, a folder of disks (not those below it), a pattern, or an inventory (``*.toml``).  A disk that is
    named and not there is kept: the fleet says so of it, and goes on.

    Raises:
        UsageError: an inventory cannot be understood, or there is no disk at all.
        MissingError: a pattern or a folder that holds none.
    """
    found: dict[str, LocalDisk] = {}
    for name in names:
        for disk in _disks(name):
            known = found.get(disk.path)
            if known is None or not (known.vm or known.codes):
                found[disk.path] = disk
    if not found:
        raise UsageError("there is no disk to look at", hint="name disks, folders, patterns or an inventory (TOML)")
    if len(found) > MOST_DISKS:
        raise UsageError(f"{len(found)} disks are too many for one fleet: {MOST_DISKS} at most")
    return [found[path] for path in sorted(found)]


def _disks(name: str, folder: str = "") -> Iterator[LocalDisk]:
    path = os.path.join(folder, name)
    if os.path.isdir(path):
        yield from _in_folder(path)
    elif name.endswith(".toml") and not folder:
        yield from _in_inventory(path)
    elif glob.has_magic(name) and not os.path.exists(path):
        yield from _matching(path)
    else:
        yield LocalDisk(os.path.abspath(path))


def _in_folder(path: str) -> Iterator[LocalDisk]:
    names = [name for name in sorted(os.listdir(path)) if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    disks = [os.path.join(path, name) for name in names]
    if not any(map(os.path.isfile, disks)):
        raise MissingError(f"{path} holds no disk image", hint=f"they end in {', '.join(SUFFIXES)}")
    yield from (LocalDisk(os.path.abspath(disk)) for disk in disks if os.path.isfile(disk))


def _matching(pattern: str) -> Iterator[LocalDisk]:
    paths = [path for path in sorted(glob.glob(pattern)) if os.path.isfile(path)]
    if not paths:
        raise MissingError(f"no file matches {pattern}")
    yield from (LocalDisk(os.path.abspath(path)) for path in paths)


def _in_inventory(path: str) -> Iterator[LocalDisk]:
    folder = os.path.dirname(os.path.abspath(path))
    inventory = _read(path)
    unknown = set(inventory) - {"disk", "disks"}
    if unknown:
        raise UsageError(f"an inventory has no {min(unknown)!r}", at=path, hint="it has  disks = [...]  and  [[disk]]")
    for name in _texts(path, "disks", inventory.get("disks", [])):
        yield from _disks(name, folder)
    tables = inventory.get("disk", [])
    if not isinstance(tables, list):
        raise UsageError("a disk is written as  [[disk]]", at=path)
    for table in tables:
        yield _one(path, folder, table)


def _one(path: str, folder: str, table: object) -> LocalDisk:
    if not isinstance(table, dict) or not isinstance(table.get("path"), str) or set(table) - {"path", "vm", "codes"}:
        raise UsageError("a [[disk]] has a path, and may have vm and codes", at=path)
    vm = table.get("vm", "")
    if not isinstance(vm, str):
        raise UsageError("the vm of a [[disk]] is a text", at=path)
    codes = _texts(path, "codes", table.get("codes", []))
    return LocalDisk(os.path.abspath(os.path.join(folder, table["path"])), vm, tuple(codes))


def _texts(path: str, name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"{name} is a list of texts", at=path)
    return value


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise MissingError(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"the inventory cannot be read: {error.strerror}", at=path) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the inventory is not TOML: {error}", at=path) from error
