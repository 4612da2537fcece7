"""Text screens that show no Windows stop code: boot sectors, firmware, GRUB, SAC, CHKDSK, Linux."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .canvas import BLACK, GREY, WHITE, Canvas, Grid
from .fonts import CellFont, FontSet, console_font, drawn_font
from .labels import Label, blocks

if TYPE_CHECKING:
    import random

TEXTS: tuple[tuple[str, str, str], ...] = tuple(
    (*head.split(" ", 1), text)  # type: ignore[misc]
    for head, text in blocks("consoles.txt")
)
"""State, layout and text of each screen."""


def console_face(fonts: FontSet, rng: random.Random, *, linux: bool) -> tuple[CellFont, int, int]:
    """A cell font with the columns and rows of its screen."""
    if linux and rng.random() < 0.4:
        return console_font(rng.choice(fonts.linux)), 128, 48
    if rng.random() < 0.25:
        return drawn_font(rng.choice(fonts.mono), 10, 20, rng.random() < 0.5), 100, 36
    return _text_mode()


def _text_mode() -> tuple[CellFont, int, int]:
    return console_font("Lat15-VGA16", 9), 80, 25


def console_text(fonts: FontSet, rng: random.Random, text: tuple[str, str, str] | None = None) -> tuple[Canvas, Label]:
    """One of the texts above in light grey on black."""
    state, layout, words = text or rng.choice(TEXTS)
    hexes, total = f"{rng.getrandbits(128):032X}", rng.randrange(1000, 400000)
    key = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))
    percent = rng.randrange(101)
    font, columns, rows = console_face(fonts, rng, linux=state == "linux") if text is None else _text_mode()
    grid = Grid(font, rng, columns=columns, rows=rows, ink=rng.choice((GREY, GREY, (170, 170, 170), WHITE)))
    stamps = {letter: rng.randrange(10**6) for letter in "abcd"}
    for line in words.format(n=percent, m=total, t=total * 2, key=key, **stamps).split("\n"):
        grid.line(line)
    grid.finish(paper=BLACK)
    label = Label("console", f"{state}-{layout}", state, fixed_font=font.bitmap)
    label.percentage = percent if "{n}" in words else None
    label.key_id = key if "{key}" in words else ""
    return grid, label
