"""The generator: the same seed draws the same picture, every bug check has its turn, both sets of fonts stay apart."""

from __future__ import annotations

import importlib.util
import time
from io import BytesIO

import pytest

if any(importlib.util.find_spec(name) is None for name in ("PIL", "numpy")):
    pytest.skip("Pillow and NumPy are not installed (pip install bootmend[screen])", allow_module_level=True)

from PIL import Image

from tests.screen.captured import captured_pages
from tests.screen.evaluate import HELD_OUT_SEED, plan
from tests.screen.generator import KINDS, NEGATIVE_KINDS, bug_checks, check_of_seed, generate, missing_packages
from tests.screen.generator.fonts import FONT_SETS

for name in FONT_SETS:
    if packages := missing_packages(name):
        pytest.skip(f"fonts are not installed: apt-get install {' '.join(packages)}", allow_module_level=True)

BOTH = pytest.mark.parametrize("fonts", FONT_SETS)


@BOTH
def test_a_seed_draws_the_same_picture_again(fonts: str) -> None:
    for seed in range(12):
        assert generate(seed, fonts=fonts) == generate(seed, fonts=fonts)


def test_the_sets_of_fonts_share_only_the_text_mode_font() -> None:
    tuning, held_out = (
        set(fonts.sans + fonts.mono + fonts.console + fonts.japanese + fonts.linux) for fonts in FONT_SETS.values()
    )
    assert tuning & held_out == {"Lat15-VGA16"}


def test_as_many_seeds_as_bug_checks_show_each_once() -> None:
    assert {check_of_seed(seed) for seed in range(1000, 1000 + len(bug_checks()))} == set(bug_checks())


def test_every_label_is_of_its_kind() -> None:
    for seed in range(len(KINDS) * 6):
        kind = list(KINDS)[seed % len(KINDS)]
        sample = generate(seed, kinds=[kind])
        label = sample.label
        assert label["kind"] == kind
        assert bool(label["stop_code"]) == (kind == "stop")
        assert bool(label["status_code"]) == (kind == "bootmgr")
        assert label["stop_code"] in (*label["stop_codes"], "")
        with Image.open(BytesIO(sample.image)) as image:
            assert image.format == ("PNG" if sample.suffix == ".png" else "JPEG")
            assert 240 <= image.height <= 1600


def test_negatives_show_no_stop_code() -> None:
    assert not any(generate(seed, kinds=NEGATIVE_KINDS).label["stop_code"] for seed in range(40))


def test_a_fixed_font_screen_holds_few_colours() -> None:
    """It says that each pixel is a console font's: two colours, four with reversed bars, one more for a border."""
    screens = (generate(seed, kinds=["console", "bootmgr", "menu"]) for seed in range(60))
    fixed = [sample.image for sample in screens if sample.label["fixed_font"]]
    assert len(fixed) > 10
    for image in fixed:
        with Image.open(BytesIO(image)) as picture:
            assert len(picture.getcolors(6) or range(9)) <= 5


def test_the_long_run_shows_every_bug_check() -> None:
    stops = [seed for seed, kinds in plan(600, 300, HELD_OUT_SEED) if kinds == ("stop",)]
    assert {check_of_seed(seed) for seed in stops} == set(bug_checks())


def test_twenty_pictures_a_second() -> None:
    generate(0)
    start = time.process_time()
    for seed in range(40):
        generate(seed)
    assert (time.process_time() - start) / 40 < 0.05 * 2  # twice the aim, for a slower machine


def test_video_memory_holds_the_words() -> None:
    label, page = captured_pages()[0]
    assert label["layout"] == "mbr-bootmgr-missing"
    assert page.cells[160 : 160 + 38 : 2] == b"BOOTMGR is missing "
