"""The clock and the options of a plan: the one place where the time of day is read."""

from __future__ import annotations

import time

from bootmend.engine.plan import Request

FILETIME_OF_1970 = 116_444_736_000_000_000


def make_request(
    *,
    rules: tuple[str, ...],
    codes: tuple[str, ...],
    offer: str,
    unsafe: bool,
    serial_console: bool,
    discard_hibernation: bool,
) -> Request:
    """What is asked for, now; ``made_at`` is rounded down to whole seconds."""
    from bootmend.catalog import find_rule

    for rule in (*rules, *filter(None, [offer])):
        find_rule(rule)
    made_at = int(time.time()) * 10_000_000 + FILETIME_OF_1970
    return Request(
        made_at=made_at,
        rules=rules,
        codes=codes,
        offer=offer,
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
