"""A screen within a picture: what a portal, a viewer or an article has around the screenshot of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bootmend.screen.reading import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bootmend.screen.picture import Pixels

#: the picture is looked at in every fourth pixel
STEP = 4
#: shares of the picture's area between which an area may be a screen
LEAST_AREA, GREATEST_AREA = 0.12, 0.93
#: of a screen's own area so much is its background, and of each row and column that is within it
LEAST_FILL = 0.6
LEAST_SIDE = 200
FLATTEST, TALLEST = 2.4, 1.0
#: so many of the commonest colours are tried
COLOURS = 3


def inner_screen(pixels: Pixels) -> Box | None:
    """The largest upright area of one background colour with the shape of a screen and something else around it, or None."""
    few: NDArray[np.uint8] = (pixels[::STEP, ::STEP] >> 3).astype(np.uint8)
    coarse = few[:, :, 0].astype(np.uint16) << 10 | few[:, :, 1].astype(np.uint16) << 5 | few[:, :, 2]
    counts = np.bincount(coarse.ravel(), minlength=1 << 15)
    found = [_area(few, int(colour)) for colour in np.argsort(-counts)[:COLOURS] if counts[colour] >= 0.08 * coarse.size]
    boxes = [box for box in found if box is not None and _is_screen(box, few.shape)]
    if not boxes:
        return None
    best = max(boxes, key=lambda box: (box.right - box.left) * (box.bottom - box.top))
    height, width = pixels.shape[:2]
    return Box(best.left * STEP, best.top * STEP, min(width, best.right * STEP), min(height, best.bottom * STEP))


def _area(few: NDArray[np.uint8], colour: int) -> Box | None:
    level = np.array([colour >> 10, colour >> 5 & 31, colour & 31], dtype=np.int16)
    mask = np.abs(few.astype(np.int16) - level).max(axis=2) <= 1
    rows = _span(mask.sum(axis=1))
    columns = _span(mask[rows[0] : rows[1]].sum(axis=0))
    box = Box(columns[0], rows[0], columns[1], rows[1])
    inside = mask[box.top : box.bottom, box.left : box.right]
    return box if inside.size and float(inside.mean()) >= LEAST_FILL else None


def _span(counts: NDArray[np.int_]) -> tuple[int, int]:
    """From the first to behind the last row (or column) that holds nearly as much of the colour as the fullest."""
    full = np.flatnonzero(counts >= LEAST_FILL * max(1, int(counts.max())))
    return (int(full[0]), int(full[-1]) + 1) if len(full) else (0, 0)


def _is_screen(box: Box, shape: tuple[int, ...]) -> bool:
    wide, tall = box.right - box.left, box.bottom - box.top
    share = wide * tall / (shape[0] * shape[1])
    fits = LEAST_AREA <= share <= GREATEST_AREA and min(wide, tall) * STEP >= LEAST_SIDE
    return fits and TALLEST <= wide / max(1, tall) <= FLATTEST
