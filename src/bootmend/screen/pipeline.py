"""From bytes to readings: what it is, the cheap engines first, the costly one only where they could not read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError, UnsupportedError, UsageError, place
from bootmend.screen.codes import default_table
from bootmend.screen.matcher import interpret
from bootmend.screen.picture import SMALLEST_SIDE, frames, kind_of
from bootmend.screen.reading import UNKNOWN, Box, Page, Reading
from bootmend.screen.serial import interpret_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.screen.codes import CodeTable
    from bootmend.screen.ocr import Engine
    from bootmend.screen.picture import Pixels
    from bootmend.screen.segments import Segment
    from bootmend.screen.trivial import Ground

ENGINES = ("serial", "glyphs", "ocr")
#: of a dense page these lines are read first: the sentence at the top, the code at the bottom
FIRST_LINES, LAST_LINES = 4, 6
_SUFFIX = re.compile(r"\.(log|txt|serial)$", re.IGNORECASE)


class Reader:
    """Reads pictures and logs with some engines; keeps the costly one warm.

    ``codes`` is the table of stop and status codes (the one of this installation by default); ``engines`` are names
    out of ``serial``, ``glyphs`` and ``ocr`` (all that are installed by default; one asked for by name must be there).
    """

    def __init__(self, *, codes: CodeTable | None = None, engines: Sequence[str] | None = None, threads: int = 2) -> None:
        unknown = set(engines or ()) - set(ENGINES)
        if unknown:
            raise UsageError(f"{min(unknown)!r} is no engine; there are {', '.join(ENGINES)}")
        self._codes = codes
        self._engines = tuple(engines or ENGINES)
        self._asked = engines is not None
        self._threads = threads

    @property
    def codes(self) -> CodeTable:
        """The table of codes, loaded when first needed."""
        if self._codes is None:
            self._codes = default_table()
        return self._codes

    def read(self, file: str, data: bytes) -> Reading:
        """One picture or log.

        Raises:
            UnsupportedError: a format that is not read, too large, or an extra that is not installed.
            CorruptError, TruncatedError: a picture that cannot be decoded.
        """
        with place(file):
            if kind_of(data) is not None:
                return self.read_picture(file, data)
            if not data.strip(b"\0 \t\r\n"):
                return Reading(file=file, state="blank", remarks=("the file holds nothing",))
            return interpret_log(data, self.codes, file)

    def read_picture(self, file: str, data: bytes) -> Reading:
        """A picture: its last frame that can be read."""
        chosen: Reading | None = None
        for pixels in frames(data):
            reading = self.read_pixels(file, pixels)
            if chosen is None or not chosen.recognised or chosen.state == "blank":
                chosen = reading if chosen is None or reading.recognised else chosen
            if chosen.recognised and chosen.state != "blank":
                break
        return chosen if chosen is not None else Reading(file=file)

    def read_pixels(self, file: str, pixels: Pixels) -> Reading:
        """One decoded frame: (height, width, 3) bytes of red, green and blue.

        A screen that lies within the picture (in a portal, in a viewer's window) is read by itself first.
        """
        from bootmend.screen.inner import inner_screen

        if min(pixels.shape[:2]) < SMALLEST_SIDE:
            return Reading(file=file, remarks=(f"{pixels.shape[1]} x {pixels.shape[0]} pixels are too few to read",))
        inner = inner_screen(pixels)
        if inner is not None:
            reading = self._read_frame(file, pixels[inner.top : inner.bottom, inner.left : inner.right])
            if reading.recognised and reading.state != "logo":
                return _moved(reading, inner)
        return self._read_frame(file, pixels)

    def _read_frame(self, file: str, pixels: Pixels) -> Reading:
        from bootmend.screen.trivial import ground, is_blank

        found = ground(pixels)
        if is_blank(found):
            remark = "one colour all over: ask for another picture after a while"
            return Reading(file=file, state="blank", confidence="certain", engines=("pixels",), remarks=(remark,))
        reading = self._by_glyphs(file, found) if "glyphs" in self._engines else None
        if reading is not None and (_settled(reading) or "ocr" not in self._engines):
            return reading
        return self._by_ocr(file, pixels, found, reading)

    def _by_glyphs(self, file: str, found: Ground) -> Reading | None:
        from bootmend.screen.glyphs import read_glyphs

        page = read_glyphs(found)
        return None if page is None else interpret(page, self.codes, file)

    def _by_ocr(self, file: str, pixels: Pixels, found: Ground, before: Reading | None) -> Reading:
        if "ocr" not in self._engines:
            return Reading(file=file, remarks=("no fixed font fits; the engine ocr was not asked for",))
        from bootmend.screen.ocr import engine

        try:
            loaded = engine(self._threads)
        except UnsupportedError as error:
            if self._asked:
                raise
            kept = before or Reading(file=file)
            return kept.with_remark(f"{error.message}: {error.hint}")
        reading = self._recognise(loaded, file, pixels, found)
        return before if before is not None and before.recognised and not reading.recognised else reading

    def _recognise(self, engine: Engine, file: str, pixels: Pixels, found: Ground) -> Reading:
        from bootmend.screen.segments import find_segments

        segments = find_segments(engine.cv2, found.ink)
        if segments is not None and not segments:
            return Reading(file=file, state="logo", confidence="likely", engines=("pixels",), remarks=("a picture without text",))
        reading = None if segments is None else self._segments(engine, file, pixels, found, segments)
        if reading is not None and _settled(reading):
            return reading
        page = Page(tuple(engine.detect(pixels)), "ocr", width=pixels.shape[1], height=pixels.shape[0], background=found.colour)
        again = interpret(page, self.codes, file)
        if again.recognised or reading is None or not reading.recognised:
            return again
        return reading

    def _segments(self, engine: Engine, file: str, pixels: Pixels, found: Ground, segments: list[Segment]) -> Reading:
        size = {"width": pixels.shape[1], "height": pixels.shape[0]}
        if len(segments) > FIRST_LINES + LAST_LINES + 2:
            few = [*segments[:FIRST_LINES], *segments[-LAST_LINES:]]
            lines = engine.recognise(pixels, few)
            reading = interpret(Page(tuple(lines), "ocr", background=found.colour, **size), self.codes, file)
            if reading.stop_code is not None or reading.status_code is not None:
                return reading
            middle = engine.recognise(pixels, segments[FIRST_LINES:-LAST_LINES])
            lines = sorted([*lines, *middle], key=lambda line: (line.box.top, line.box.left) if line.box else (0, 0))
        else:
            lines = engine.recognise(pixels, segments)
        return interpret(Page(tuple(lines), "ocr", background=found.colour, **size), self.codes, file)


def _settled(reading: Reading) -> bool:
    """Whether another engine could add nothing."""
    if reading.state in ("stop", "boot_manager_error"):
        return reading.stop_code is not None or reading.status_code is not None or bool(reading.possible_codes)
    return reading.recognised


def _moved(reading: Reading, inner: Box) -> Reading:
    """The reading of a part of the picture, with its boxes in the whole."""
    sights = (
        sight
        if sight.box is None
        else sight._replace(box=Box(*(edge + (inner.top if index % 2 else inner.left) for index, edge in enumerate(sight.box))))
        for sight in reading.evidence
    )
    return replace(reading, evidence=tuple(sights))


def read_screens(
    items: Sequence[tuple[str, bytes]], *, engines: Sequence[str] | None = None, codes: CodeTable | None = None
) -> list[Reading]:
    """A reading for each (name, bytes), in order; what cannot be read becomes an ``unknown`` with the reason.

    Raises:
        UsageError: an engine that does not exist.
    """
    reader = Reader(codes=codes, engines=engines)
    return [read_or_say(reader, name, data) for name, data in items]


def read_or_say(reader: Reader, name: str, data: bytes) -> Reading:
    """A reading, or an unknown one that says why."""
    try:
        return reader.read(name, data)
    except BootmendError as error:
        said = error.message if error.hint is None else f"{error.message}: {error.hint}"
        return Reading(file=name, state=UNKNOWN, remarks=(said,))


def read_serial(data: bytes, *, file: str = "", codes: CodeTable | None = None) -> Reading:
    """What a serial log shows; see :func:`bootmend.screen.serial.interpret_log`."""
    return interpret_log(data, codes or default_table(), file)
