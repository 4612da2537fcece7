"""What the type of an object says: its kind, its application, the title bcdedit prints over it.

Source of the bit fields: Geoff Chappell, "BCD Objects"; titles as printed by bcdedit (see
``docs/formats/bcd.md``, which says which were never seen and are our own words).
"""

from __future__ import annotations

from bootmend.bcd import identifiers

APPLICATION = 1
INHERIT = 2
DEVICE = 3

FIRMWARE_IMAGE = 1
BOOT_IMAGE = 2

ANY = 0
FWBOOTMGR_APPLICATION = 1
BOOTMGR_APPLICATION = 2
OSLOADER_APPLICATION = 3
RESUME_APPLICATION = 4

FIRMWARE_BOOT_MANAGER = 0x10100001
BOOT_MANAGER = 0x10100002
FIRMWARE_APPLICATION = 0x101FFFFF
OS_LOADER = 0x10200003
RESUME_LOADER = 0x10200004
MEMORY_TESTER = 0x10200005
BOOT_APPLICATION = 0x1020000A
LEGACY_LOADER = 0x10300006
BOOT_SECTOR = 0x10400008
STARTUP = 0x10400009
INHERIT_ANY = 0x20100000
INHERIT_OS_LOADER = 0x20200003
INHERIT_RESUME = 0x20200004
INHERIT_DEVICE = 0x20300000
DEVICE_OPTIONS = 0x30000000

_DEVICE_SCOPE = 3

WELL_KNOWN_TYPES = {
    identifiers.BOOTMGR: BOOT_MANAGER,
    identifiers.FWBOOTMGR: FIRMWARE_BOOT_MANAGER,
    identifiers.MEMDIAG: MEMORY_TESTER,
    identifiers.NTLDR: LEGACY_LOADER,
    identifiers.GLOBAL_SETTINGS: INHERIT_ANY,
    identifiers.DEBUGGER_SETTINGS: INHERIT_ANY,
    identifiers.EMS_SETTINGS: INHERIT_ANY,
    identifiers.BAD_MEMORY: INHERIT_ANY,
    identifiers.BOOT_LOADER_SETTINGS: INHERIT_OS_LOADER,
    identifiers.HYPERVISOR_SETTINGS: INHERIT_OS_LOADER,
    identifiers.KERNEL_DEBUGGER_SETTINGS: INHERIT_OS_LOADER,
    identifiers.RESUME_LOADER_SETTINGS: INHERIT_RESUME,
    identifiers.RAMDISK_OPTIONS: DEVICE_OPTIONS,
}
"""The type that an object with a well-known id has."""

_TITLES_BY_ID = {
    (INHERIT_ANY, identifiers.EMS_SETTINGS): "EMS Settings",
    (INHERIT_ANY, identifiers.DEBUGGER_SETTINGS): "Debugger Settings",
    (INHERIT_ANY, identifiers.BAD_MEMORY): "RAM Defects",
    (INHERIT_ANY, identifiers.GLOBAL_SETTINGS): "Global Settings",
    (INHERIT_OS_LOADER, identifiers.BOOT_LOADER_SETTINGS): "Boot Loader Settings",
    (INHERIT_OS_LOADER, identifiers.HYPERVISOR_SETTINGS): "Hypervisor Settings",
    (INHERIT_OS_LOADER, identifiers.KERNEL_DEBUGGER_SETTINGS): "Kernel Debugger Settings",
    (INHERIT_RESUME, identifiers.RESUME_LOADER_SETTINGS): "Resume Loader Settings",
    (DEVICE_OPTIONS, identifiers.RAMDISK_OPTIONS): "Setup Ramdisk Options",
}
_TITLES = {
    FIRMWARE_BOOT_MANAGER: "Firmware Boot Manager",
    BOOT_MANAGER: "Windows Boot Manager",
    OS_LOADER: "Windows Boot Loader",
    RESUME_LOADER: "Resume from Hibernate",
    MEMORY_TESTER: "Windows Memory Tester",
    LEGACY_LOADER: "Windows Legacy OS Loader",
    BOOT_SECTOR: "Real-mode Boot Sector",
    DEVICE_OPTIONS: "Device options",
}
_KINDS = {
    (APPLICATION, FIRMWARE_IMAGE): "Firmware Application",
    (APPLICATION, BOOT_IMAGE): "Boot Application",
    (APPLICATION, 3): "Legacy Application",
    (APPLICATION, 4): "Real-mode Application",
}


def kind_of(object_type: int) -> int:
    """Return :data:`APPLICATION`, :data:`INHERIT`, :data:`DEVICE`, or another number that nobody defined."""
    return object_type >> 28


def image_of(object_type: int) -> int:
    """Return the image type of an application, or the scope of an object to inherit from."""
    return object_type >> 20 & 0xF


def application_of(object_type: int) -> int:
    """Return the application type that gives application elements their meaning; :data:`ANY` where there is none."""
    return object_type & 0xFFFFF if kind_of(object_type) in (APPLICATION, INHERIT) else ANY


def has_device_elements(object_type: int) -> bool:
    """Say whether elements of the device class belong to such an object."""
    kind = kind_of(object_type)
    return kind == DEVICE or (kind == INHERIT and image_of(object_type) == _DEVICE_SCOPE)


def title_of(object_id: str, object_type: int) -> str:
    """Return the line that bcdedit prints over the object."""
    title = _TITLES_BY_ID.get((object_type, object_id)) or _TITLES.get(object_type)
    if title is not None:
        return title
    kind = kind_of(object_type)
    name = "Settings" if kind == INHERIT else _KINDS.get((kind, image_of(object_type)), "Object")
    return f"{name} ({object_type:08x})"
