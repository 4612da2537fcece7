"""Every command of bcdedit: what does it, whether it writes, how it is written."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

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


def _in(module: str, name: str) -> Callable[[Call], str]:
    """Return the command that is a function of a module, which is imported when it is run."""

    def command(call: Call) -> str:
        found: Callable[[Call], str] = getattr(import_module(f"bootmend.bcd.commands.{module}"), name)
        return found(call)

    return command


def _of_boot_manager(element: int) -> Callable[[Call], str]:
    def command(call: Call) -> str:
        from bootmend.bcd.commands.menu import boot_manager_element

        return boot_manager_element(element)(call)

    return command


def _switch(element: str) -> Callable[[Call], str]:
    def command(call: Call) -> str:
        from bootmend.bcd.commands.values import switch

        return switch(element)(call)

    return command


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
    "enum": Entry(_in("show", "enum"), False, "[type | id] [/v]", "list entries"),
    "set": Entry(_in("values", "set_element"), True, "[id] name value ...", "set an element"),
    "deletevalue": Entry(_in("values", "delete_value"), True, "[id] name", "delete an element"),
    "create": Entry(_in("objects", "create"), True, "[id] [/d text] [/application type | ...]", "create an entry"),
    "copy": Entry(_in("objects", "copy"), True, "id /d text", "copy an entry"),
    "delete": Entry(_in("objects", "delete"), True, "id [/f] [/cleanup | /nocleanup]", "delete an entry"),
    "default": Entry(_of_boot_manager(DEFAULT_OBJECT), True, "id", "set the default entry"),
    "timeout": Entry(_of_boot_manager(TIMEOUT), True, "seconds", "set the time-out of the boot menu"),
    "displayorder": Entry(_of_boot_manager(DISPLAY_ORDER), True, "id ... [/addfirst | ...]", "set the boot menu"),
    "bootsequence": Entry(_of_boot_manager(BOOT_SEQUENCE), True, "id ... [/addfirst | ...]", "set the next boot"),
    "toolsdisplayorder": Entry(_of_boot_manager(TOOLS_DISPLAY_ORDER), True, "id ... [/addfirst | ...]", "set the tools menu"),
    "bootems": Entry(_switch("bootems"), True, "[id] on|off", "emergency management in a boot application"),
    "ems": Entry(_switch("ems"), True, "[id] on|off", "emergency management in Windows"),
    "emssettings": Entry(_in("settings", "ems_settings"), True, "[BIOS | EMSPORT:n [EMSBAUDRATE:n]]", "its serial port"),
    "bootdebug": Entry(_switch("bootdebug"), True, "[id] on|off", "debugging of a boot application"),
    "debug": Entry(_switch("debug"), True, "[id] on|off", "debugging of the kernel"),
    "dbgsettings": Entry(_in("settings", "debugger_settings"), True, "[type option:value ...]", "how to debug"),
    "event": Entry(_switch("event"), True, "[id] on|off", "events over the debugger"),
    "eventsettings": Entry(_in("settings", "debugger_settings"), True, "[type option:value ...]", "the same settings"),
    "hypervisorsettings": Entry(_in("settings", "hypervisor_settings"), True, "[type option:value ...]", "for the hypervisor"),
    "sysstore": Entry(_LIVE, False, "partition", "not for a store on a disk"),
    "mirror": Entry(_LIVE, False, "id", "not for a store on a disk"),
    "createstore": Entry(_FILES, False, "file", "make an empty store"),
    "export": Entry(_FILES, False, "file", "copy the whole store to a new file"),
    "import": Entry(_FILES, False, "file", "let the store be what a file holds"),
    "?": Entry(help_text, False, "", "this text"),
}
