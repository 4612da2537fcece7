"""What the kernel says about a file or block device in use: mounted, attached, swapped to, part of a RAID or an LVM.

Reads ``/proc`` and ``/sys`` only; both roots can be given, so that every answer has a test.  On other
systems there is nothing to read, and the locks alone decide.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel's own views lie."""

    proc: str = "/proc"
    sys: str = "/sys"

    def reason_in_use(self, path: str) -> str | None:
        """Why a file or block device must not be written now, as a sentence about it; None where nothing speaks against it.

        Raises:
            OSError: there is no such path.
        """
        status = os.stat(path)
        if stat.S_ISBLK(status.st_mode):
            devices = list(self._family(status.st_rdev))
            return (
                self._mounted(devices, path) or self._held(devices) or self._attached(path, devices) or self._swap(path, devices)
            )
        return self._attached(path, []) or self._mounted([], path) or self._swap(path, [])

    def users(self, path: str) -> list[str]:
        """The programs that have a file open, as ``name (process N)``, as far as this user may see them; not this process."""
        status = os.stat(path)
        others = (name for name in _names(self.proc) if name.isdecimal() and int(name) != os.getpid())
        found = [name for name in others if self._has_open(name, status)]
        return [f"{_text(os.path.join(self.proc, name, 'comm')) or 'a program'} (process {name})" for name in found]

    def _has_open(self, process: str, status: os.stat_result) -> bool:
        folder = os.path.join(self.proc, process, "fd")
        return any(_is_same(os.path.join(folder, name), status) for name in _names(folder))

    def _family(self, device: int) -> Iterator[str]:
        """A block device and its partitions, as the kernel's ``major:minor``."""
        number = f"{os.major(device)}:{os.minor(device)}"
        yield number
        folder = os.path.join(self.sys, "dev", "block", number)
        for name in _names(folder):
            if os.path.exists(os.path.join(folder, name, "partition")) and (part := _text(os.path.join(folder, name, "dev"))):
                yield part

    def _mounted(self, devices: list[str], path: str) -> str | None:
        """``mountinfo``: field 3 is the device, 5 where, and behind the dash the source (proc(5)); FUSE names an image there."""
        for line in _text(os.path.join(self.proc, "self", "mountinfo")).splitlines():
            fields, _, tail = line.partition(" - ")
            device, where = fields.split()[2], _unescaped(fields.split()[4])
            source = _unescaped([*tail.split(), "", ""][1])
            if device in devices or (os.path.isabs(source) and _names_device(source, path, devices)):
                return f"it is mounted on {where}: unmount it first"
        return None

    def _held(self, devices: list[str]) -> str | None:
        """``holders``: device-mapper (LVM, dm-crypt, multipath) and md."""
        for number in devices:
            for holder in _names(os.path.join(self.sys, "dev", "block", number, "holders")):
                block = os.path.join(self.sys, "class", "block", holder)
                name, kind = _text(os.path.join(block, "dm", "name")), _text(os.path.join(block, "dm", "uuid"))
                if kind.startswith("LVM-"):
                    return f"it is part of the LVM volume {name}: deactivate its volume group first (vgchange -an)"
                if kind.startswith("CRYPT-"):
                    return f"it is opened as the encrypted device {name}: close that first (cryptsetup close)"
                if holder.startswith("md"):
                    return f"it is part of the software RAID {holder}: stop that first (mdadm --stop)"
                return f"it is held by {name or holder}: release that first"
        return None

    def _attached(self, path: str, devices: list[str]) -> str | None:
        """Loop devices: their backing file may be this one, or a device of the family."""
        for name in _names(os.path.join(self.sys, "class", "block")):
            backing = _text(os.path.join(self.sys, "class", "block", name, "loop", "backing_file"))
            if backing and _names_device(backing, path, devices):
                mounted = self._mounted([_text(os.path.join(self.sys, "class", "block", name, "dev"))], "")
                where = f", which is {mounted.removeprefix('it is ').partition(':')[0]}" if mounted else ""
                return f"it is attached as loop device {name}{where}: detach it first (losetup -d /dev/{name})"
        return None

    def _swap(self, path: str, devices: list[str]) -> str | None:
        for line in _text(os.path.join(self.proc, "swaps")).splitlines()[1:]:
            if _names_device(_unescaped(line.split()[0]), path, devices):
                return "it is in use as swap space: swapoff first"
        return None


def _names_device(name: str, path: str, devices: list[str]) -> bool:
    """Whether a path in the kernel's lists is our file, or a device of the family."""
    try:
        status = os.stat(name)
    except OSError:
        return False
    if stat.S_ISBLK(status.st_mode) and f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" in devices:
        return True
    return bool(path) and _is_same(path, status)


def _is_same(path: str, status: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(path), status)
    return False


def _unescaped(text: str) -> str:
    """The kernel writes space, tab, newline and backslash as octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except OSError:
        return ""
