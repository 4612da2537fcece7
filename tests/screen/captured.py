"""The text screens that are shown in QEMU: the generator's grids turned into VGA video memory, with their labels."""

from __future__ import annotations

import random
from typing import Any

from tools.capture_screens import TextPage

from tests.screen.generator import bootmgr, check_of_seed, consoles, stop
from tests.screen.generator.canvas import Grid
from tests.screen.generator.fonts import FONT_SETS


def video_memory(grid: Grid, rows: int) -> bytes:
    """Characters in code page 437 with attributes: the grid's own colours as the nearest of a text mode."""
    plain, turned = (b"\x1f", b"\xf1") if grid.papers[0, 0, 2] > grid.papers[0, 0, 0] else (b"\x07", b"\x70")
    base = grid.papers[grid.rows // 2, 0]
    cells = bytearray()
    for row in range(rows):
        for column in range(80):
            inside = row < grid.rows and column < grid.columns
            letter = grid.letters[row][column] if inside else " "
            same = not inside or bool((grid.papers[row, column] == base).all())
            cells += letter.encode("cp437", "replace") + (plain if same else turned)
    return bytes(cells)


def captured_pages(seed: int = 1) -> list[tuple[dict[str, Any], TextPage]]:
    """Every console text, the boot manager's menus and half of its errors in two fonts of the ROM by turns, and stop screens.

    The stop screens have 50 rows, as those of Windows NT had, which is the only Windows that stopped in a text mode.
    """
    rng = random.Random(seed)
    fonts = FONT_SETS["tuning"]
    drawn = [consoles.console_text(fonts, rng, text) for text in consoles.TEXTS]
    drawn += [bootmgr.boot_error_text(fonts, rng, status) for status in list(bootmgr.STATUSES)[::2]]
    drawn += [bootmgr.boot_menu_text(fonts, rng, state) for state in bootmgr.MENUS]
    drawn += [stop.text_stop(check_of_seed(seed), fonts, rng) for seed in range(12)]
    pages = []
    for number, (canvas, label) in enumerate(drawn):
        assert isinstance(canvas, Grid)
        font_rows = 8 if label.kind == "stop" else (16, 16, 16, 14)[number % 4]
        label.fixed_font, label.font = True, f"VGA ROM 9x{font_rows}"
        pages.append((label.as_dict(), TextPage(video_memory(canvas, 400 // font_rows), font_rows)))
    return pages
