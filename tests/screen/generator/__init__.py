"""Boot screens drawn from a seed, each with the truth about what it shows.

``generate(seed)`` draws the same picture on every machine that has the same fonts and Pillow. The layouts follow real
captures; fonts stand in for those of Windows and come in two sets, ``tuning`` and ``held-out``, that are never mixed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import bootmgr, consoles, negatives, pages, stop
from .canvas import Canvas
from .degrade import LEAST_CAP, degrade
from .fonts import FONT_SETS, FontSet, missing_packages
from .labels import BugCheck, Label, bug_checks

__all__ = ["KINDS", "NEGATIVE_KINDS", "Sample", "bug_checks", "check_of_seed", "generate", "missing_packages"]

STRIDE = 211
"""Prime to the number of bug checks, so that as many consecutive seeds as there are bug checks show each of them once."""


class Sample(NamedTuple):
    """A picture's bytes (PNG or JPEG), its suffix and its label as plain data (fields of :class:`labels.Label`)."""

    image: bytes
    suffix: str
    label: dict[str, Any]


Drawn = tuple[Canvas, Label]
Drawer = Callable[[BugCheck, FontSet, random.Random], Drawn]


def _plain(draw: Callable[[FontSet, random.Random], Drawn]) -> Drawer:
    return lambda _check, fonts, rng: draw(fonts, rng)


def _one_of(*draws: Callable[[FontSet, random.Random], Drawn]) -> Drawer:
    return lambda _check, fonts, rng: rng.choice(draws)(fonts, rng)


KINDS: dict[str, tuple[int, Drawer]] = {
    "stop": (45, stop.stop_screen),
    "stop-bare": (1, _plain(stop.hardware_malfunction)),
    "bootmgr": (14, _one_of(bootmgr.boot_error_text, bootmgr.boot_error_page)),
    "menu": (4, _one_of(bootmgr.boot_menu_text, bootmgr.boot_menu_text, pages.choose_system)),
    "page": (
        14,
        _one_of(
            pages.middle_page,
            pages.middle_page,
            pages.middle_page,
            pages.recovery_page,
            pages.recovery_page,
            pages.bitlocker_page,
            pages.setup_page,
            pages.healthy_page,
            pages.hyperv_uefi,
        ),
    ),
    "console": (12, _plain(consoles.console_text)),
    "imitation": (8, negatives.imitation),
    "plain": (2, _plain(negatives.loading)),
}
"""Kinds of screens: how many of a hundred, and what draws them."""

NEGATIVE_KINDS = tuple(kind for kind in KINDS if kind != "stop")
"""The kinds that show no stop code."""


def check_of_seed(seed: int) -> BugCheck:
    """The bug check that a seed's stop screen shows."""
    checks = bug_checks()
    return checks[seed * STRIDE % len(checks)]


def generate(seed: int, *, kinds: Sequence[str] | None = None, fonts: str = "tuning") -> Sample:
    """Draw the screen of a seed, of any of ``kinds`` (default: all, by their weights), with a set of fonts."""
    chosen = FONT_SETS[fonts]
    rng = random.Random(f"{fonts} {seed}")
    names = list(kinds or KINDS)
    kind = rng.choices(names, [KINDS[name][0] for name in names])[0]
    canvas, label = KINDS[kind][1](check_of_seed(seed), chosen, rng)
    image, suffix = degrade(canvas, label, chosen, rng)
    label.readable = canvas.key is None or canvas.key_size >= LEAST_CAP - 0.5
    return Sample(image, suffix, {**label.as_dict(), "seed": seed, "key_height": round(canvas.key_size, 1)})
