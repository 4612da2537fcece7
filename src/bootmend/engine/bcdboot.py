"""``bcdboot``: a fresh, complete store for a Windows installation on a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.engine.bcdedit import new_id
from bootmend.engine.clock import filetime_now
from bootmend.engine.lock import lock_sources
from bootmend.engine.partitions import find_partition
from bootmend.engine.target import Target
from bootmend.engine.write_store import DiskEdit
from bootmend.errors import BootmendError, MissingError, RefusedError, UsageError, place
from bootmend.filesystem import Attribute
from bootmend.filesystem.edit import edit_volume
from bootmend.machine import volume_of
from bootmend.machine.fresh_store import (
    Choice,
    boot_files,
    build_store,
    companions,
    description,
    missing_files,
    system_volume,
)
from bootmend.machine.system_volume import STORES
from bootmend.operations import CopyFile

if TYPE_CHECKING:
    from bootmend.machine import Machine, Volume, WindowsInstallation

__all__ = ["Choice", "Made", "build", "choose", "description", "make_store", "missing_files"]
FIRMWARES = ("BIOS", "UEFI")


class Made(NamedTuple):
    """What was made: for which installation, where it went, what is missing beside it, what is worth saying, what was copied."""

    windows: str
    store: str
    size: int
    run_id: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    copied: tuple[str, ...] = ()


def make_store(
    path: str, *, windows: str = "", firmware: str = "", output: str = "", locale: str = "en-US", unsafe: bool = False
) -> Made:
    """Make a fresh store for an installation on the disk at ``path``, and write it over the old one or to ``output``.

    ``windows`` names the volume where several hold one (a number, ``C:``, a GUID); ``firmware`` is BIOS or UEFI, by
    default what the disk is made for.  A store on the disk is replaced as a whole, through the journal.

    Raises:
        MissingError: no installation, no system volume.
        UsageError: several installations, or a disk without a partition table.
        RefusedError: there is no file to write over or it is too short, or writing would not be safe; nothing was written.
    """
    with Target(path) as target:
        choice = choose(target.machine, windows, firmware)
        store, notes = build(choice, locale)
        place = choice.system.where(STORES[choice.firmware])
        made = Made(choice.windows.where, output or place, len(store), "", tuple(missing_files(choice)), tuple(notes))
        if output:
            return _to_file(output, store, made)
        with lock_sources(target.files_to_lock()):
            return _to_disk(target, choice, store, made, unsafe=unsafe)


def _to_file(output: str, store: bytes, made: Made) -> Made:
    from bootmend.engine.store_files import write_new_file

    try:
        write_new_file(output, store)
    except FileExistsError as error:
        raise RefusedError(f"{output} exists and was left alone", hint="choose another name") from error
    return made


def _to_disk(target: Target, choice: Choice, store: bytes, made: Made, *, unsafe: bool) -> Made:
    """Put the store on the disk, and the boot files that are not there; all in one run."""
    path = STORES[choice.firmware]
    entry = choice.system.tree.lookup(path)
    edit = DiskEdit(target, unsafe=unsafe)
    if entry is not None and not entry.is_directory and len(store) <= entry.size:
        edit.replace(choice.system, path, store)
    elif entry is None or not entry.is_directory:
        with place(choice.system.where(path)):
            _make_file(edit, choice.system, path, store)
    copied, reasons = _copy_files(edit, choice)
    run_id = edit.write({"summary": f"bcdboot {choice.windows.where}: a new store in {choice.system.where(path)}"})
    missing = [sentence for sentence in made.missing if not any(sentence.startswith(f"{each} ") for each in copied)]
    return made._replace(run_id=run_id, missing=tuple(missing), copied=tuple(copied), notes=(*made.notes, *reasons))


def _make_file(edit: DiskEdit, volume: Volume, path: str, data: bytes) -> None:
    """Make a file on the overlay.

    Raises:
        RefusedError: its file system takes no new files now; the hint says how to have the store in a file.
    """
    try:
        edit.workspace.create_file(volume.number, path, data, Attribute.HIDDEN | Attribute.SYSTEM | Attribute.ARCHIVE)
    except RefusedError as error:
        error.hint = error.hint or "write the store to a file with  -o FILE  and put it there from Windows PE"
        raise


def _copy_files(edit: DiskEdit, choice: Choice) -> tuple[list[str], list[str]]:
    """Copy the boot files that are missing from where Windows keeps copies; returns where they went, and why some could not."""
    reasons = {volume.number: _why_not(edit, volume) for volume in (choice.system, choice.windows.volume)}
    copied: list[str] = []
    tree = choice.windows.volume.tree
    for volume, path, source in (*boot_files(choice), *companions(choice)):
        entry = volume.tree.lookup(path)
        needed = entry is None or (not entry.is_directory and not entry.size)
        if not needed or reasons[volume.number] or not tree.exists(source):
            continue
        if CopyFile(choice.windows.volume.number, source, volume.number, path).do(edit.workspace):
            copied.append(volume.where(path))
    return copied, [reason for reason in dict.fromkeys(reasons.values()) if reason]


def _why_not(edit: DiskEdit, volume: Volume) -> str:
    """Why no file can be made on a volume; empty where it can."""
    here = edit.workspace.machine.volume(volume.number)
    if here.source is None:
        return "boot files are not copied into a directory"
    try:
        edit_volume(here.source, edit.workspace.now)
    except BootmendError as error:
        return f"boot files cannot be copied to {volume.name}: {error.message}"
    return ""


# -- deciding ------------------------------------------------------------------------------------------
def choose(machine: Machine, windows: str, firmware: str) -> Choice:
    """Decide on the installation, the firmware and the system volume.

    Raises:
        MissingError, UsageError: one of them is not there, or more than one is.
    """
    if firmware and firmware.upper() not in FIRMWARES:
        raise UsageError(f"{firmware!r}: the firmware is BIOS or UEFI")
    installation = _installation(machine, windows)
    kind = firmware.upper() or machine.firmware
    return Choice(machine, installation, system_volume(machine, kind, installation.volume), kind)


def _installation(machine: Machine, name: str) -> WindowsInstallation:
    found = machine.windows
    if name:
        volume = volume_of(machine, find_partition(machine, name))
        found = [each for each in found if each.volume is volume]
    if not found:
        raise MissingError(f"there is no Windows on {f'the volume {name}' if name else 'this disk'}")
    if len(found) > 1:
        raise UsageError(f"there are several: {', '.join(each.where for each in found)}", hint="say which with  --windows N")
    return found[0]


def build(choice: Choice, locale: str) -> tuple[bytes, list[str]]:
    """Return the bytes of the store, and what is worth saying about it."""
    return build_store(choice, locale, filetime_now(), new_id)
