"""``bcdboot``: a fresh, complete store for a Windows installation on a disk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import Store
from bootmend.bcd.create import edit_store, empty_store
from bootmend.bcd.fresh import Installation, Recovery, fill, fresh_objects
from bootmend.engine.bcdedit import new_id
from bootmend.engine.clock import filetime_now
from bootmend.engine.lock import lock_sources
from bootmend.engine.partitions import find_partition
from bootmend.engine.target import Target
from bootmend.engine.write_store import DiskEdit
from bootmend.errors import BootmendError, MissingError, RefusedError, UsageError
from bootmend.machine import device_for, open_hive, volume_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.bcd import PartitionDevice
    from bootmend.machine import Machine, Volume, WindowsInstallation

FIRMWARES = ("BIOS", "UEFI")
STORES = {"BIOS": "\\Boot\\BCD", "UEFI": "\\EFI\\Microsoft\\Boot\\BCD"}
TEMPLATE = "System32\\config\\BCD-Template"
ESP_TYPE = "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}"
WINRE = "\\Recovery\\WindowsRE"
SERVER_WITHOUT_YEAR = 17763
"""since this build the entry is just "Windows Server" (measured: 2016 has its year, later ones do not)"""


class Made(NamedTuple):
    """What was made: for which installation, where it went, what is missing beside it, what is worth saying."""

    windows: str
    store: str
    size: int
    run_id: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]


class Choice(NamedTuple):
    """The volumes and the firmware that a store is made for."""

    machine: Machine
    windows: WindowsInstallation
    system: Volume
    firmware: str


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
        with lock_sources([path]):
            return made._replace(run_id=_to_disk(target, choice, store, unsafe=unsafe))


def _to_file(output: str, store: bytes, made: Made) -> Made:
    from bootmend.engine.store_files import write_new_file

    try:
        write_new_file(output, store)
    except FileExistsError as error:
        raise RefusedError(f"{output} exists and was left alone", hint="choose another name") from error
    return made


def _to_disk(target: Target, choice: Choice, store: bytes, *, unsafe: bool) -> str:
    path = STORES[choice.firmware]
    entry = choice.system.tree.lookup(path)
    if entry is None or entry.is_directory:
        raise RefusedError(
            "there is no store to write over, and no file can be made inside a disk",
            at=choice.system.where(path),
            hint="write it to a file with  -o FILE  and put it there from Windows PE",
        )
    edit = DiskEdit(target, unsafe=unsafe)
    edit.replace(choice.system, path, store)
    return edit.write({"summary": f"bcdboot {choice.windows.where}: a new store in {choice.system.where(path)}"})


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
    return Choice(machine, installation, _system_volume(machine, kind, installation.volume), kind)


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


def _system_volume(machine: Machine, firmware: str, windows: Volume) -> Volume:
    """The volume that holds the boot manager: with a store of that firmware, else the ESP or the active partition."""
    for store in machine.stores:
        if store.firmware == firmware and not store.recovery:
            return store.volume
    for volume in machine.readable_volumes:
        partition = volume.partition
        if partition is not None and (partition.type == ESP_TYPE if firmware == "UEFI" else partition.active):
            return volume
    if firmware == "BIOS" and windows.tree.lookup("\\bootmgr") is not None:
        return windows
    kind = "EFI system partition" if firmware == "UEFI" else "active partition"
    raise MissingError(f"there is no {kind} that can be read: nothing could hold the store")


# -- building ------------------------------------------------------------------------------------------
def build(choice: Choice, locale: str) -> tuple[bytes, list[str]]:
    """Return the bytes of the store, and what is worth saying about it."""
    notes: list[str] = []
    installation = describe(choice, locale, notes)
    template = _template(choice.windows, notes)
    objects = fresh_objects(installation, new_id, template)
    return edit_store(empty_store(filetime_now(), system=True), filetime_now(), lambda store: fill(store, objects)), notes


def describe(choice: Choice, locale: str, notes: list[str]) -> Installation:
    """What the store has to know of the installation."""
    windows = choice.windows
    build_number = int(windows.build.partition(".")[0]) if windows.build.partition(".")[0].isdigit() else 0
    if not build_number:
        build_number = 19041
        notes.append("the installation's build cannot be read: the store is one for Windows 10")
    recovery = _find_recovery(choice)
    if recovery is None:
        notes.append("no Windows recovery environment is on this disk: the store has no recovery entry")
    server = windows.edition.startswith("Server")
    return Installation(
        firmware=choice.firmware,
        system=_device(choice.machine, choice.system),
        windows=_device(choice.machine, windows.volume),
        root=windows.root,
        description=description(windows.product, build_number, server=server),
        build=build_number,
        server=server,
        locale=locale,
        recovery=recovery,
    )


def description(product: str, build_number: int, *, server: bool) -> str:
    """How the boot menu calls a Windows: without its edition, and 11 although its registry says 10."""
    if server:
        year = re.match(r"Windows Server (\(R\) )?20\d\d( R2)?", product)
        return year[0] if year and build_number < SERVER_WITHOUT_YEAR else "Windows Server"
    if build_number >= 22000:
        return "Windows 11"
    name = re.match(r"Windows (\d+(\.\d)?|Vista)", product)
    return name[0] if name else "Windows 10"


def _device(machine: Machine, volume: Volume) -> PartitionDevice:
    found = device_for(machine, volume)
    if found is None:
        raise UsageError(f"{volume.name} has no partition table that names it: bcdboot needs the whole disk")
    return found


def _find_recovery(choice: Choice) -> Recovery | None:
    """The recovery environment: a partition of its own first, then the Windows and the system volume."""
    machine = choice.machine
    others = [volume for volume in machine.readable_volumes if "recovery" in machine.roles(volume)]
    for volume in others:
        image, sdi = f"{WINRE}\\Winre.wim", f"{WINRE}\\boot.sdi"
        if volume.tree.exists(image) and volume.tree.exists(sdi):
            return Recovery(_device(machine, volume), image, sdi)
    return None


def _template(windows: WindowsInstallation, notes: list[str]) -> Store | None:
    """The installation's own template, where it has one that can be read."""
    path = windows.path(TEMPLATE)
    if windows.volume.tree.lookup(path) is None:
        notes.append(f"{windows.volume.where(path)} is not there: the store is made from what installed stores have")
        return None
    try:
        return Store(open_hive(windows.volume, path).hive)
    except BootmendError as error:
        notes.append(f"the template cannot be used ({error}): the store is made from what installed stores have")
        return None


