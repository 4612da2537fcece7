"""Pages of text as engines hand them to the matcher, for tests that need no picture."""

from __future__ import annotations

from bootmend.screen import Line, Page, Reading
from bootmend.screen.codes import default_table
from bootmend.screen.matcher import interpret

CLASSIC = """\
A problem has been detected and Windows has been shut down to prevent damage
to your computer.

The problem seems to be caused by the following file: storport.sys

INACCESSIBLE_BOOT_DEVICE

If this is the first time you've seen this Stop error screen,
restart your computer. If this screen appears again, follow
these steps:

Technical information:

*** STOP: 0x0000007B (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)
"""
MODERN = """\
:(
Your PC ran into a problem and needs to restart. We're just
collecting some error info, and then we'll restart for you.
20% complete
For more information about this issue and possible fixes, visit
https://www.windows.com/stopcode
If you call a support person, give them this info:
Stop code: {}
"""


def page(text: str, engine: str = "ocr", *, exact: bool = False, background: tuple[int, int, int] | None = None) -> Page:
    """The lines of ``text`` that are not empty."""
    lines = tuple(Line(line) for line in text.splitlines() if line.strip())
    return Page(lines, engine, exact=exact, width=640, height=480, background=background)


def read(text: str, engine: str = "ocr", *, exact: bool = False, background: tuple[int, int, int] | None = None) -> Reading:
    """What the matcher makes of ``text``."""
    return interpret(page(text, engine, exact=exact, background=background), default_table(), "text")
