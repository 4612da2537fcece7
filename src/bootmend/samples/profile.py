"""The sample disks: which partitions they have, where, and under which names their boot stores know them.

The templates were made for exactly these places (``tools/make_templates.py``): the hidden-sector fields
of the file systems and the device values of the stores agree with them.
"""

from __future__ import annotations

from typing import NamedTuple

MIB = 1 << 20
GIB = 1 << 30

DISK_SIGNATURE = 0x5EED0067
DISK_GUID = "5eed0067-67ab-4c3e-9d10-00155d010067"
ESP_GUID = "5eed0067-67ab-4c3e-9d11-00155d010067"
MSR_GUID = "5eed0067-67ab-4c3e-9d12-00155d010067"
WINDOWS_GUID = "5eed0067-67ab-4c3e-9d13-00155d010067"
RECOVERY_GUID = "5eed0067-67ab-4c3e-9d14-00155d010067"
LOADER_ID = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
RESUME_ID = "{3d2f1a5f-67ab-11ee-9b1c-00155d010067}"
COMPUTER_NAME = "BOOTVM01"

MBR_NTFS = 0x07
TYPE_ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
TYPE_MSR = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
TYPE_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
TYPE_RECOVERY = "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
NO_LETTER = 1 << 63
REQUIRED = 1

START = MIB
SYSTEM_RESERVED_SIZE = 500 * MIB
ESP_SIZE = 100 * MIB
MSR_SIZE = 16 * MIB
RECOVERY_SIZE = 500 * MIB
END_RESERVE = MIB
"""Left free at the end for the backup GPT."""

WINDOWS_SIZES = {"126g": 126 * GIB, "31g": 31 * GIB, "3g": 3 * GIB, "384m": 384 * MIB}
"""The Windows volumes there are templates for, largest first: for disks of 127, 32, 4 and 1 GiB."""
PROFILES = ("usual", "single", "gpt")


class Part(NamedTuple):
    """One partition: offset and size in bytes, the template that fills it (None: zeros), and its table entry.

    ``type`` is the MBR type number or the GPT type GUID.
    """

    name: str
    offset: int
    size: int
    template: str | None
    type: int | str
    guid: str | None = None
    attributes: int = 0
    active: bool = False

    @property
    def end(self) -> int:
        """The first byte after the partition."""
        return self.offset + self.size


def profile_name(generation: int, layout: str) -> str:
    """``usual`` and ``single`` are Gen1 (BIOS, MBR); Gen2 (UEFI, GPT) has one layout, ``gpt``."""
    return "gpt" if generation == 2 else layout


def parts(profile: str, window: str) -> list[Part]:
    """The partitions of a profile with the Windows volume called ``window``, in the order of the table."""
    size, template = WINDOWS_SIZES[window], f"windows-{profile}-{window}"
    if profile == "single":
        return [Part("Windows", START, size, template, MBR_NTFS, active=True)]
    if profile == "usual":
        system = Part("System Reserved", START, SYSTEM_RESERVED_SIZE, "system-reserved", MBR_NTFS, active=True)
        return [system, Part("Windows", system.end, size, template, MBR_NTFS)]
    esp = Part("EFI system partition", START, ESP_SIZE, "esp", TYPE_ESP, ESP_GUID, NO_LETTER)
    reserved = Part("Microsoft reserved partition", esp.end, MSR_SIZE, None, TYPE_MSR, MSR_GUID, NO_LETTER)
    windows = Part("Basic data partition", reserved.end, size, template, TYPE_DATA, WINDOWS_GUID)
    recovery = Part(
        "Recovery", windows.end, RECOVERY_SIZE, f"recovery-{window}", TYPE_RECOVERY, RECOVERY_GUID, NO_LETTER | REQUIRED
    )
    return [esp, reserved, windows, recovery]


def window_for(profile: str, disk_size: int) -> str | None:
    """The largest Windows volume that fits a disk, None where not even the smallest does."""
    for window in WINDOWS_SIZES:
        if parts(profile, window)[-1].end + END_RESERVE <= disk_size:
            return window
    return None
