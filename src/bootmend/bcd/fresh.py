"""The objects of a new store for one installed Windows: what ``bcdboot`` makes.

Which objects and elements, and which Windows has them, was measured on installed stores of Windows 7 to 11, BIOS
and UEFI; a template (``\\Windows\\System32\\config\\BCD-Template``) overrides what is not about this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd import identifiers as ids
from bootmend.bcd import object_types
from bootmend.bcd.devices import RamdiskDevice
from bootmend.bcd.elements import DEVICE, TEMPLATE_CLASS, class_of, format_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.devices import Device, PartitionDevice
    from bootmend.bcd.edit import StoreEditor
    from bootmend.bcd.store import Store
    from bootmend.bcd.values import Value

WINDOWS_8, WINDOWS_10, WINDOWS_11 = 9200, 10240, 22000

TEMPLATE_LOADERS = {
    "BIOS": "{a1943bbc-ea85-487c-97c7-c9ede908a38a}",
    "UEFI": "{b012b84d-c47c-4ed5-b722-c0c42163e569}",
}
TEMPLATE_RESUME = {
    "BIOS": "{98b02a23-0674-4ce7-bdad-e0a15a8ff97b}",
    "UEFI": "{0c334284-9a41-4de1-99b3-a7e87e8ff07e}",
}

DEVICE_OF = 0x11000001
PATH = 0x12000002
DESCRIPTION = 0x12000004
LOCALE = 0x12000005
INHERIT = 0x14000006
_RECOVERY_SEQUENCE = 0x14000008
_DEBUG_TYPE, _SERIAL, _LOCAL = 0x15000011, 0, 4
_DEBUG_PORT = 0x15000013
_BAUD_RATE = 0x15000014
_DISPLAY_MESSAGE, _RECOVERY_MESSAGE = 0x15000065, 3
_DISPLAY_MESSAGE_OVERRIDE = 0x15000066
_RECOVERY_ENABLED = 0x16000009
_BAD_MEMORY_ACCESS = 0x1600000B
_BOOT_EMS = 0x16000020
_ISOLATED_CONTEXT = 0x16000060
_IN_MEMORY_SETTINGS = 0x17000077
# of the boot manager
_DEFAULT = 0x23000003
_MANAGER_RESUME = 0x23000006
_DISPLAY_ORDER = 0x24000001
_TOOLS = 0x24000010
_TIMEOUT = 0x25000004
# of a loader
_OS_DEVICE = 0x21000001
_SYSTEM_ROOT = 0x22000002
_RESUME_OBJECT = 0x23000003
_NX = 0x25000020
_LOADER_MENU = 0x250000C2
_HYPERVISOR_TYPE = 0x250000F3
_HYPERVISOR_PORT = 0x250000F4
_HYPERVISOR_RATE = 0x250000F5
_WINPE = 0x26000022
_RECOVERY_OS = 0x46000010
# of a resume application
_FILE_DEVICE = 0x21000001
_HIBERFIL_VOLUME = 0x21000026
_FILE_PATH = 0x22000002
_RESUME_MENU = 0x25000008
_DEBUG_OPTION = 0x26000006
# of device options
_SDI_DEVICE = 0x31000003
_SDI_PATH = 0x32000004


class Recovery(NamedTuple):
    """A Windows recovery environment: the partition it is on, its image and its ``boot.sdi``."""

    partition: PartitionDevice
    image: str
    sdi: str


class Installation(NamedTuple):
    """What a store has to know of one Windows: where it is, which it is, what starts it."""

    firmware: str
    system: Device
    windows: Device
    root: str
    description: str
    build: int
    server: bool
    locale: str = "en-US"
    recovery: Recovery | None = None

    @property
    def uefi(self) -> bool:
        """Whether the machine starts by UEFI."""
        return self.firmware == "UEFI"


class FreshObject(NamedTuple):
    """An object to be made."""

    id: str
    type: int
    elements: dict[int, Value]


class Identifiers(NamedTuple):
    """The fresh identifiers of one installation."""

    loader: str
    resume: str
    recovery: str
    options: str


def fresh_objects(windows: Installation, new_id: Callable[[], str], template: Store | None = None) -> list[FreshObject]:
    """Return every object of the store for an installation; its loader is the default and alone in the menu."""
    own = Identifiers(new_id(), new_id(), new_id(), new_id())
    objects = [_manager(windows, own), _loader(windows, own), _resume(windows, own), _memory_tester(windows)]
    if windows.recovery is not None:
        objects += [_recovery(windows, windows.recovery, own), _options(windows.recovery, own)]
    objects += _settings(windows)
    if template is not None:
        objects = [_overridden(item, _template_of(item, template, windows, own)) for item in objects]
    return objects


def fill(store: StoreEditor, objects: list[FreshObject]) -> None:
    """Make the objects in a store."""
    for item in objects:
        store.create_object(item.id, item.type)
        for number in sorted(item.elements):
            store.set_element(item.id, number, item.elements[number])


# -- applications ----------------------------------------------------------------------------------------
def _manager(windows: Installation, own: Identifiers) -> FreshObject:
    elements: dict[int, Value] = {
        DEVICE_OF: windows.system,
        DESCRIPTION: "Windows Boot Manager",
        LOCALE: windows.locale,
        INHERIT: (ids.GLOBAL_SETTINGS,),
        _DEFAULT: own.loader,
        _MANAGER_RESUME: own.resume,
        _DISPLAY_ORDER: (own.loader,),
        _TOOLS: (ids.MEMDIAG,),
        _TIMEOUT: 30,
    }
    if windows.uefi:
        elements[PATH] = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"
    return FreshObject(ids.BOOTMGR, object_types.BOOT_MANAGER, elements)


def _loader(windows: Installation, own: Identifiers) -> FreshObject:
    elements: dict[int, Value] = {
        DEVICE_OF: windows.windows,
        PATH: f"{windows.root}\\system32\\winload.{_suffix(windows)}",
        DESCRIPTION: windows.description,
        LOCALE: windows.locale,
        INHERIT: (ids.BOOT_LOADER_SETTINGS,),
        _OS_DEVICE: windows.windows,
        _SYSTEM_ROOT: windows.root,
        _RESUME_OBJECT: own.resume,
        _NX: 1 if windows.server else 0,
        **_common(windows),
    }
    if windows.build >= WINDOWS_8 and not windows.server:
        elements[_LOADER_MENU] = 1
    if windows.recovery is not None:
        elements |= {_RECOVERY_SEQUENCE: (own.recovery,), _RECOVERY_ENABLED: True}
        if windows.build >= WINDOWS_10:
            elements[_DISPLAY_MESSAGE_OVERRIDE] = _RECOVERY_MESSAGE
    return FreshObject(own.loader, object_types.OS_LOADER, elements)


def _resume(windows: Installation, own: Identifiers) -> FreshObject:
    elements: dict[int, Value] = {
        DEVICE_OF: windows.windows,
        PATH: f"{windows.root}\\system32\\winresume.{_suffix(windows)}",
        DESCRIPTION: "Windows Resume Application",
        LOCALE: windows.locale,
        INHERIT: (ids.RESUME_LOADER_SETTINGS,),
        _FILE_DEVICE: windows.windows,
        _FILE_PATH: "\\hiberfil.sys",
        _DEBUG_OPTION: False,
        **_common(windows),
    }
    if windows.build >= WINDOWS_8 and not windows.server:
        elements[_RESUME_MENU] = 1
    if windows.build >= WINDOWS_11:
        elements[_HIBERFIL_VOLUME] = windows.windows
    if windows.recovery is not None and windows.build >= WINDOWS_10:
        elements |= {_RECOVERY_SEQUENCE: (own.recovery,), _RECOVERY_ENABLED: True}
    return FreshObject(own.resume, object_types.RESUME_LOADER, elements)


def _common(windows: Installation) -> dict[int, Value]:
    """What the loader and the resume application share, by the Windows that brought it."""
    elements: dict[int, Value] = {}
    if windows.build >= WINDOWS_8:
        elements[_IN_MEMORY_SETTINGS] = (0x15000075,)
    if windows.build >= WINDOWS_10 and windows.uefi:
        elements[_ISOLATED_CONTEXT] = True
    return elements


def _memory_tester(windows: Installation) -> FreshObject:
    path = "\\EFI\\Microsoft\\Boot\\memtest.efi" if windows.uefi else "\\boot\\memtest.exe"
    elements: dict[int, Value] = {
        DEVICE_OF: windows.system,
        PATH: path,
        DESCRIPTION: "Windows Memory Diagnostic",
        LOCALE: windows.locale,
        INHERIT: (ids.GLOBAL_SETTINGS,),
        _BAD_MEMORY_ACCESS: True,
    }
    return FreshObject(ids.MEMDIAG, object_types.MEMORY_TESTER, elements)


def _recovery(windows: Installation, recovery: Recovery, own: Identifiers) -> FreshObject:
    image = RamdiskDevice(recovery.partition, recovery.image, own.options)
    elements: dict[int, Value] = {
        DEVICE_OF: image,
        PATH: f"\\windows\\system32\\winload.{_suffix(windows)}",
        DESCRIPTION: "Windows Recovery Environment",
        INHERIT: (ids.BOOT_LOADER_SETTINGS,),
        _OS_DEVICE: image,
        _SYSTEM_ROOT: "\\windows",
        _NX: 0,
        _WINPE: True,
        _RECOVERY_OS: True,
    }
    if windows.build >= WINDOWS_8:
        elements |= {LOCALE: windows.locale, _DISPLAY_MESSAGE: _RECOVERY_MESSAGE, _LOADER_MENU: 1}
    return FreshObject(own.recovery, object_types.OS_LOADER, elements)


def _options(recovery: Recovery, own: Identifiers) -> FreshObject:
    elements: dict[int, Value] = {
        DESCRIPTION: "Windows Recovery",
        _SDI_DEVICE: recovery.partition,
        _SDI_PATH: recovery.sdi,
    }
    return FreshObject(own.options, object_types.DEVICE_OPTIONS, elements)


def _suffix(windows: Installation) -> str:
    return "efi" if windows.uefi else "exe"


# -- settings to inherit -----------------------------------------------------------------------------------
def _settings(windows: Installation) -> list[FreshObject]:
    serial: dict[int, Value] = {_DEBUG_TYPE: _SERIAL, _DEBUG_PORT: 1, _BAUD_RATE: 115200}
    elements: dict[str, dict[int, Value]] = {
        ids.EMS_SETTINGS: {_BOOT_EMS: windows.build < WINDOWS_8},
        ids.DEBUGGER_SETTINGS: {_DEBUG_TYPE: _LOCAL} if windows.build >= WINDOWS_10 else serial,
        ids.BAD_MEMORY: {},
        ids.GLOBAL_SETTINGS: {INHERIT: (ids.DEBUGGER_SETTINGS, ids.EMS_SETTINGS, ids.BAD_MEMORY)},
        ids.BOOT_LOADER_SETTINGS: {INHERIT: (ids.GLOBAL_SETTINGS, ids.HYPERVISOR_SETTINGS)},
        ids.HYPERVISOR_SETTINGS: {_HYPERVISOR_TYPE: _SERIAL, _HYPERVISOR_PORT: 1, _HYPERVISOR_RATE: 115200},
        ids.RESUME_LOADER_SETTINGS: {INHERIT: (ids.GLOBAL_SETTINGS,)},
    }
    return [FreshObject(name, object_types.WELL_KNOWN_TYPES[name], found) for name, found in elements.items()]


# -- the installation's own template -------------------------------------------------------------------------
def _template_of(item: FreshObject, template: Store, windows: Installation, own: Identifiers) -> dict[int, Value]:
    """What the template says of an object, as far as it is not about this machine: no devices, paths, identities."""
    names = {own.loader: TEMPLATE_LOADERS[windows.firmware], own.resume: TEMPLATE_RESUME[windows.firmware]}
    found = template.get(names.get(item.id, item.id))
    if found is None or found.type != item.type:
        return {}
    return {number: element.value for number, element in found.elements.items() if not element.remark and _is_general(number)}


def _is_general(number: int) -> bool:
    about_this_machine = {PATH, LOCALE, _SYSTEM_ROOT, _RECOVERY_SEQUENCE, _RECOVERY_ENABLED}
    identities = {_DEFAULT, _MANAGER_RESUME, _DISPLAY_ORDER}
    if class_of(number) == TEMPLATE_CLASS or format_of(number) == DEVICE:
        return False
    return number not in about_this_machine | identities


def _overridden(item: FreshObject, elements: dict[int, Value]) -> FreshObject:
    return item._replace(elements=item.elements | elements)
