"""A screenshot within a page: made small, put in as a ``data:`` address, with what was recognised marked on it."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError
from bootmend.views.markup import Markup, element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from bootmend.screen import Box, Reading

WIDEST = 1280
MOST_BYTES = 300_000
QUALITIES = (85, 70, 50, 30)


class Embedded(NamedTuple):
    """A picture as an address, and its size in the pixels that boxes are given in."""

    address: str
    width: int
    height: int


class Mark(NamedTuple):
    """What was recognised: what it tells, the text that was read, and where on the picture it stands."""

    what: str
    text: str
    boxes: tuple[Box, ...]


def embed(data: bytes) -> Embedded | None:
    """A picture, encoded anew (nothing of the file itself gets into the page) and at most ``MOST_BYTES`` large.

    None where it cannot be decoded, or where the library for it is not installed.
    """
    from bootmend.screen.picture import frames

    try:
        pixels = next(frames(data))
    except BootmendError:
        return None
    from PIL import Image

    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    picture = Image.fromarray(pixels)
    if width > WIDEST:
        picture = picture.resize((WIDEST, max(1, height * WIDEST // width)), Image.Resampling.LANCZOS)
    kind, encoded = _encoded(picture)
    return Embedded(f"data:image/{kind};base64,{b64encode(encoded).decode('ascii')}", width, height)


def _encoded(picture: Image.Image) -> tuple[str, bytes]:
    """PNG for the few colours of a screen, JPEG where that becomes too large."""
    encoded = _as(picture, "PNG", optimize=True)
    kind = "png"
    for quality in QUALITIES:
        if len(encoded) <= MOST_BYTES:
            break
        kind, encoded = "jpeg", _as(picture, "JPEG", quality=quality, optimize=True)
    while len(encoded) > MOST_BYTES:
        picture = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))
        encoded = _as(picture, "JPEG", quality=QUALITIES[-1])
    return kind, encoded


def _as(picture: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def marks_of(reading: Reading) -> list[Mark]:
    """What was recognised, by what it tells; lines that tell the same (a sentence over three lines) are one mark."""
    found: dict[str, Mark] = {}
    for sight in sorted(reading.evidence, key=lambda one: (one.box.top, one.box.left) if one.box else (0, 0)):
        if sight.box is None or any(sight.box in mark.boxes for mark in found.values()):
            continue
        before = found.get(sight.what, Mark(sight.what, "", ()))
        text = f"{before.text} {sight.text.strip()}".strip()
        found[sight.what] = Mark(sight.what, text, (*before.boxes, sight.box))
    return list(found.values())


def picture_with_marks(picture: Embedded, marks: list[Mark], alternative: str) -> Markup:
    """The picture, and over it a drawing of the same proportions with a numbered, labelled frame for each mark."""
    image = element("img", src=picture.address, alt=alternative, width=picture.width, height=picture.height)
    frames = [[_widened(picture, box) for box in mark.boxes] for mark in marks]
    outlines = [element("rect", **_shape(box), class_=kind) for kind in ("under", "box") for group in frames for box in group]
    drawing = element(
        "svg",
        outlines,
        _labels(
            picture,
            [(group[0], f"{number} {mark.what}") for number, (group, mark) in enumerate(zip(frames, marks, strict=True), 1)],
        ),
        class_="boxes",
        viewBox=f"0 0 {picture.width} {picture.height}",
        aria_hidden="true",
        focusable="false",
    )
    return element("div", image, drawing, class_="frame")


def _labels(picture: Embedded, wanted: list[tuple[Box, str]]) -> Iterator[Markup]:
    """A label for each frame, none over another as long as there is room."""
    size = 0.019 * picture.width
    taken: list[Box] = []
    for frame, words in wanted:
        place = _place(picture, frame, round((0.6 * len(words) + 0.9) * size), round(1.4 * size), taken)
        taken.append(place)
        yield element("rect", **_shape(place), class_="label")
        yield element("text", words, x=round(place.left + 0.45 * size), y=round(place.top + 1.03 * size), font_size=round(size))


def _place(picture: Embedded, frame: Box, width: int, height: int, taken: list[Box]) -> Box:
    """At the right end of the frame, or further right where a label is; where the picture ends there, above or below."""
    middle = max(0, min((frame.top + frame.bottom - height) // 2, picture.height - height))
    left = frame.right
    for other in sorted(taken, key=lambda box: box.left):
        if other.top < middle + height and middle < other.bottom and other.left < left + width and left < other.right:
            left = other.right + 2
    if left + width <= picture.width:
        return type(frame)(left, middle, left + width, middle + height)
    left = max(0, min(frame.left, picture.width - width))
    top = frame.top - height if frame.top >= height else min(frame.bottom, picture.height - height)
    return type(frame)(left, max(0, top), left + width, max(0, top) + height)


def _shape(box: Box) -> dict[str, int]:
    return {"x": box.left, "y": box.top, "width": box.right - box.left, "height": box.bottom - box.top}


def _widened(picture: Embedded, box: Box) -> Box:
    """The box with a little air, within the picture."""
    by = max(2, picture.width // 250)
    return type(box)(
        max(0, box.left - by), max(0, box.top - by), min(picture.width, box.right + by), min(picture.height, box.bottom + by)
    )
