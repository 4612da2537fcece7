"""The time of day as Windows stamps registry keys with it: the one place where it is read."""

from __future__ import annotations

import time

FILETIME_OF_1970 = 116_444_736_000_000_000
PER_SECOND = 10_000_000


def filetime_now() -> int:
    """The time as FILETIME (100 ns since 1601, UTC), rounded down to whole seconds."""
    return int(time.time()) * PER_SECOND + FILETIME_OF_1970
