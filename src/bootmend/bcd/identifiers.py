"""The names of objects: GUIDs as stores write them, and the aliases that bcdedit gives to well-known ones.

An id is always the text ``{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}``, lower case, in braces.  Source of
the aliases: the published symbols of ``ntbcd.h`` and the stores measured for ``docs/formats/bcd.md``.
"""

from __future__ import annotations

from functools import lru_cache

BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
FWBOOTMGR = "{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
NTLDR = "{466f5a88-0af2-4f76-9038-095b170dc21c}"
GLOBAL_SETTINGS = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
BOOT_LOADER_SETTINGS = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
RESUME_LOADER_SETTINGS = "{1afa9c49-16ab-4a5c-901b-212802da9460}"
HYPERVISOR_SETTINGS = "{7ff607e0-4395-11db-b0de-0800200c9a66}"
DEBUGGER_SETTINGS = "{4636856e-540f-4170-a130-a84776f4c654}"
KERNEL_DEBUGGER_SETTINGS = "{313e8eed-7098-4586-a9bf-309c61f8d449}"
EMS_SETTINGS = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
BAD_MEMORY = "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
RAMDISK_OPTIONS = "{ae5534e0-a924-466c-b836-758539a3ee3a}"
CURRENT = "{fa926493-6f1c-4193-a414-58f0b2456d1e}"
"""stands for the running Windows; no object of any store has this id"""
DEFAULT = "{1cae1eb7-a0df-4d4d-9851-4860e34ef535}"
"""stands for the boot manager's default; no object of any store has this id"""

ALIASES = {
    BOOTMGR: "{bootmgr}",
    FWBOOTMGR: "{fwbootmgr}",
    MEMDIAG: "{memdiag}",
    NTLDR: "{ntldr}",
    GLOBAL_SETTINGS: "{globalsettings}",
    BOOT_LOADER_SETTINGS: "{bootloadersettings}",
    RESUME_LOADER_SETTINGS: "{resumeloadersettings}",
    HYPERVISOR_SETTINGS: "{hypervisorsettings}",
    DEBUGGER_SETTINGS: "{dbgsettings}",
    KERNEL_DEBUGGER_SETTINGS: "{kerneldbgsettings}",
    EMS_SETTINGS: "{emssettings}",
    BAD_MEMORY: "{badmemory}",
    RAMDISK_OPTIONS: "{ramdiskoptions}",
}
"""Id to the alias that is printed for it."""

WELL_KNOWN = {alias: guid for guid, alias in ALIASES.items()} | {
    "{legacy}": NTLDR,
    "{eventsettings}": DEBUGGER_SETTINGS,
    "{debuggersettings}": DEBUGGER_SETTINGS,
    "{current}": CURRENT,
    "{default}": DEFAULT,
}
"""Every alias that may be typed, to its id."""


@lru_cache(maxsize=1024)
def parse_guid(text: str) -> str | None:
    """Return the id that ``text`` writes, with or without braces and in any case; None if it is no GUID."""
    bare = text.strip().lower()
    if bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    digits = bare.replace("-", "")
    if len(bare) != 36 or len(digits) != 32 or not (bare[8] == bare[13] == bare[18] == bare[23] == "-"):
        return None
    # int() alone would take signs, underscores and the digits of other scripts.
    if not digits.isalnum() or not digits.isascii():
        return None
    try:
        int(digits, 16)
    except ValueError:
        return None
    return f"{{{bare}}}"


def parse_identifier(text: str) -> str | None:
    """Return the id of a GUID or a well-known alias, braces optional, any case; None if it is neither.

    ``{current}`` and ``{default}`` give :data:`CURRENT` and :data:`DEFAULT`, which only a store can resolve.
    """
    guid = parse_guid(text)
    if guid is not None:
        return guid
    return WELL_KNOWN.get(braced(text.strip().lower()))


def braced(text: str) -> str:
    """Return ``text`` in braces, once."""
    return text if text.startswith("{") else f"{{{text}}}"


def guid_from_bytes(data: bytes) -> str:
    """Return the id of 16 bytes in the mixed order that Windows stores GUIDs in."""
    parts = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:16])
    return "{" + "-".join(part.hex() for part in parts) + "}"


def guid_to_bytes(guid: str) -> bytes:
    """Return the 16 bytes of an id; the inverse of :func:`guid_from_bytes`."""
    first, second, third, fourth, fifth = guid.strip("{}").split("-")
    mixed = bytes.fromhex(first)[::-1] + bytes.fromhex(second)[::-1] + bytes.fromhex(third)[::-1]
    return mixed + bytes.fromhex(fourth) + bytes.fromhex(fifth)
