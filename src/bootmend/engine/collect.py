"""A bundle for somebody who helps from afar: the report, the evidence, the boot configuration and the logs, in one ZIP file.

What goes in is a list of files, not of exceptions: nothing that is not named here is ever taken.  So no hive, no user's file and
no answer file can be in it; from texts, passwords and keys are taken out besides.  The manifest says of each file where it is
from, and what was left out and why.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend import __version__
from bootmend.bcd.text import enum_text
from bootmend.engine.evidence import (
    CBS_LOG,
    DRIVER_LOG,
    MEMORY_DUMP,
    MINI_DUMPS,
    SETUP_LOG,
    STARTUP_REPAIR,
    mini_dumps,
)
from bootmend.engine.recorded import EVENT_LOG
from bootmend.engine.state import sync_folder
from bootmend.errors import BootmendError, MissingError, ReadError, RefusedError
from bootmend.evidence.logs import HIDDEN, without_secrets
from bootmend.evidence.text import tail
from bootmend.machine import volume_text
from bootmend.source import MemorySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from bootmend.bcd.devices import PartitionDevice
    from bootmend.engine.target import Target
    from bootmend.machine import BootStore, Machine, Volume, WindowsInstallation
    from bootmend.source import Source

MANIFEST = "manifest.json"
LARGEST_LOG = 64 << 20
PIECE = 1 << 20
TAILS = {
    STARTUP_REPAIR: 1 << 20,
    DRIVER_LOG: 1 << 20,
    CBS_LOG: 1 << 20,
    SETUP_LOG: 256 << 10,
    "Panther\\UnattendGC\\setuperr.log": 256 << 10,
    "WinSxS\\poqexec.log": 256 << 10,
    "ntbtlog.txt": 256 << 10,
}
"""The texts that are taken, and how many bytes from their ends."""
NEVER = (
    ("\\Windows\\System32\\config\\SAM", "passwords of local accounts, as hashes"),
    ("\\Windows\\System32\\config\\SECURITY", "LSA secrets and cached credentials"),
    ("\\Windows\\System32\\config\\SYSTEM, SOFTWARE and other hives", "boot key, passwords for automatic logon, product key"),
    ("\\Windows\\NTDS", "passwords of the domain"),
    ("\\Windows\\System32\\winevt\\Logs\\Security.evtx", "who logged on, and from where"),
    ("\\Windows\\Panther\\unattend.xml and other answer files", "passwords"),
    ("\\Users", "belongs to the users"),
    ("pagefile.sys, swapfile.sys, hiberfil.sys", "memory, with whatever was in it"),
)
"""What is never taken, and why; each manifest says so."""
NO_DUMPS = "memory, with whatever was in it: only its header is in evidence.json; --dumps takes it"
_BCD_SECRET = re.compile(r"^((?:key|kernelkey|hypervisorusekey) +).*$", re.MULTILINE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._ ()-]")


class Taken(NamedTuple):
    """A file of the bundle: its name there, where it is from, its bytes.

    ``how`` is ``whole``, ``text`` (the whole text, without secrets), ``end`` (the end of it), ``part`` (reading failed) or
    ``made`` (by bootmend).
    ``of`` is the size of the file that it is from, 0 of what was made.
    """

    name: str
    where: str
    how: str
    of: int
    content: Source


class LeftOut(NamedTuple):
    """A file that is there and was not taken, or is never taken."""

    where: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """The JSON form."""
        return self._asdict()


@dataclass(slots=True)
class Bundle:
    """What goes into a bundle, and what does not."""

    taken: list[Taken] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, name: str, where: str, how: str, of: int, content: Source) -> None:
        """Take a file."""
        self.taken.append(Taken(name, where, how, of, content))


def collect(machine: Machine, made: Mapping[str, str], *, dumps: int = 0) -> Bundle:
    """Choose what to take from a machine.

    ``made`` are texts by name (the report and the evidence); ``dumps`` is how many bytes of dumps may be taken, 0 for none.
    """
    bundle = Bundle()
    for name, text in made.items():
        bundle.add(name, "", "made", 0, MemorySource(text.encode("utf-8", "replace")))
    bundle.left_out += [LeftOut(where, reason) for where, reason in NEVER]
    if machine.layout_failure is not None:
        bundle.left_out.append(LeftOut("volumes", str(machine.layout_failure)))
        return bundle
    for store in machine.stores:
        _take(bundle, store.where, _add_store, machine, store)
    for one in machine.windows:
        _add_windows(bundle, one, dumps)
    return bundle


def _take(bundle: Bundle, where: str, add: Callable[..., None], *arguments: object) -> None:
    """Add to the bundle; what is there and cannot be read is said to be left out."""
    try:
        add(bundle, *arguments)
    except MissingError:
        return
    except BootmendError as error:
        bundle.left_out.append(LeftOut(where, f"it cannot be read: {error}"))


def _add_store(bundle: Bundle, machine: Machine, store: BootStore) -> None:
    def name_of(device: PartitionDevice) -> str | None:
        return volume_text(machine, device)

    text = enum_text(store.store, "ALL", verbose=True, resolver=name_of)
    text = _BCD_SECRET.sub(rf"\1{HIDDEN}", text)
    bundle.add(f"bcd/{_name(store.volume, store.path)}.txt", store.where, "made", 0, MemorySource(text.encode()))


def _add_windows(bundle: Bundle, one: WindowsInstallation, dumps: int) -> None:
    volume = one.volume
    for relative, limit in TAILS.items():
        path = one.path(relative)
        _take(bundle, volume.where(path), _add_text, volume, path, limit)
    log = one.path(EVENT_LOG)
    _take(bundle, volume.where(log), _add_whole, volume, log, LARGEST_LOG)
    _take(bundle, volume.where(one.path(MINI_DUMPS)), _add_dumps, one, dumps)


def _add_text(bundle: Bundle, volume: Volume, path: str, limit: int) -> None:
    file = volume.tree.open(path)
    text, whole = tail(file, limit)
    content = MemorySource(without_secrets(text).encode("utf-8", "replace"))
    bundle.add(_name(volume, path), volume.where(path), "text" if whole else "end", file.size, content)


def _add_whole(bundle: Bundle, volume: Volume, path: str, limit: int) -> None:
    file = volume.tree.open(path)
    if file.size > limit:
        bundle.left_out.append(LeftOut(volume.where(path), f"its {file.size} bytes are more than {limit}"))
    else:
        bundle.add(_name(volume, path), volume.where(path), "whole", file.size, file)


def _add_dumps(bundle: Bundle, one: WindowsInstallation, room: int) -> None:
    """The newest small dumps first, then the whole one, as far as there is room."""
    for path in (*mini_dumps(one), one.path(MEMORY_DUMP)):
        entry = one.volume.tree.lookup(path)
        if entry is None or entry.is_directory:
            continue
        if not room:
            bundle.left_out.append(LeftOut(one.volume.where(path), NO_DUMPS))
            continue
        before = len(bundle.taken)
        _add_whole(bundle, one.volume, path, room)
        room -= sum(one.of for one in bundle.taken[before:])


def _name(volume: Volume, path: str) -> str:
    """A name inside the bundle: ``volume-2/Windows/System32/...``, of plain characters, that leads nowhere else."""
    parts = [_UNSAFE.sub("_", part).strip(". ") or "_" for part in path.strip("\\").split("\\")]
    return "/".join([f"volume-{volume.number}", *parts])


# -- writing -------------------------------------------------------------------------------------
def write_bundle(bundle: Bundle, path: str, target: Target, *, vm: str = "", force: bool = False) -> dict[str, Any]:
    """Write the bundle, whole or not at all, and return its manifest; only its owner can read it.

    Raises:
        RefusedError: the file is there and ``force`` is not given, or it is the disk itself.
        ReadError: it cannot be written.
    """
    _refuse(path, target, force=force)
    temporary = f"{path}.{os.getpid()}.new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with open(descriptor, "wb") as file:
            manifest = _write(bundle, file, target, vm)
            file.flush()
            os.fsync(file.fileno())
        _give_name(temporary, path, force=force)
        sync_folder(os.path.dirname(os.path.abspath(path)))
    except FileExistsError as error:
        raise RefusedError(f"{path} is there already", hint="choose another name, or add --force") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return manifest


def _refuse(path: str, target: Target, *, force: bool) -> None:
    if target.is_directory and os.path.realpath(path).startswith(os.path.realpath(target.path) + os.sep):
        raise RefusedError("the bundle would be written into the machine that it is about", hint="choose another folder")
    try:
        status = os.stat(path)
    except OSError:
        return
    for own in (target.path, *target.files):
        if os.path.exists(own) and os.path.samestat(status, os.stat(own)):
            raise RefusedError(f"{path} is the disk itself", hint="choose another name for the bundle")
    if not force:
        raise RefusedError(f"{path} is there already", hint="choose another name, or add --force")
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(f"{path} is no file that could be replaced", hint="choose another name for the bundle")


def _give_name(temporary: str, path: str, *, force: bool) -> None:
    """Name the file; without ``force`` never over another one that came in the meantime."""
    if force:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
            raise
        if os.path.lexists(path):
            raise FileExistsError(path) from error
        os.rename(temporary, path)


def _write(bundle: Bundle, file: BinaryIO, target: Target, vm: str) -> dict[str, Any]:
    now = time.gmtime()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        files = list(_members(bundle, archive, now))
        manifest = {
            "schema": "bootmend.bundle/1",
            "version": __version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
            "target": {"path": target.path, "size": target.size, "format": target.format},
            "vm": vm,
            "files": files,
            "left_out": [one.to_json() for one in bundle.left_out],
        }
        archive.writestr(_entry(MANIFEST, now), json.dumps(manifest, indent=1) + "\n")
    return manifest


def _members(bundle: Bundle, archive: zipfile.ZipFile, now: time.struct_time) -> Iterator[dict[str, Any]]:
    for one in bundle.taken:
        digest, size, how = sha256(), 0, one.how
        with archive.open(_entry(one.name, now), "w", force_zip64=one.content.size > 1 << 30) as member:
            try:
                for start in range(0, one.content.size, PIECE):
                    piece = one.content.read_at(start, min(PIECE, one.content.size - start))
                    digest.update(piece)
                    size += len(piece)
                    member.write(piece)
            except BootmendError as error:
                how = "part"
                bundle.left_out.append(LeftOut(one.where, f"from byte {size} on it cannot be read: {error}"))
        yield {"name": one.name, "where": one.where, "taken": how, "of": one.of, "size": size, "sha256": digest.hexdigest()}


def _entry(name: str, now: time.struct_time) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (now.tm_year, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info
