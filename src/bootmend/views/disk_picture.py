"""The layout of a disk as a picture: its volumes from left to right, to scale, but never too narrow to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.views.markup import Markup, element
from bootmend.views.style import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.engine.diagnose import MachineSummary, VolumeSummary

LEAST_SHARE = 18.0
"""Percent of the picture's width that the smallest volume gets, as long as there is room for all."""
WORTH_A_GAP = 0.01
"""A gap between volumes is drawn from this share of the disk on."""
BAR, LABELS = 64, 22
ROLES = {"system": "system volume", "windows": "Windows volume", "recovery": "recovery"}
SHORT = {"system": "system", "windows": "Windows", "recovery": "recovery"}


class Part(NamedTuple):
    """A stretch of the disk: a volume, or a gap that belongs to none."""

    size: int
    volume: VolumeSummary | None = None


def disk_picture(machine: MachineSummary) -> Markup | None:
    """The picture with its text alternative; None where there is nothing to scale (a directory)."""
    parts = list(parts_of(machine))
    if not parts or not sum(part.size for part in parts):
        return None
    widths = shares([part.size for part in parts], LEAST_SHARE)
    lefts = [sum(widths[:index]) for index in range(len(widths))]
    drawn = [_part(part, left, width) for part, left, width in zip(parts, lefts, widths, strict=True)]
    title = element("title", _alternative(machine, parts))
    return element("svg", title, drawn, class_="disk", role="img", width="100%", height=BAR + LABELS)


def parts_of(machine: MachineSummary) -> Iterator[Part]:
    """The volumes in the order of the disk, and the gaps worth showing between and behind them."""
    at = 0
    for volume in sorted((one for one in machine.volumes if one.size > 0), key=lambda one: one.offset):
        if volume.offset - at >= machine.size * WORTH_A_GAP > 0:
            yield Part(volume.offset - at)
        yield Part(volume.size, volume)
        at = max(at, volume.offset + volume.size)
    if at and machine.size - at >= machine.size * WORTH_A_GAP:
        yield Part(machine.size - at)


def shares(sizes: Sequence[int], least: float) -> list[float]:
    """Widths in percent, together 100: in proportion, where that is at least ``least`` (or an even share of the whole)."""
    least = min(least, 100 / len(sizes))
    small: set[int] = set()
    while True:
        rest = sum(size for index, size in enumerate(sizes) if index not in small)
        room = 100 - least * len(small)
        more = {index for index, size in enumerate(sizes) if index not in small and size * room < least * rest}
        if not more:
            return [least if index in small else room * size / rest for index, size in enumerate(sizes)]
        small |= more


def _part(part: Part, left: float, width: float) -> Markup:
    """One stretch: a nested picture, so that what does not fit is cut off and never lies over its neighbour."""
    volume = part.volume
    kind = "gap" if volume is None else next((role for role in SHORT if role in volume.roles), "other")
    rect = element("rect", width="100%", height=BAR, rx=8, class_=f"part {kind}")
    if volume is None:
        words = [_text(9, 26, "free", "what"), _text(9, 46, size_text(part.size), "size")]
    else:
        words = [_text(9, 26, f"{volume.number}  {volume.kind}", "what"), _text(9, 46, size_text(volume.size), "size")]
        words.append(_text(4, BAR + 15, " + ".join(SHORT[role] for role in volume.roles if role in SHORT), "role"))
    return element("svg", rect, words, x=f"{left:.3f}%", width=f"{width:.3f}%", height=BAR + LABELS)


def _text(x: int, y: int, words: str, kind: str) -> Markup:
    return element("text", words, x=x, y=y, class_=kind)


def _alternative(machine: MachineSummary, parts: Sequence[Part]) -> str:
    whole = f"The disk, {size_text(machine.size)}, from left to right: "
    return whole + "; ".join(_in_words(part) for part in parts) + "."


def _in_words(part: Part) -> str:
    volume = part.volume
    if volume is None:
        return f"{size_text(part.size)} that belong to no volume"
    roles = " and ".join(ROLES[role] for role in volume.roles if role in ROLES)
    label = f' "{volume.label}"' if volume.label else ""
    return f"volume {volume.number}, {volume.kind}{label}, {size_text(volume.size)}" + (f", the {roles}" if roles else "")
