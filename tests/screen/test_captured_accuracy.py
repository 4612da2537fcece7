"""The reader on real, captured and fresh synthetic screens: never a wrong code, and how many right ones at the least.

The synthetic ones have fonts and seeds that were never used while the reader was tuned. ``make test`` runs sixty of them;
the long run (``BOOTMEND_LONG=1``, or ``python -m tests.screen.evaluate --positives 600 --negatives 300``) shows every bug check.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from itertools import islice
from typing import TYPE_CHECKING

import pytest

if any(importlib.util.find_spec(name) is None for name in ("PIL", "numpy")):
    pytest.skip("Pillow and NumPy are not installed (pip install bootmend[screen])", allow_module_level=True)

from tools.capture_screens import QEMU

from tests.screen.evaluate import captured_cases, evaluate, reader, shared_cases, synthetic_cases
from tests.screen.generator import missing_packages
from tests.support import shared_data

if TYPE_CHECKING:
    from tests.screen.judge import Tally

needs_ocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="rapidocr is not installed (pip install bootmend[ocr])",
)


def _nothing_wrong(tally: Tally) -> None:
    assert tally.wrong == 0, "\n".join(tally.failures)


@needs_ocr
def test_real_screens_are_read_right_or_not_at_all() -> None:
    shared_data("screenshots")
    tally = evaluate(shared_cases("real"), reader())
    _nothing_wrong(tally)
    assert tally.shown == tally.codes["right"] == 5, "\n".join(tally.failures)
    assert tally.states["wrong"] == 0, "\n".join(tally.failures)


def test_others_captures_of_text_mode_are_read_from_glyphs() -> None:
    shared_data("screenshots")
    tally = evaluate(shared_cases("qemu"), reader(["glyphs"]))
    _nothing_wrong(tally)
    assert tally.states["right"] == tally.pictures == 12, "\n".join(tally.failures)


def _captured(font_rows: tuple[int, ...]) -> Tally:
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed: apt-get install qemu-system-x86 seabios")
    if packages := missing_packages("tuning"):
        pytest.skip(f"fonts are not installed: apt-get install {' '.join(packages)}")
    return evaluate(captured_cases(font_rows), reader(["glyphs"]))


@pytest.mark.oracle
def test_own_captures_of_text_mode_are_read_from_glyphs() -> None:
    tally = _captured((16,))
    _nothing_wrong(tally)
    assert tally.pictures >= 30
    assert tally.share() == 1.0, "\n".join(tally.failures)
    assert tally.states["wrong"] == 0, "\n".join(tally.failures)
    assert tally.states["right"] >= tally.pictures - 2, "\n".join(tally.failures)


@pytest.mark.oracle
def test_text_modes_with_smaller_fonts_are_read_from_glyphs() -> None:
    tally = _captured((14, 8))
    _nothing_wrong(tally)
    assert tally.pictures >= 20
    assert tally.share() == 1.0, "\n".join(tally.failures)
    assert tally.states["right"] == tally.pictures, "\n".join(tally.failures)


def _synthetic(positives: int, negatives: int, part: slice = slice(None)) -> Tally:
    if packages := missing_packages("held-out"):
        pytest.skip(f"fonts are not installed: apt-get install {' '.join(packages)}")
    cases = islice(synthetic_cases(positives, negatives, "held-out"), part.start, part.stop)
    return evaluate(cases, reader())


@needs_ocr
@pytest.mark.parametrize("part", [slice(0, 20), slice(20, 40), slice(40, 60)], ids=["codes-1", "codes-2", "no-code"])
def test_sixty_fresh_synthetic_screens(part: slice) -> None:
    tally = _synthetic(40, 20, part)
    _nothing_wrong(tally)
    assert tally.pictures == 20
    assert tally.share() >= 0.9, "\n".join(tally.failures)


@needs_ocr
@pytest.mark.skipif("BOOTMEND_LONG" not in os.environ, reason="takes ten minutes and more: set BOOTMEND_LONG=1")
def test_nine_hundred_fresh_synthetic_screens() -> None:
    tally = _synthetic(600, 300)
    assert tally.codes["wrong at certain"] == tally.small["wrong at certain"] == 0, "\n".join(tally.failures)
    assert tally.false_codes == 0, "\n".join(tally.failures)
    assert tally.share() >= 0.995, "\n".join(tally.failures)
