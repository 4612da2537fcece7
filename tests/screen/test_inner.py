"""A screen inside a picture: found, read by itself, its boxes in the whole picture."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")

import numpy as np

from bootmend.screen import Reader
from bootmend.screen.inner import inner_screen
from tests.screen.drawing import draw, font

SCREEN = draw(["", "Missing operating system"], font("vga 9x16"))


def test_a_screen_in_a_white_page_is_read_and_its_boxes_lie_in_the_page() -> None:
    page = np.full((800, 1200, 3), 255, dtype=np.uint8)
    page[200:600, 300:1020] = SCREEN
    inner = inner_screen(page)
    assert inner is not None
    assert all(abs(seen - true) <= 4 for seen, true in zip(inner, (300, 200, 1020, 600), strict=True))
    reading = Reader(engines=["glyphs"]).read_pixels("x", page)
    assert reading.state == "missing_os"
    box = reading.evidence[0].box
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == (300, 216, 300 + 24 * 9, 232)


def test_a_screen_by_itself_has_none_inside() -> None:
    assert inner_screen(SCREEN) is None


def test_stripes_and_tiles_are_no_screens() -> None:
    page = np.full((800, 1200, 3), 255, dtype=np.uint8)
    page[100:180] = (0, 90, 158)
    page[300:400, 100:200] = (0, 90, 158)
    assert inner_screen(page) is None
