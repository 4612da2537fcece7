"""Commands on the boot menu: ``/default``, ``/timeout``, ``/displayorder``, ``/bootsequence``, ``/toolsdisplayorder``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.bcd.commands import messages
from bootmend.bcd.commands.messages import CommandError
from bootmend.bcd.commands.values import change_element
from bootmend.bcd.identifiers import BOOTMGR

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.bcd.commands.call import Call


def boot_manager_element(element_id: int) -> Callable[[Call], str]:
    """Return the command whose arguments are the value of one element of the boot manager."""

    def command(call: Call) -> str:
        if not call.arguments:
            raise CommandError(messages.BAD_ARGUMENTS)
        change_element(call, call.target(BOOTMGR), element_id, call.arguments)
        return messages.SUCCESS

    return command
