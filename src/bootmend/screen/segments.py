"""Where the lines of text lie: connected ink on an even background, grouped into lines.

A boot screen is light text on one colour, so no network is needed to find its lines.  What does not look like that
(a photograph, a window within a window) is left to the engine's own detector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bootmend.screen.reading import Box

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

#: more connected pieces than this are no text screen
MOST_PIECES = 6000
MOST_SEGMENTS = 60
LEAST_HEIGHT = 5
#: taller than this share of the picture: an emoticon, a logo
GREATEST_HEIGHT = 0.12
#: a gap wider than this many line heights parts two lines that stand side by side
WORD_GAP = 2.2
#: in a row of so many pieces one that is so many times as tall as the letters is a mark that somebody drew
ROW_OF_LETTERS, TALLEST_LETTER = 8, 2.0
#: a square this full of ink and this large is a QR code or a tile
SQUARE = 40


class Segment(NamedTuple):
    """One line of text: its box, with a margin."""

    box: Box
    height: int


def find_segments(cv2: ModuleType, ink: NDArray[np.bool_]) -> list[Segment] | None:
    """The lines of text, top to bottom, or None where the picture does not look like a text screen."""
    height, width = ink.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    if count > MOST_PIECES or count < 2:
        return None if count > MOST_PIECES else []
    pieces = stats[1:]
    tall, wide, area = pieces[:, 3], pieces[:, 2], pieces[:, 4]
    solid = (wide >= SQUARE) & (tall >= SQUARE) & (area > 0.35 * wide * tall)
    if (wide[solid] * tall[solid] > 0.12 * height * width).any():
        return None
    bars = (wide > 12 * tall) & (tall >= 12) & (area > 0.5 * wide * tall)
    text = ~solid & ~bars & (tall <= max(GREATEST_HEIGHT * height, 24)) & (wide <= 0.9 * width)
    boxes = _outside([tuple(int(value) for value in piece[:4]) for piece in pieces[text]], pieces[solid | bars])
    lines = _lines(boxes)
    lines += [
        (int(left), int(top), int(left + across), int(top + down))
        for left, top, across, down, _ in pieces[bars]
        if down < GREATEST_HEIGHT * height
    ]
    segments = [
        _segment(line, width, height) for line in lines if line[3] - line[1] >= LEAST_HEIGHT and line[2] - line[0] >= LEAST_HEIGHT
    ]
    return sorted(segments, key=lambda segment: (segment.box.top, segment.box.left)) if len(segments) <= MOST_SEGMENTS else None


def _outside(boxes: list[tuple[int, ...]], solids: NDArray[np.int32]) -> list[tuple[int, int, int, int]]:
    """Pieces as (left, top, right, bottom) that lie within no solid area."""
    areas = [(int(left), int(top), int(left + wide), int(top + tall)) for left, top, wide, tall, _ in solids]
    found = [(left, top, left + wide, top + tall) for left, top, wide, tall in boxes]
    return [
        box
        for box in found
        if not any(area[0] <= box[0] and area[1] <= box[1] and box[2] <= area[2] and box[3] <= area[3] for area in areas)
    ]


def _lines(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Pieces joined into lines: rows first, then parted at wide gaps."""
    lines: list[tuple[int, int, int, int]] = []
    for pieces in _rows(boxes):
        tall = int(np.percentile([box[3] - box[1] for box in pieces], 80))
        row = sorted(_without_marks(pieces, tall))
        current = row[0]
        for box in row[1:]:
            if box[0] - current[2] > WORD_GAP * max(tall, 8):
                lines.append(current)
                current = box
            else:
                current = (current[0], min(current[1], box[1]), max(current[2], box[2]), max(current[3], box[3]))
        lines.append(current)
    return lines


def _without_marks(row: list[tuple[int, int, int, int]], tall: int) -> list[tuple[int, int, int, int]]:
    """A row without an arrow or a pointer that touches its letters: they would be a small part of a high line."""
    if len(row) < ROW_OF_LETTERS:
        return row
    return [box for box in row if box[3] - box[1] <= TALLEST_LETTER * max(tall, LEAST_HEIGHT)]


def _rows(boxes: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Pieces that overlap vertically with the letters of a row; dots and accents join the row they touch."""
    rows: list[list[tuple[int, int, int, int]]] = []
    edges: list[list[int]] = []
    for box in sorted(boxes, key=lambda box: -(box[3] - box[1])):
        middle = (box[1] + box[3]) / 2
        home = next((index for index, (top, bottom) in enumerate(edges) if top - 1 <= middle <= bottom + 1), None)
        if home is None:
            rows.append([box])
            edges.append([box[1], box[3]])
        else:
            rows[home].append(box)
    return rows


def _segment(line: tuple[int, int, int, int], width: int, height: int) -> Segment:
    left, top, right, bottom = line
    margin = max(2, (bottom - top) // 5)
    return Segment(
        Box(max(0, left - 2 * margin), max(0, top - margin), min(width, right + 2 * margin), min(height, bottom + margin)),
        bottom - top,
    )
