"""Fonts in two sets that are never mixed: one to tune a reader with, one that only its tests may show it.

Segoe UI and Lucida Console, which Windows draws with, cannot be shipped; the sans and mono faces stand in for them. The VGA
text font is a property of the hardware, so it belongs to both sets.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TRUETYPE = Path("/usr/share/fonts")
CONSOLE = Path("/usr/share/consolefonts")


@dataclass(frozen=True, slots=True)
class FontSet:
    """Faces by use; a console face is a PSF file, or a mono face drawn into cells of the given size."""

    sans: tuple[str, ...]
    mono: tuple[str, ...]
    console: tuple[str, ...]
    japanese: tuple[str, ...]
    linux: tuple[str, ...]


FONT_SETS = {
    "tuning": FontSet(
        sans=(
            "truetype/open-sans/OpenSans-Regular.ttf",
            "truetype/open-sans/OpenSans-Light.ttf",
            "truetype/dejavu/DejaVuSans.ttf",
            "truetype/liberation/LiberationSans-Regular.ttf",
        ),
        mono=("truetype/dejavu/DejaVuSansMono.ttf", "truetype/liberation/LiberationMono-Regular.ttf"),
        console=("Lat15-VGA16", "Lat15-VGA14"),
        japanese=("truetype/motoya-l-cedar/MTLc3m.ttf",),
        linux=("Lat15-Terminus16", "Lat15-VGA16"),
    ),
    "held-out": FontSet(
        sans=(
            "opentype/cantarell/Cantarell-Regular.otf",
            "opentype/cantarell/Cantarell-Light.otf",
            "truetype/lato/Lato-Regular.ttf",
            "truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf",
            "truetype/roboto/unhinted/RobotoTTF/Roboto-Light.ttf",
        ),
        mono=("truetype/noto/NotoMono-Regular.ttf",),
        console=("Lat15-VGA16", "Lat15-Fixed14", "Lat15-Fixed16"),
        japanese=("truetype/vlgothic/VL-PGothic-Regular.ttf",),
        linux=("Lat15-TerminusBold16", "Lat15-Fixed16"),
    ),
}

PACKAGES = {
    "OpenSans": "fonts-open-sans",
    "DejaVu": "fonts-dejavu-core",
    "Liberation": "fonts-liberation",
    "MTLc3m": "fonts-motoya-l-cedar",
    "Cantarell": "fonts-cantarell",
    "Lato": "fonts-lato",
    "Roboto": "fonts-roboto-unhinted",
    "NotoMono": "fonts-noto-mono",
    "VL-": "fonts-vlgothic",
    "Lat15": "console-setup-linux",
}


def _file(face: str) -> Path:
    return CONSOLE / f"{face}.psf.gz" if face.startswith("Lat15") else TRUETYPE / face


def missing_packages(name: str) -> list[str]:
    """The Debian packages whose fonts the set needs and this machine lacks."""
    fonts = FONT_SETS[name]
    faces = (*fonts.sans, *fonts.mono, *fonts.console, *fonts.japanese, *fonts.linux)
    absent = [Path(face).name for face in faces if not _file(face).is_file()]
    return sorted({package for face in absent for start, package in PACKAGES.items() if face.startswith(start)})


@cache
def typeface(face: str, size: float) -> ImageFont.FreeTypeFont:
    """A sans, mono or Japanese face at a size in pixels."""
    return ImageFont.truetype(str(_file(face)), max(6, size))


@dataclass(frozen=True, slots=True)
class CellFont:
    """A fixed font: ``alpha`` holds one plane of 0..255 for each character, of ``height`` x ``width`` pixels."""

    name: str
    width: int
    height: int
    index: dict[str, int]
    alpha: np.ndarray[Any, np.dtype[np.uint8]]
    bitmap: bool


@cache
def console_font(face: str, width: int = 8, height: int = 0) -> CellFont:
    """A PSF console font; ``width`` 9 adds the VGA's ninth column, which only line drawing fills; taller cells centre it."""
    data = gzip.decompress(_file(face).read_bytes())
    own, count, start = data[3], 512 if data[2] & 1 else 256, 4
    planes = np.unpackbits(np.frombuffer(data, np.uint8, count * own, start).reshape(count, own, 1), axis=2) * np.uint8(255)
    index = _psf_index(data[start + count * own :], count)
    height = height or own
    full = np.zeros((count, height, width), np.uint8)
    top = (height - own) // 2
    full[:, top : top + own, :8] = planes[:, : height - top]
    if width == 9:
        lines = [glyph for character, glyph in index.items() if "\u2500" <= character <= "\u257f"]
        full[lines, :, 8] = full[lines, :, 7]
    return CellFont(face, width, height, index, full, bitmap=True)


def _psf_index(table: bytes, count: int) -> dict[str, int]:
    index: dict[str, int] = {}
    glyph = 0
    for position in range(0, len(table) - 1, 2):
        unit = int.from_bytes(table[position : position + 2], "little")
        if unit == 0xFFFF:
            glyph += 1
        elif unit != 0xFFFE and glyph < count:
            index.setdefault(chr(unit), glyph)
    return index


CELL_CHARACTERS = "".join(map(chr, range(32, 127))) + "ÄÖÜäöüßéèêàçñ©®─│┌┐└┘├┤█▲▼►"


@cache
def drawn_font(face: str, width: int, height: int, smooth: bool) -> CellFont:
    """A mono face drawn into cells as the boot library does with its own: hard pixels, or smoothed ones."""
    font = typeface(face, width / 0.602)
    alpha = np.zeros((len(CELL_CHARACTERS), height, width), np.uint8)
    ascent, descent = font.getmetrics()
    top = (height - ascent - descent) // 2
    for number, character in enumerate(CELL_CHARACTERS):
        cell = Image.new("L" if smooth else "1", (width, height))
        ImageDraw.Draw(cell).text((0, top), character, font=font, fill=255 if smooth else 1)
        alpha[number] = np.asarray(cell.convert("L"))
    return CellFont(Path(face).stem, width, height, {c: i for i, c in enumerate(CELL_CHARACTERS)}, alpha, bitmap=False)
