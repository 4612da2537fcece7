"""Where to look when the screen shows a fault that nothing found on the disk explains.

By code, from Microsoft's documentation of bug checks and of boot errors; then what holds for every fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.screen import Reading

STORAGE = (
    "whether the driver of its disk controller starts: the Start values of storahci, stornvme, vmbus and storvsc under Services "
    "in the SYSTEM hive, and the UpperFilters and LowerFilters of the disk class"
)
HIVES = "the hives:  bootmend hive check DISK --path \\Windows\\System32\\config\\SYSTEM  (and SOFTWARE)"
SESSION = (
    "an update that was not finished (\\Windows\\WinSxS\\pending.xml), and the programs that Windows cannot run without: "
    "smss.exe, csrss.exe, wininit.exe and winlogon.exe in \\Windows\\System32"
)
CONFIGURATION = "the boot configuration:  bootmend bcdedit /store DISK /enum all /v"
SIGNATURE = "whether the file that the screen names is Microsoft's and whole: its signature was refused"
FILE_SYSTEM = "the file system of the Windows volume, and the disk's own health: something could not be read"
BY_CODE = {
    0x0000007B: STORAGE,
    0x00000024: FILE_SYSTEM,
    0x00000077: FILE_SYSTEM,
    0x0000007A: FILE_SYSTEM,
    0x000000ED: FILE_SYSTEM,
    0x00000051: HIVES,
    0x00000074: HIVES,
    0xC0000218: HIVES,
    0xC000014C: HIVES,
    0xC000021A: SESSION,
    0x000000EF: SESSION,
    0x000000F4: SESSION,
    0xC000000E: CONFIGURATION,
    0xC000000F: CONFIGURATION,
    0xC0000225: CONFIGURATION,
    0xC0000034: CONFIGURATION,
    0xC0000098: CONFIGURATION,
    0xC0000428: SIGNATURE,
    0xC0000221: SIGNATURE,
}
BY_STATE = {
    "bootmgr_missing": "bootmgr in the root of the system volume, and which partition is the active one",
    "bootmgr_compressed": "bootmgr on the system volume: it is compressed, and must not be",
    "bootmgr_corrupt": "bootmgr on the system volume: it is damaged",
    "os_not_found": "which disk the firmware starts from, and whether that has an active partition or an EFI system partition",
    "firmware_no_boot": "which disk the firmware starts from, and the boot order of the machine",
    "secure_boot_violation": "the Secure Boot setting of the machine, and what signed its boot manager",
}


KERNEL = frozenset({"ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "hal.dll", "win32k.sys"})
"""Files that a stop screen names when Windows itself gave up: they tell nothing of the cause."""


def hints(reading: Reading, inconclusive: tuple[str, ...] = ()) -> Iterator[str]:
    """Where to look, the most telling first; ``inconclusive`` are the rules that could not judge the disk."""
    code = reading.stop_code or reading.status_code or next(iter(reading.possible_codes), None)
    advice = BY_CODE.get(int(code, 16)) if code else BY_STATE.get(reading.state)
    if advice:
        yield advice
    if reading.failing_file and reading.failing_file.lower() not in KERNEL:
        yield f"{reading.failing_file}: the screen names it; whether it is there, whole, and of the right version"
    if inconclusive:
        yield f"what could not be judged: {', '.join(dict.fromkeys(inconclusive))}"
    yield "what was changed last: a driver, an update, the size or the disks of the machine"
    yield "whether this is the disk that the machine in the picture starts from, and a new picture of it"
