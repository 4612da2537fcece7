"""Reading screens whose characters are one fixed bitmap each: VGA text, stop screens up to Windows 7, boot menus.

A frame is cut into cells; each cell's dots are looked up.  Where the grid begins is found from how much ink each row
and column of a cell holds, so a cropped or shifted picture is read too.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bootmend.errors import MissingError
from bootmend.screen.reading import Box, Line, Page

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bootmend.screen.trivial import Ground

    Dots = NDArray[np.uint8]

UNKNOWN_CELL = "\ufffd"
#: of the cells that hold ink, so many must be known for the font to be believed
TRUST = 0.88
#: so many cells must hold ink: less can be chance
FEWEST_CELLS = 8
#: of the dots of a cell one in so many may differ from its glyph, at most so many; and every other glyph must differ in
#: so many more
DOTS_A_WRONG_ONE, MOST_WRONG_DOTS = 22, 5
CLEAR_MARGIN = 3
#: an inverse cell (a highlighted menu line) has more than this share of its dots set; the fullest letter, M, has 0.44
INVERSE = 0.5
SAMPLE_ROWS = 4
#: so many grids of each font are tried before the others of any
LIKELIEST = 2
#: from this share of known cells no other grid or font is tried
SETTLED = 0.97


class Font(NamedTuple):
    """A fixed font: cell size in pixels, how many columns of a cell carry dots, glyph bytes to character."""

    name: str
    width: int
    height: int
    columns: int
    glyphs: dict[bytes, str]
    table: Dots
    characters: tuple[str, ...]
    row_ink: NDArray[np.float64]
    column_ink: NDArray[np.float64]
    has_full_letters: bool


class Grid(NamedTuple):
    """Where the cells of a font begin: left and top in pixels, at most 0, and the share of cells it knows."""

    left: int
    top: int
    known: float


@cache
def fonts() -> tuple[Font, ...]:
    """Every font of this installation, the likeliest first.

    Raises:
        MissingError: the glyphs are not there.
    """
    data = pkgutil.get_data("bootmend.screen", "fonts.tsv")
    if data is None:
        raise MissingError("the glyphs are not in this installation", at="fonts.tsv")
    blocks = data.decode("ascii").split("\n@")[1:]
    return tuple(_font(block.splitlines()) for block in blocks)


def _font(lines: list[str]) -> Font:
    name, *numbers = lines[0].split("\t")
    width, height, columns = (int(number) for number in numbers)
    glyphs: dict[bytes, str] = {}
    digits = (columns + 3) // 4
    for line in lines[1:]:
        code, rows = line.split("\t")
        cell = [int(rows[at : at + digits], 16) << (16 - 4 * digits) for at in range(0, len(rows), digits)]
        glyphs[np.array(cell, dtype=">u2").tobytes()] = chr(int(code, 16))
    table = np.unpackbits(np.frombuffer(b"".join(glyphs), dtype=np.uint8).reshape(len(glyphs), height, 2), axis=2)[:, :, :columns]
    text = table[[index for index, each in enumerate(glyphs.values()) if each.isalnum()]].astype(np.float64)
    column_ink = np.zeros(width)
    column_ink[:columns] = text.sum(axis=(0, 1))
    return Font(
        name,
        width,
        height,
        columns,
        glyphs,
        table.reshape(len(glyphs), -1),
        tuple(glyphs.values()),
        text.sum(axis=(0, 2)),
        column_ink,
        bool((text.mean(axis=(1, 2)) > INVERSE).any()),
    )


def read_glyphs(found: Ground) -> Page | None:
    """The text of a frame drawn in one of the fixed fonts, or None where it is drawn in none of them."""
    ink = found.strong_ink
    height, width = ink.shape
    profile = _Profile(
        ink, ink.sum(axis=1, dtype=np.int32).astype(np.float64), ink.sum(axis=0, dtype=np.int32).astype(np.float64)
    )
    best = _best_grid(profile, sorted(_all_phases(profile), key=lambda each: -each.fit))
    return None if best is None else _page(ink, *best, found.colour, (width, height))


def _best_grid(profile: _Profile, phases: list[_Phases]) -> tuple[Font, Grid] | None:
    """The font and grid that know most cells: of every font the likeliest grids first, then its others."""
    best: tuple[Font, Grid] | None = None
    for part in (slice(LIKELIEST), slice(LIKELIEST, None)):
        for each in phases:
            for left, top in each.origins[part]:
                known = _known_share(_bands(profile, each.font, top), each.font, left)
                if known >= TRUST and (best is None or known > best[1].known):
                    best = (each.font, Grid(left, top, known))
                if known >= SETTLED:
                    return best
    return best


class _Profile(NamedTuple):
    """The ink of a frame, and how much of it each row and column holds."""

    ink: NDArray[np.bool_]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]


class _Phases(NamedTuple):
    """Where (left, top) the cells of a font may begin, the likeliest first; how well the ink lies as the font has it, 0 to 1."""

    font: Font
    origins: list[tuple[int, int]]
    fit: float


def _all_phases(profile: _Profile) -> list[_Phases]:
    found = []
    for font in fonts():
        if profile.ink.shape[0] >= font.height and profile.ink.shape[1] >= font.width * 4:
            tops, down = _offsets(profile.rows, font.row_ink)
            lefts, across = _offsets(profile.columns, font.column_ink)
            likely = [(lefts[0], tops[0]), (0, 0)]
            others = [(left, top) for top in (0, *tops) for left in (0, *lefts)]
            found.append(_Phases(font, list(dict.fromkeys((*likely, *others))), down * across))
    return found


def _offsets(profile: NDArray[np.float64], expected: NDArray[np.float64]) -> tuple[list[int], float]:
    """The three best offsets (0 to ``-period + 1``) by the cosine of the folded ink and the font's; the best cosine."""
    period = len(expected)
    padded = np.zeros(-(-len(profile) // period) * period)
    padded[: len(profile)] = profile
    folded = padded.reshape(-1, period).sum(axis=0)
    turned = np.stack([np.roll(folded, shift) for shift in range(period)])
    scores = turned @ expected / (float(np.linalg.norm(folded)) * float(np.linalg.norm(expected)) or 1.0)
    order = np.argsort(-scores, kind="stable")[:3].tolist()
    return [-shift for shift in order], float(scores[order[0]])


def _cells(ink: NDArray[np.bool_], font: Font, left: int, top: int) -> NDArray[np.bool_]:
    """The frame as (rows, columns, cell height, cell width), blank beyond its edges."""
    tall = -(-(ink.shape[0] - top) // font.height) * font.height
    wide = -(-(ink.shape[1] - left) // font.width) * font.width
    padded = np.zeros((tall, wide), dtype=bool)
    padded[-top : ink.shape[0] - top, -left : ink.shape[1] - left] = ink
    return padded.reshape(tall // font.height, font.height, wide // font.width, font.width).transpose(0, 2, 1, 3)


def _keys(cells: NDArray[np.bool_], font: Font) -> tuple[NDArray[np.bool_], list[bytes]]:
    """Cells as (count, dots) with inverse ones turned, and each as the bytes that glyphs are looked up by.

    Where letters of a font fill more than half of their cell (it is eight rows high), a glyph comes before the share of ink.
    """
    dots = cells[:, :, : font.columns].reshape(len(cells), font.height * font.columns)
    inverse = dots.mean(axis=1) > INVERSE
    if font.has_full_letters:
        plain, turned = _packed(dots, font), _packed(~dots, font)
        inverse = np.array(
            [
                other in font.glyphs and key not in font.glyphs if (key if turn else other) in font.glyphs else turn
                for key, other, turn in zip(plain, turned, inverse.tolist(), strict=True)
            ],
            dtype=bool,
        )
    dots = dots ^ inverse[:, None]
    return dots, _packed(dots, font)


def _packed(dots: NDArray[np.bool_], font: Font) -> list[bytes]:
    """Each cell as bytes, sixteen columns to a row of dots."""
    packed = np.zeros((len(dots), font.height, 16), dtype=bool)
    packed[:, :, : font.columns] = dots.reshape(len(dots), font.height, font.columns)
    raw, size = np.packbits(packed, axis=2).tobytes(), font.height * 2
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def _bands(profile: _Profile, font: Font, top: int) -> NDArray[np.bool_]:
    """The fullest rows of text under each other, each as high as a cell; rows nearly all ink are no text."""
    tall = -(-(len(profile.rows) - top) // font.height)
    padded = np.zeros(tall * font.height)
    padded[-top : len(profile.rows) - top] = profile.rows
    sums = padded.reshape(tall, font.height).sum(axis=1)
    sums[sums > INVERSE * font.height * profile.ink.shape[1]] = 0
    order = np.argsort(-sums, kind="stable")[:SAMPLE_ROWS]
    bands = np.zeros((len(order), font.height, profile.ink.shape[1]), dtype=bool)
    for band, row in zip(bands, order.tolist(), strict=True):
        begin = top + row * font.height
        part = profile.ink[max(0, begin) : begin + font.height]
        band[max(0, -begin) : max(0, -begin) + len(part)] = part
    return bands


def _known_share(bands: NDArray[np.bool_], font: Font, left: int) -> float:
    """Of the cells with ink in some rows of text, the share that the font knows exactly."""
    count, high, width = bands.shape
    wide = -(-(width - left) // font.width)
    padded = np.zeros((count, high, wide * font.width), dtype=bool)
    padded[:, :, -left : width - left] = bands
    cells = padded.reshape(count, high, wide, font.width).transpose(0, 2, 1, 3).reshape(-1, high, font.width)
    dots, keys = _keys(cells[cells.any(axis=(1, 2))], font)
    inked = [font.glyphs.get(key) for key, holds_ink in zip(keys, np.any(dots, axis=1).tolist(), strict=True) if holds_ink]
    letters = sum(each is not None and each.isascii() for each in inked)
    return letters / len(inked) if len(inked) >= FEWEST_CELLS and letters >= FEWEST_CELLS else 0.0


def _page(ink: NDArray[np.bool_], font: Font, grid: Grid, colour: tuple[int, int, int], size: tuple[int, int]) -> Page | None:
    cells = _cells(ink, font, grid.left, grid.top)
    filled = cells.any(axis=(2, 3))
    where = np.argwhere(filled)
    dots, keys = _keys(cells[filled], font)
    characters, guessed, lost = _characters(dots, keys, font)
    rows: dict[int, dict[int, str]] = {}
    for (row, column), character in zip(where.tolist(), characters, strict=True):
        rows.setdefault(row, {})[column] = character
    lines = tuple(line for row, found in sorted(rows.items()) if (line := _line(row, found, font, grid)) is not None)
    known = len(characters) - lost
    if known < FEWEST_CELLS or lost > (1 - TRUST) * len(characters):
        return None
    return Page(lines, "glyphs", exact=not guessed, width=size[0], height=size[1], background=colour)


def _characters(dots: NDArray[np.bool_], keys: list[bytes], font: Font) -> tuple[list[str], int, int]:
    """Each cell's character, how many were guessed from a near glyph, and how many are unknown."""
    seen: dict[bytes, str] = {}
    near: set[bytes] = set()
    for key, cell in zip(keys, dots, strict=True):
        if key not in seen:
            exact = font.glyphs.get(key, "" if cell.any() else " ")
            seen[key] = exact or _nearest(cell, font)
            if not exact and seen[key] not in (" ", UNKNOWN_CELL):
                near.add(key)
    characters = [seen[key] for key in keys]
    return characters, sum(key in near for key in keys), characters.count(UNKNOWN_CELL)


def _nearest(cell: NDArray[np.bool_], font: Font) -> str:
    """The one glyph that differs in few dots; a cursor is a blank."""
    rows = cell.reshape(font.height, font.columns)
    if not rows[: font.height - 4].any() and rows[font.height - 4 :].any(axis=1).sum() <= 2:
        return " "
    apart = (font.table ^ cell.astype(np.uint8)).sum(axis=1)
    order = np.argsort(apart, kind="stable")[:2]
    allowed = min(MOST_WRONG_DOTS, font.columns * font.height // DOTS_A_WRONG_ONE)
    if apart[order[0]] > allowed or apart[order[1]] - apart[order[0]] < CLEAR_MARGIN:
        return UNKNOWN_CELL
    return font.characters[int(order[0])]


def _line(row: int, found: dict[int, str], font: Font, grid: Grid) -> Line | None:
    text = "".join(found.get(column, " ") for column in range(max(found) + 1))
    bare = text.strip()
    if not bare:
        return None
    first = len(text) - len(text.lstrip())
    left, top = grid.left + first * font.width, grid.top + row * font.height
    return Line(text.rstrip(), Box(max(0, left), max(0, top), grid.left + len(text.rstrip()) * font.width, top + font.height))
