"""From the options of a command to what is asked of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.cli.options import known_rules, normal_codes

if TYPE_CHECKING:
    from bootmend.engine.plan import Request


def make_request(
    *,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    offer: str,
    unsafe: bool,
    serial_console: bool,
    discard_hibernation: bool,
) -> Request:
    """What is asked for, now; ``made_at`` is rounded down to whole seconds.

    Raises:
        UsageError: a rule or a code is not known.
    """
    from bootmend.engine.clock import filetime_now
    from bootmend.engine.plan import Request

    return Request(
        made_at=filetime_now(),
        rules=known_rules(*rules),
        codes=normal_codes(codes),
        offer=known_rules(offer)[0] if offer else "",
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
