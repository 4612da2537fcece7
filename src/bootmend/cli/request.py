"""The clock and the options of a plan: the one place where the time of day is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bootmend.cli.options import known_rules, normal_codes

if TYPE_CHECKING:
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
    """What is asked for, now; ``made_at`` is rounded down to whole seconds.

    Raises:
        UsageError: a rule or a code is not known.
    """
    from bootmend.engine.plan import Request

    return Request(
        made_at=int(time.time()) * 10_000_000 + FILETIME_OF_1970,
        rules=known_rules(*rules),
        codes=normal_codes(codes),
        offer=known_rules(offer)[0] if offer else "",
        unsafe=unsafe,
        serial_console=serial_console,
        discard_hibernation=discard_hibernation,
    )
