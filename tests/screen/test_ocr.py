"""Drawn text, by the recognition network; real screens by their labels."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")

import numpy as np

from bootmend.errors import UnsupportedError
from bootmend.screen import CERTAIN, UNKNOWN, Reader
from bootmend.screen.picture import INSTALL_OCR, INSTALL_SCREEN
from tests.screen.drawing import draw, encoded, font
from tests.support import shared_folder

if TYPE_CHECKING:
    from pathlib import Path


def real_screens() -> list[tuple[Path, dict[str, str]]]:
    base = shared_folder("data")
    if base is None or not (base / "screenshots/labels.tsv").is_file():
        return []
    with (base / "screenshots/labels.tsv").open(encoding="utf-8", newline="") as lines:
        return [
            (base / "screenshots" / row["file"], row)
            for row in csv.DictReader(lines, delimiter="\t")
            if row["file"].startswith("real/")
        ]


@pytest.fixture(scope="module")
def reader() -> Reader:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    return Reader()


@pytest.mark.oracle
@pytest.mark.parametrize(("path", "row"), real_screens(), ids=lambda value: getattr(value, "stem", ""))
def test_real_screens_are_right_or_abstained(reader: Reader, path: Path, row: dict[str, str]) -> None:
    reading = reader.read(path.name, path.read_bytes())
    assert reading.stop_code in (
        {row["stop_code"], None} if "unexpected-restart.png" in path.name else {row["stop_code"] or None}
    )
    assert reading.failing_file in (row["failing_file"] or None, None)
    assert reading.confidence != CERTAIN or reading.stop_code in (None, row["stop_code"])
    if row["kind"] == "state":
        assert reading.state != UNKNOWN


def test_a_fixed_font_that_is_scaled_goes_to_the_network(reader: Reader) -> None:
    from PIL import Image

    frame = draw(["", "  BOOTMGR is missing", "  Press Ctrl+Alt+Del to restart"], font("vga 9x16"))
    scaled = np.asarray(Image.fromarray(frame).resize((1000, 555), Image.Resampling.BICUBIC))
    reading = reader.read_pixels("x", scaled)
    assert (reading.state, reading.engines) == ("bootmgr_missing", ("ocr",))


def test_an_arrow_that_touches_a_line_is_no_part_of_it() -> None:
    cv2 = pytest.importorskip("cv2")
    from bootmend.screen.segments import find_segments
    from bootmend.screen.trivial import ground

    frame = draw(["", "", "  STOP CODE 0x0000001E"], font("vga 9x16"))
    alone = find_segments(cv2, ground(frame).ink)
    cv2.line(frame, (150, 20), (215, 55), (255, 40, 40), 3)
    touched = find_segments(cv2, ground(frame).ink)
    assert alone is not None
    assert touched is not None
    assert [segment.height for segment in touched] == [segment.height for segment in alone]


def test_a_picture_without_text_is_a_logo(reader: Reader) -> None:
    frame = np.zeros((768, 1024, 3), dtype=np.uint8)
    frame[300:420, 450:570] = (0, 120, 215)
    assert reader.read_pixels("x", frame).state in ("logo", UNKNOWN)
    assert reader.read_pixels("x", frame).stop_code is None


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.screen import ocr

    ocr.engine.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    frame = np.zeros((480, 640, 3), dtype=np.uint8)
    frame[100:140:3, 100:300:5] = 255
    assert INSTALL_OCR in Reader().read_pixels("x", frame).remarks[0]
    with pytest.raises(UnsupportedError) as caught:
        Reader(engines=["ocr"]).read_pixels("x", frame)
    assert caught.value.hint == INSTALL_OCR
    ocr.engine.cache_clear()


def test_without_pillow_a_picture_is_refused_and_a_log_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = encoded(draw(["x"], font("vga 9x16")))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UnsupportedError) as caught:
        Reader().read("x.png", picture)
    assert caught.value.hint == INSTALL_SCREEN
    assert Reader().read("x.log", b"BOOTMGR is missing\r\n").state == "bootmgr_missing"


def test_the_core_imports_no_heavy_module() -> None:
    import subprocess

    code = (
        "import sys; import bootmend.screen as s; s.read_serial(b'SAC>'); "
        "print(sorted({'numpy', 'PIL', 'cv2', 'onnxruntime', 'rapidocr'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
