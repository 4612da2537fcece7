"""Screens as pictures, drawn with Pillow's own font: what is tested is where they are put, not whether they can be read."""

from __future__ import annotations

import io
import random

import pytest

BLUE = (0, 120, 215)


def stop_picture(text: str, *, size: tuple[int, int] = (640, 480), at: tuple[int, int] = (60, 300), form: str = "PNG") -> bytes:
    """A blue screen with one line of text."""
    image = pytest.importorskip("PIL.Image")
    draw = pytest.importorskip("PIL.ImageDraw")
    picture = image.new("RGB", size, BLUE)
    draw.Draw(picture).text(at, text, fill="white")
    return encoded(picture, form)


def noise_picture(width: int, height: int) -> bytes:
    """A picture that no encoder makes small."""
    image = pytest.importorskip("PIL.Image")
    return encoded(image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height)), "PNG")


def encoded(picture: object, form: str) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    picture.save(buffer, form)  # type: ignore[attr-defined]
    return buffer.getvalue()
