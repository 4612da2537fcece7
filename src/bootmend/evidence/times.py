"""Times as Windows and its programs write them, as one kind of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_LATEST = 1 << 62
"""Some 14 600 years: what is above is no time."""


def filetime_text(filetime: int) -> str:
    """A FILETIME (100 ns since 1601, UTC) as ``2026-11-22T20:15:00Z``; "" for 0 and for what is no time."""
    if not 0 < filetime < _LATEST:
        return ""
    try:
        when = _WINDOWS_EPOCH + timedelta(microseconds=filetime // 10)
    except OverflowError:
        return ""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def unix_text(seconds: int) -> str:
    """Seconds since 1970, unsigned 32 bits, as the same kind of text; "" for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if 0 < seconds < 1 << 32 else ""
