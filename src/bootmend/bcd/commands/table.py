"""Every command of bcdedit: what does it, whether it writes, how it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.bcd.commands import objects, settings, show, values
from bootmend.bcd.commands.menu import boot_manager_element
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.store import BOOT_SEQUENCE, DEFAULT_OBJECT, DISPLAY_ORDER, TOOLS_DISPLAY_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.commands.call import Call

TIMEOUT = 0x25000004


class Entry(NamedTuple):
    """One command: ``writes`` says that it changes the store when it has arguments, ``syntax`` its arguments."""

    run: Callable[[Call], str]
    writes: bool
    syntax: str
    summary: str


def help_text(_call: Call) -> str:
    """``/?``: every command with its arguments."""
    lines = [f"  /{name} {entry.syntax}".ljust(_HELP_COLUMN) + f"  {entry.summary}" for name, entry in COMMANDS.items()]
    return "bcdedit [/store file] [/command arguments] [/v]\n\n" + "\n".join(lines) + "\n"


def _elsewhere(reason: str) -> Callable[[Call], str]:
    """Return a command that only says why it cannot be given to a store on a disk; exit code 2."""

    def command(_call: Call) -> str:
        raise CommandError(f"{reason}\n", 2)

    return command


_HELP_COLUMN = 62
_LIVE = _elsewhere("This command needs the running Windows; it cannot be done on a store that is read from a disk.")
_FILES = _elsewhere("This command works on a store file as a whole, not on an open store.")

COMMANDS = {
    "enum": Entry(show.enum, False, "[type | id] [/v]", "list entries"),
    "set": Entry(values.set_element, True, "[id] name value ...", "set an element"),
    "deletevalue": Entry(values.delete_value, True, "[id] name", "delete an element"),
    "create": Entry(objects.create, True, "[id] [/d text] [/application type | ...]", "create an entry"),
    "copy": Entry(objects.copy, True, "id /d text", "copy an entry"),
    "delete": Entry(objects.delete, True, "id [/f] [/cleanup | /nocleanup]", "delete an entry"),
    "default": Entry(boot_manager_element(DEFAULT_OBJECT), True, "id", "set the default entry"),
    "timeout": Entry(boot_manager_element(TIMEOUT), True, "seconds", "set the time-out of the boot menu"),
    "displayorder": Entry(boot_manager_element(DISPLAY_ORDER), True, "id ... [/addfirst | ...]", "set the boot menu"),
    "bootsequence": Entry(boot_manager_element(BOOT_SEQUENCE), True, "id ... [/addfirst | ...]", "set the next boot"),
    "toolsdisplayorder": Entry(boot_manager_element(TOOLS_DISPLAY_ORDER), True, "id ... [/addfirst | ...]", "set the tools menu"),
    "bootems": Entry(values.switch("bootems"), True, "[id] on|off", "emergency management in a boot application"),
    "ems": Entry(values.switch("ems"), True, "[id] on|off", "emergency management in Windows"),
    "emssettings": Entry(settings.ems_settings, True, "[BIOS | EMSPORT:n [EMSBAUDRATE:n]]", "its serial port"),
    "bootdebug": Entry(values.switch("bootdebug"), True, "[id] on|off", "debugging of a boot application"),
    "debug": Entry(values.switch("debug"), True, "[id] on|off", "debugging of the kernel"),
    "dbgsettings": Entry(settings.debugger_settings, True, "[type option:value ...]", "how to debug"),
    "event": Entry(values.switch("event"), True, "[id] on|off", "events over the debugger"),
    "eventsettings": Entry(settings.debugger_settings, True, "[type option:value ...]", "the same settings"),
    "hypervisorsettings": Entry(settings.hypervisor_settings, True, "[type option:value ...]", "how to debug the hypervisor"),
    "sysstore": Entry(_LIVE, False, "partition", "not for a store on a disk"),
    "mirror": Entry(_LIVE, False, "id", "not for a store on a disk"),
    "createstore": Entry(_FILES, False, "file", "make an empty store"),
    "export": Entry(_FILES, False, "file", "copy the whole store to a new file"),
    "import": Entry(_FILES, False, "file", "let the store be what a file holds"),
    "?": Entry(help_text, False, "", "this text"),
}
