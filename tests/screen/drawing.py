"""Draws text in the fixed fonts of the product's own table, and makes pictures of it.

The glyphs are the product's; what is tested with them is finding the grid, the dots and the lines again.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from bootmend.screen.glyphs import Font, fonts


def font(name: str) -> Font:
    """A fixed font by its name."""
    return next(each for each in fonts() if each.name == name)


def draw(
    lines: list[str],
    face: Font,
    *,
    size: tuple[int, int] = (720, 400),
    colours: tuple[Any, Any] = ((0, 0, 0), (170, 170, 170)),
    at: tuple[int, int] = (0, 0),
) -> Any:
    """Lines from (left, top) on a frame of (width, height): (height, width, 3) bytes."""
    dots = {character: face.table[index].reshape(face.height, face.columns) for index, character in enumerate(face.characters)}
    frame = np.empty((size[1], size[0], 3), dtype=np.uint8)
    frame[:] = colours[0]
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            if character == " ":
                continue
            top, left = at[1] + row * face.height, at[0] + column * face.width
            cell = frame[max(0, top) : top + face.height, max(0, left) : left + face.columns]
            mask = dots[character][max(0, -top) :, max(0, -left) :][: cell.shape[0], : cell.shape[1]].astype(bool)
            cell[mask] = colours[1]
    return frame


def encoded(frame: Any, form: str = "PNG", **options: Any) -> bytes:
    """A frame as the bytes of a picture file."""
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.fromarray(frame).save(buffer, form, **options)
    return buffer.getvalue()
