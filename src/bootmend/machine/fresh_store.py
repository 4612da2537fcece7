"""A fresh, complete boot configuration store for a Windows on this disk: what ``bcdboot`` would make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import Store
from bootmend.bcd.create import edit_store, empty_store
from bootmend.bcd.fresh import FreshObject, Installation, Recovery, fill, fresh_objects
from bootmend.bcd.object_types import INHERIT_ANY, INHERIT_OS_LOADER, INHERIT_RESUME, OS_LOADER, RESUME_LOADER
from bootmend.errors import BootmendError, MissingError, UsageError
from bootmend.filesystem import Attribute
from bootmend.machine.devices import device_for
from bootmend.machine.hives import open_hive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootmend.bcd import PartitionDevice
    from bootmend.filesystem import Entry, FileTree
    from bootmend.machine.machine import Machine
    from bootmend.machine.volumes import Volume
    from bootmend.machine.windows import WindowsInstallation

TEMPLATE = "System32\\config\\BCD-Template"
ESP_TYPE = "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}"
WINRE = "\\Recovery\\WindowsRE"
MOST_COMPANIONS = 1000
LARGEST_COMPANION = 32 << 20
SERVER_WITHOUT_YEAR = 17763
"""since this build the entry is just "Windows Server" (measured: 2016 has its year, later ones do not)"""


class Choice(NamedTuple):
    """The volumes and the firmware that a store is made for."""

    machine: Machine
    windows: WindowsInstallation
    system: Volume
    firmware: str


def system_volume(machine: Machine, firmware: str, windows: Volume) -> Volume:
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


def build_store(choice: Choice, locale: str, now: int, new_id: Callable[[], str]) -> tuple[bytes, list[str]]:
    """Return the bytes of the store, and what is worth saying about it; ``new_id`` gives the new objects' identifiers."""
    notes: list[str] = []
    installation = describe(choice, locale, notes)
    template = _template(choice.windows, notes)
    objects = fresh_objects(installation, new_id, template)
    return edit_store(empty_store(now, system=True), now, lambda store: fill(store, objects)), notes


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
    for volume, path, source in boot_files(choice):
        entry = volume.tree.lookup(path)
        if entry is None or entry.is_directory or not entry.size:
            there = source and choice.windows.volume.tree.exists(source)
            copy = f"; a copy is {choice.windows.volume.where(source)}" if there else ""
            yield f"{volume.where(path)} is missing{copy}"


def boot_files(choice: Choice) -> list[tuple[Volume, str, str]]:
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


def companions(choice: Choice) -> Iterator[tuple[Volume, str, str]]:
    """Yield what Windows puts beside the boot manager, as in :func:`boot_files`: languages, fonts, the memory test."""
    root = f"{choice.windows.root}\\Boot"
    source, goal = (f"{root}\\EFI", "\\EFI\\Microsoft\\Boot") if choice.firmware == "UEFI" else (f"{root}\\PCAT", "\\Boot")
    at_root = {"bootmgr", "bootnxt"} if choice.firmware == "BIOS" else set()
    tree, left = choice.windows.volume.tree, MOST_COMPANIONS
    for folder, target in ((source, goal), (f"{root}\\Fonts", f"{goal}\\Fonts")):
        for path, entry in _files_below(tree, folder):
            left -= 1
            if left < 0:
                return
            name = path[len(folder) + 1 :]
            if entry.size and entry.size <= LARGEST_COMPANION and not entry.attributes & Attribute.ENCRYPTED:
                yield choice.system, f"\\{name}" if name.lower() in at_root else f"{target}\\{name}", path


def _files_below(tree: FileTree, folder: str) -> Iterator[tuple[str, Entry]]:
    """The files of a folder, and of the folders in it, one level deep: that is where the languages are."""
    if not tree.exists(folder):
        return
    for entry in tree.list(folder):
        path = f"{folder}\\{entry.name}"
        if not entry.is_directory:
            yield path, entry
        elif not entry.attributes & Attribute.REPARSE_POINT:
            yield from ((f"{path}\\{each.name}", each) for each in tree.list(path) if not each.is_directory)


# -- for repairs: the same disk and the same moment give the same store ------------------------------------
def sole_choice(machine: Machine, firmware: str, system: Volume) -> Choice | None:
    """The choice there is no doubt about: the only Windows of the disk; None where there are none, or several."""
    if len(machine.windows) != 1 or device_for(machine, system) is None:
        return None
    return Choice(machine, machine.windows[0], system, firmware)


def derived_ids(machine: Machine, now: int) -> Callable[[], str]:
    """A source of identifiers that depends on nothing but the disk and the moment, so that a plan can be made twice."""
    from hashlib import sha256

    from bootmend.bcd.identifiers import guid_from_bytes

    disk = machine.table.disk_id if machine.table is not None else None
    count = 0

    def new_id() -> str:
        nonlocal count
        count += 1
        data = bytearray(sha256(f"{disk} {now} {count}".encode()).digest()[:16])
        data[7], data[8] = data[7] & 0x0F | 0x80, data[8] & 0x3F | 0x80  # RFC 9562: version 8, of our own making
        return guid_from_bytes(bytes(data))

    return new_id


def fresh_entries(choice: Choice, store: Store, new_id: Callable[[], str]) -> list[FreshObject]:
    """The objects that a store lacks to start the installation: its loader, what that resumes by, what they inherit.

    No recovery environment is entered: ``reagentc`` does that on the running Windows, and keeps its own records.
    """
    installation = describe(choice, "en-US", [])._replace(recovery=None)
    wanted = (OS_LOADER, RESUME_LOADER, INHERIT_ANY, INHERIT_OS_LOADER, INHERIT_RESUME)
    found = [item for item in fresh_objects(installation, new_id, _template(choice.windows, [])) if item.type in wanted]
    return [item for item in found if store.get(item.id) is None]