# -- the files that the store points to -----------------------------------------------------------------
def missing_files(choice: Choice) -> Iterator[str]:
    """Yield a sentence for each boot file that is not where the store says, and for where a copy of it lies."""
    for volume, path, source in _files(choice):
        entry = volume.tree.lookup(path)
        if entry is None or entry.is_directory or not entry.size:
            there = source and choice.windows.volume.tree.exists(source)
            copy = f"; a copy is {choice.windows.volume.where(source)}" if there else ""
            yield f"{volume.where(path)} is missing{copy}"


def _files(choice: Choice) -> list[tuple[Volume, str, str]]:
    """The files that starting needs: where they belong, and where in the installation Windows keeps a copy."""
    windows, root = choice.windows.volume, choice.windows.root
    if choice.firmware == "UEFI":
        return [
            (choice.system, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", f"{root}\\Boot\\EFI\\bootmgfw.efi"),
            (choice.system, "\\EFI\\Boot\\bootx64.efi", f"{root}\\Boot\\EFI\\bootmgfw.efi"),
            (windows, f"{root}\\System32\\winload.efi", f"{root}\\System32\\Boot\\winload.efi"),
        ]
    return [
        (choice.system, "\\bootmgr", f"{root}\\Boot\\PCAT\\bootmgr"),
        (windows, f"{root}\\System32\\winload.exe", f"{root}\\System32\\Boot\\winload.exe"),
    ]
