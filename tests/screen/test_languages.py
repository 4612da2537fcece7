"""German and Japanese screens as pictures: names and numbers are found without a single English word beside them.

Drawn with the fonts that were never used while the reader was tuned, at full size and without damage: what is tested is
the language.  One Japanese face draws the backslash as a yen sign, as those of Windows do.
"""

from __future__ import annotations

import importlib.util
import random
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

if any(importlib.util.find_spec(name) is None for name in ("PIL", "numpy")):
    pytest.skip("Pillow and NumPy are not installed (pip install bootmend[screen])", allow_module_level=True)
pytest.importorskip("rapidocr", reason="rapidocr is not installed (pip install bootmend[ocr])")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install bootmend[ocr])")

from bootmend.screen import Reader
from tests.screen.generator import bootmgr, check_of_seed, missing_packages, stop
from tests.screen.generator.fonts import FONT_SETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.screen import Reading

if packages := missing_packages("held-out"):
    pytest.skip(f"fonts are not installed: apt-get install {' '.join(packages)}", allow_module_level=True)

FONTS = FONT_SETS["held-out"]
STOPS: dict[str, Callable[..., Any]] = {
    "10": stop.sad_face,
    "8": stop.windows_8,
    "11 black": stop.black_2025,
    "7": stop.text_stop,
}
GERMAN_AND_JAPANESE = [(language, layout) for language in ("de", "ja") for layout in STOPS if (language, layout) != ("ja", "7")]
ENGLISH = (
    "stop code",
    "ran into a problem",
    "for more information",
    "support person",
    "search online",
    "been detected",
    "restart",
)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def read(reader: Reader, canvas: Any) -> Reading:
    buffer = BytesIO()
    canvas.image.save(buffer, "PNG")
    return reader.read("x.png", buffer.getvalue())


@pytest.mark.parametrize(("language", "layout"), GERMAN_AND_JAPANESE)
def test_a_stop_code_needs_no_english(reader: Reader, language: str, layout: str) -> None:
    canvas, label = STOPS[layout](check_of_seed(988), FONTS, random.Random(11), language)
    reading = read(reader, canvas)
    said = {code.lower() for code in (reading.stop_code, *reading.possible_codes) if code}
    assert said, reading.text
    assert said <= {code.lower() for code in label.stop_codes}
    assert not any(word in line.lower() for line in reading.text for word in ENGLISH)


@pytest.mark.parametrize(("language", "draw"), [("de", "text"), ("de", "page"), ("ja", "page")])
@pytest.mark.parametrize("seed", [21, 22])
def test_the_boot_manager_needs_no_english(reader: Reader, language: str, draw: str, seed: int) -> None:
    drawer = bootmgr.boot_error_text if draw == "text" else bootmgr.boot_error_page
    canvas, label = drawer(FONTS, random.Random(seed), language=language)
    reading = read(reader, canvas)
    assert reading.state == "boot_manager_error", reading.text
    assert (reading.status_code or "").lower() == label.status_code
    assert (reading.failing_file or "").lower() in (label.failing_file.lower(), "")
