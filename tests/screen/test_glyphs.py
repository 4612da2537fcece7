"""Fixed fonts: the grid is found wherever it lies, and every character again."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")

import numpy as np

from bootmend.screen import CERTAIN, Reader
from bootmend.screen.glyphs import UNKNOWN_CELL, fonts, read_glyphs
from bootmend.screen.trivial import ground
from tests.screen.drawing import draw, encoded, font
from tests.screen.pages import CLASSIC
from tests.support import shared_files

LOADER = ["SeaBIOS (version 1.16.2)", "Booting from Hard Disk...", "", "BOOTMGR is missing", "Press Ctrl+Alt+Del to restart"]
STOP = CLASSIC.replace(
    "(0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)",
    "(0xF789E528,0xC0000034,0x00000000,0x00000000)",
).splitlines()
BLUE = ((0, 0, 130), (255, 255, 255))


def text_of(frame: object) -> list[str]:
    page = read_glyphs(ground(frame))  # type: ignore[arg-type]
    return [] if page is None else [line.text.strip() for line in page.lines]


def test_the_fonts_know_every_hexadecimal_digit() -> None:
    for face in fonts():
        if not face.name.startswith("boot manager"):
            assert set("0123456789ABCDEFabcdef") - set(face.characters) == set()


@pytest.mark.parametrize("name", ["vga 9x16", "vga 9x14", "vga 9x8", "vga 8x16", "vga 8x14", "vga 8x8"])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, 1), (-1, -1), (7, 13), (100, 50)])
def test_a_grid_is_found_wherever_it_lies(name: str, shift: tuple[int, int]) -> None:
    lines = [f"  {line}" if line else "" for line in ["", *LOADER]]
    frame = draw(lines, font(name), size=(860, 500), at=shift)
    assert text_of(frame) == [line for line in LOADER if line]


def test_boxes_are_where_the_text_is() -> None:
    page = read_glyphs(ground(draw(["", "  BOOTMGR is missing"], font("vga 9x16"))))
    assert page is not None
    assert page.lines[0].box == (18, 16, 20 * 9, 32)
    assert (page.exact, page.width, page.height, page.background) == (True, 720, 400, (0, 0, 0))


def test_inverse_lines_are_turned() -> None:
    for name in ("vga 9x16", "vga 9x8", "vga 8x8"):
        face = font(name)
        frame = draw(LOADER, face)
        row = slice(3 * face.height, 4 * face.height)
        frame[row] = 170 - frame[row]
        assert "BOOTMGR is missing" in text_of(frame)


def test_a_cursor_is_no_character() -> None:
    frame = draw(LOADER, font("vga 9x16"))
    frame[6 * 16 + 13 : 6 * 16 + 15, :8] = 170
    assert text_of(frame)[-1] == LOADER[-1]


@pytest.mark.parametrize("quality", [90, 75, 60])
def test_jpeg(quality: int) -> None:
    reading = Reader(engines=["glyphs"]).read("x.jpg", encoded(draw(LOADER, font("vga 9x16")), "JPEG", quality=quality))
    assert reading.state == "bootmgr_missing"


@pytest.mark.parametrize("name", ["vga 8x14", "vga 9x16", "vga 9x14", "vga 9x8", "vga 8x8"])
def test_stop_screens_are_exact(name: str) -> None:
    reading = Reader(engines=["glyphs"]).read("x.png", encoded(draw(STOP, font(name), size=(720, 480), colours=BLUE)))
    assert (reading.stop_code, reading.confidence, reading.engines) == ("0x0000007B", CERTAIN, ("glyphs",))
    assert reading.parameters == ("0xF789E528", "0xC0000034", "0x00000000", "0x00000000")


@pytest.mark.parametrize("name", ["vga 8x14", "vga 9x8", "vga 8x8"])
def test_a_damaged_digit_is_never_another_digit(name: str) -> None:
    """Every dot of the code's last digit is flipped once, then pairs of dots: never another code for sure."""
    face = font(name)
    frame = draw(STOP, face, size=(720, 480), colours=BLUE)
    row = next(index for index, line in enumerate(STOP) if "STOP:" in line) * face.height
    column = (STOP[row // face.height].index("7B") + 1) * face.width
    reader = Reader(engines=["glyphs"])
    cells = [(row + dot // 8, column + dot % 8) for dot in range(8 * face.height)]
    for first, second in [*zip(cells, cells, strict=True), *zip(cells, cells[3:], strict=False)]:
        broken = frame.copy()
        for where in {first, second}:
            broken[where] = 255 - broken[where] if broken[where][0] in (0, 255) else 255
        reading = reader.read_pixels("x", broken)
        assert reading.stop_code in ("0x0000007B", None)


def test_unknown_cells_stay_unknown() -> None:
    rng = np.random.default_rng(7)
    frame = draw(LOADER, font("vga 9x16"))
    frame[48:64, 0:8] = rng.integers(0, 2, (16, 8, 1), dtype=np.uint8) * 170
    assert any(UNKNOWN_CELL in line for line in text_of(frame))


def test_noise_is_no_text() -> None:
    rng = np.random.default_rng(1)
    for share in (0.02, 0.2, 0.5):
        noise = (rng.random((480, 640, 1)) < share).astype(np.uint8) * 255
        assert read_glyphs(ground(np.repeat(noise, 3, axis=2))) is None


def test_areas_of_colour_are_no_text() -> None:
    """Rows that are all ink are passed over, and then no row may be left."""
    frame = np.zeros((480, 640, 3), dtype=np.uint8)
    frame[250:] = 200
    assert read_glyphs(ground(frame)) is None


@pytest.mark.parametrize("path", shared_files("screenshots/qemu", "*.png"), ids=lambda path: path.name)
def test_captured_text_screens(path: object) -> None:
    reading = Reader(engines=["glyphs"]).read("x", path.read_bytes())  # type: ignore[attr-defined]
    assert reading.confidence == CERTAIN
    assert reading.stop_code is None


def test_a_fixed_font_screen_takes_at_most_twenty_milliseconds() -> None:
    reader = Reader(engines=["glyphs"])
    frame = draw(
        STOP,
        font("boot video 8x14" if set("".join(STOP)) <= set(font("boot video 8x14").characters) | {" "} else "vga 8x14"),
        size=(640, 480),
        colours=BLUE,
    )
    reader.read_pixels("x", frame)
    times = []
    for _ in range(9):
        start = time.process_time()
        assert reader.read_pixels("x", frame).stop_code == "0x0000007B"
        times.append(time.process_time() - start)
    assert min(times) < 0.020
