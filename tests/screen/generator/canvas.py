"""The two surfaces that screens are drawn on: a page of proportional text and a grid of character cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .fonts import CellFont, typeface

if TYPE_CHECKING:
    import random

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
GREY: Colour = (168, 168, 168)


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are outside."""

    left: float
    top: float
    right: float
    bottom: float


class Canvas:
    """An image being drawn. ``key`` is the box of the text that decides, ``key_size`` its height in pixels."""

    def __init__(self, image: Image.Image, face: str, rng: random.Random) -> None:
        self.image = image
        self.face = face
        self.rng = rng
        self.key: Box | None = None
        self.key_size = 99.0

    def mark(self, box: Box, size: float) -> None:
        """Remember a box of deciding text; several grow into one."""
        old = self.key
        self.key = box if old is None else Box(*map(min, old[:2], box[:2]), *map(max, old[2:], box[2:]))
        self.key_size = min(self.key_size, size)


class Page(Canvas):
    """A graphical screen with proportional text."""

    def __init__(self, size: tuple[int, int], background: Colour, face: str, rng: random.Random) -> None:
        super().__init__(Image.new("RGB", size, background), face, rng)
        self.draw = ImageDraw.Draw(self.image)
        self.width, self.height = size
        self.background = background

    def text(
        self,
        at: tuple[float, float],
        words: str,
        size: float,
        *,
        fill: Colour = WHITE,
        centred: bool = False,
        key: bool = False,
        face: str = "",
    ) -> Box:
        """One line with its top left corner (or the middle of its top) at ``at``."""
        font = typeface(face or self.face, round(size, 1))
        wide = font.getlength(words)
        left = at[0] - wide / 2 if centred else at[0]
        self.draw.text((round(left), round(at[1])), words, font=font, fill=fill)
        box = Box(left, at[1], left + wide, at[1] + size * 1.3)
        if key:
            self.mark(box, size)
        return box

    def wrapped(self, words: str, size: float, width: float) -> list[str]:
        """Text broken into lines of at most ``width`` pixels; between any two characters where it has no blanks."""
        font = typeface(self.face, round(size, 1))
        lines, line = [], ""
        parts = words.split(" ")
        parts = [part + " " for part in parts[:-1]] + parts[-1:] if len(parts) > 2 else list(words)
        for part in parts:
            if line and font.getlength(line + part.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += part
        return [*lines, line]

    def paragraph(
        self,
        at: tuple[float, float],
        words: str,
        size: float,
        *,
        width: float,
        pitch: float = 1.5,
        fill: Colour = WHITE,
        centred: bool = False,
        key: bool = False,
    ) -> float:
        """Wrapped text; returns where the next line would begin."""
        x, y = at
        for line in self.wrapped(words, size, width):
            self.text((x, y), line, size, fill=fill, centred=centred, key=key)
            y += size * pitch
        return y

    def button(self, box: Box, words: str, size: float, *, fill: Colour, ink: Colour) -> None:
        """A filled rectangle with a word in its middle."""
        self.draw.rectangle(tuple(box), fill=fill)
        self.text(((box.left + box.right) / 2, (box.top + box.bottom) / 2 - size * 0.65), words, size, fill=ink, centred=True)

    def square_code(self, left: float, top: float, side: float, ink: Colour, paper: Colour) -> None:
        """A square code as the stop screen has one: true finder patterns, random modules (it never carries the stop code)."""
        modules = 29
        bits = np.frombuffer(self.rng.randbytes(modules * modules), np.uint8).reshape(modules, modules) > 127
        for y, x in ((0, 0), (0, modules - 7), (modules - 7, 0)):
            bits[max(0, y - 1) : y + 8, max(0, x - 1) : x + 8] = False
            bits[y : y + 7, x : x + 7] = True
            bits[y + 1 : y + 6, x + 1 : x + 6] = False
            bits[y + 2 : y + 5, x + 2 : x + 5] = True
        bits = np.pad(bits, 2)
        colours = np.where(bits[..., None], np.array(ink, np.uint8), np.array(paper, np.uint8))
        code = Image.fromarray(colours.astype(np.uint8)).resize((int(side), int(side)), Image.Resampling.NEAREST)
        self.image.paste(code, (int(left), int(top)))


class Grid(Canvas):
    """A text screen of character cells, each with its own ink and paper."""

    def __init__(
        self, font: CellFont, rng: random.Random, *, columns: int = 80, rows: int = 25, ink: Colour = GREY, paper: Colour = BLACK
    ) -> None:
        super().__init__(Image.new("RGB", (1, 1)), font.name, rng)
        self.font, self.columns, self.rows, self.ink = font, columns, rows, ink
        self.letters = [[" "] * columns for _ in range(rows)]
        self.glyphs = np.full((rows, columns), font.index[" "], np.int32)
        self.inks = np.empty((rows, columns, 3), np.uint8)
        self.papers = np.empty((rows, columns, 3), np.uint8)
        self.inks[:], self.papers[:] = ink, paper
        self.row = 0

    def put(self, row: int, column: int, words: str, *, ink: Colour | None = None, key: bool = False) -> None:
        """Text at a cell; what does not fit is cut."""
        words = words[: max(0, self.columns - column)]
        if not 0 <= row < self.rows or not words:
            return
        self.letters[row][column : column + len(words)] = words
        blank = self.font.index["?"]
        self.glyphs[row, column : column + len(words)] = [self.font.index.get(character, blank) for character in words]
        if ink:
            self.inks[row, column : column + len(words)] = ink
        if key:
            wide, high = self.font.width, self.font.height
            self.mark(Box(column * wide, row * high, (column + len(words)) * wide, (row + 1) * high), high)

    def line(self, words: str = "", *, indent: int = 0, ink: Colour | None = None, key: bool = False) -> None:
        """The next line, broken hard at the right edge as a console does."""
        room = self.columns - indent
        for start in range(0, max(1, len(words)), room):
            self.put(self.row, indent, words[start : start + room], ink=ink, key=key)
            self.row += 1

    def bar(self, row: int, left: str, *, right: str = "", centre: str = "", start: int = 0, stop: int | None = None) -> None:
        """A reversed bar: its words in black on grey."""
        end = self.columns if stop is None else stop
        self.put(row, start + 1, left, ink=BLACK)
        self.put(row, (start + end - len(centre)) // 2, centre, ink=BLACK)
        self.put(row, end - 1 - len(right), right, ink=BLACK)
        self.inks[row, start:end] = BLACK
        self.papers[row, start:end] = self.ink

    def finish(self, size: tuple[int, int] | None = None, origin: tuple[int, int] = (0, 0), paper: Colour = BLACK) -> Image.Image:
        """Draw the cells, into the middle of nothing larger or at ``origin`` of an image of ``size``."""
        high, wide = self.font.height, self.font.width
        alpha = self.font.alpha[self.glyphs].transpose(0, 2, 1, 3).reshape(self.rows * high, self.columns * wide)
        inks = np.repeat(np.repeat(self.inks, high, 0), wide, 1)
        papers = np.repeat(np.repeat(self.papers, high, 0), wide, 1)
        pixels = self._blend(alpha, inks, papers)
        self.image = Image.fromarray(pixels)
        if size and (size != self.image.size or origin != (0, 0)):
            whole = Image.new("RGB", size, paper)
            whole.paste(self.image, origin)
            self.image = whole
            if self.key:
                x, y = origin
                self.key = Box(self.key.left + x, self.key.top + y, self.key.right + x, self.key.bottom + y)
        return self.image

    def _blend(self, alpha: Any, inks: Any, papers: Any) -> Any:
        if self.font.bitmap or not ((alpha > 0) & (alpha < 255)).any():
            return np.where(alpha[..., None] > 0, inks, papers)
        share = alpha[..., None].astype(np.uint16)
        return ((inks * share + papers * (255 - share)) // 255).astype(np.uint8)
