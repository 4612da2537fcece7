"""What the screen shows beside the disk, in words: for terminals and for Markdown."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bootmend.engine.screen_and_disk import shows
from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.engine.screen_and_disk import Screen
    from bootmend.screen import Reading
    from bootmend.views.style import Style

WIDTH = 110
LABELS = {
    "explained": "explained",
    "contradicted": "contradiction",
    "unexplained": "not explained",
    "started": "Windows had started",
    "agreed": "agrees with the disk",
    "undecided": "tells no fault",
}
"""A relation in a word or two."""


def screen_lines(screen: Screen, style: Style) -> Iterator[str]:
    """The screen for a terminal, before the findings; a blank line after it."""
    mark, colour = ("✓", "green") if screen.calm else ("·", "cyan") if screen.relation == "undecided" else ("!", "yellow")
    yield style(f"{mark} screen", colour, "bold") + plain(f"   {summary(screen.reading)}")
    yield from _wrapped(screen.sentence, "  ", "  ")
    for name, value in facts(screen.reading):
        yield plain(f"    {name:<12}  {value}")
    yield from ["  look at:"] * bool(screen.look_at)
    for place in screen.look_at:
        yield from _wrapped(place, "    - ", "      ")
    yield from (plain(f"  note: {remark}") for remark in screen.remarks)
    yield ""


def _wrapped(text: str, first: str, later: str) -> list[str]:
    """Lines of a terminal's width; names and codes with hyphens stay whole."""
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def summary(reading: Reading) -> str:
    """``0x7B INACCESSIBLE_BOOT_DEVICE, certain``."""
    return f"{shows(reading)}, {reading.confidence}" if reading.recognised else "not recognised"


def facts(reading: Reading) -> list[tuple[str, str]]:
    """What was read besides the code."""
    rows = [
        ("one of", ", ".join(reading.possible_codes)),
        ("parameters", ", ".join(reading.parameters)),
        ("file", reading.failing_file or ""),
        ("info", reading.info or ""),
        ("progress", "" if reading.percentage is None else f"{reading.percentage}%"),
        ("key id", reading.key_id or ""),
        ("updates", ", ".join(reading.kb_numbers)),
        ("read from", _seen(reading)),
    ]
    return [(name, value) for name, value in rows if value]


def _seen(reading: Reading) -> str:
    if not reading.evidence:
        return reading.file
    return f"{reading.file}: {reading.evidence[0].text.strip()!r}"
