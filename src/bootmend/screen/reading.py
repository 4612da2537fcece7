"""What a picture or a log says: the value that every engine and every caller shares.

Plain frozen values and their JSON form (``bootmend.reading/1``); no pictures, no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

CERTAIN = "certain"
LIKELY = "likely"
UNKNOWN = "unknown"


class Box(NamedTuple):
    """A rectangle of the picture in pixels; ``right`` and ``bottom`` are the first pixels outside."""

    left: int
    top: int
    right: int
    bottom: int


class Line(NamedTuple):
    """One line of text as an engine saw it: where (None in a log) and how sure the engine is, 0 to 1."""

    text: str
    box: Box | None = None
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that was read from one picture or log, top to bottom, before it is understood.

    ``exact`` is true where no character was guessed: a log, or glyphs that all matched bit for bit.
    ``background`` is the commonest colour (red, green, blue).
    """

    lines: tuple[Line, ...]
    engine: str
    exact: bool = False
    width: int = 0
    height: int = 0
    background: tuple[int, int, int] | None = None


class Sight(NamedTuple):
    """One piece of evidence: ``what`` it tells (``stop code``, ``state`` ...), the text and box it was seen in."""

    what: str
    text: str
    box: Box | None = None
    engine: str = ""

    def to_json(self) -> dict[str, object]:
        """The JSON form; ``box`` is ``[left, top, right, bottom]`` or null."""
        return {"what": self.what, "text": self.text, "box": None if self.box is None else list(self.box), "engine": self.engine}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one picture or log shows.

    ``confidence`` speaks of the most telling thing: of the code where a code is shown, else of the state.
    ``certain`` needs two independent agreeing pieces of evidence, or text read bit for bit; ``likely`` is one piece
    that was checked against a table; ``unknown`` means that nothing is claimed.  ``possible_codes`` holds every
    code of a name that has several; ``stop_code`` is then None.  ``candidates`` are ids of rules, the likeliest first;
    ``look_at`` says where on the disk to look to decide.
    """

    file: str
    state: str = UNKNOWN
    confidence: str = UNKNOWN
    stop_code: str | None = None
    stop_name: str | None = None
    possible_codes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    status_code: str | None = None
    status_name: str | None = None
    failing_file: str | None = None
    info: str | None = None
    percentage: int | None = None
    key_id: str | None = None
    kb_numbers: tuple[str, ...] = ()
    evidence: tuple[Sight, ...] = ()
    candidates: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    @property
    def recognised(self) -> bool:
        """Whether anything at all is claimed."""
        return self.state != UNKNOWN

    def with_remark(self, remark: str) -> Reading:
        """The same reading with one more remark."""
        return replace(self, remarks=(*self.remarks, remark))

    def to_json(self) -> dict[str, object]:
        """One entry of ``readings`` in ``bootmend.reading/1``."""
        return {
            "file": self.file,
            "state": self.state,
            "confidence": self.confidence,
            "stop_code": self.stop_code,
            "stop_name": self.stop_name,
            "possible_codes": list(self.possible_codes),
            "parameters": list(self.parameters),
            "status_code": self.status_code,
            "status_name": self.status_name,
            "failing_file": self.failing_file,
            "info": self.info,
            "percentage": self.percentage,
            "key_id": self.key_id,
            "kb_numbers": list(self.kb_numbers),
            "evidence": [sight.to_json() for sight in self.evidence],
            "candidates": list(self.candidates),
            "look_at": list(self.look_at),
            "engines": list(self.engines),
            "remarks": list(self.remarks),
            "text": list(self.text),
        }
