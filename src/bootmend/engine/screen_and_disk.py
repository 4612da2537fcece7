"""The screen and the disk together: which findings explain what the screen shows, and where the two contradict.

A screen never decides what is wrong; it orders what the disk shows, and says where something is still unexplained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bootmend.catalog import find_rule, rule_modules
from bootmend.engine.ranking import codes_of
from bootmend.engine.screen_hints import KERNEL, hints
from bootmend.model import Severity
from bootmend.screen import CERTAIN, UNKNOWN, Reading, combine, with_candidates
from bootmend.screen.phrases import KINDS
from bootmend.screen.show import title
from bootmend.screen.text import squash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bootmend.engine.diagnose import Report
    from bootmend.model import Finding

EXPLAINED = "explained"
CONTRADICTED = "contradicted"
UNEXPLAINED = "unexplained"
STARTED = "started"
AGREED = "agreed"
UNDECIDED = "undecided"
RELATIONS = (EXPLAINED, CONTRADICTED, UNEXPLAINED, STARTED, AGREED, UNDECIDED)
"""How the screen and the disk stand to one another; ``started`` is a screen of a Windows that runs, with findings."""
LEAST_TEXT = 12
"""A shorter text of a rule must be a line of the screen by itself."""


class Shown(NamedTuple):
    """What the pictures and logs of one machine show: each by itself, and ``reading``, which speaks for all of them."""

    readings: tuple[Reading, ...]
    reading: Reading
    remarks: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes it names; of a name that has several, those that a rule of the catalogue knows."""
        reading = self.reading
        if reading.confidence == UNKNOWN:
            return ()
        if reading.stop_code or reading.status_code:
            return (reading.stop_code or reading.status_code or "",)
        known = {code for module in rule_modules() for code in (*module.RULE.stop_codes, *module.RULE.status_codes)}
        return tuple(code for code in reading.possible_codes if code in known)


class Explanation(NamedTuple):
    """That a finding explains the screen, and ``by`` what: a code, a file, a text."""

    rule: str
    subject: str
    by: str

    def to_json(self) -> dict[str, str]:
        """The JSON form."""
        return {"rule": self.rule, "subject": self.subject, "by": self.by}


class Screen(NamedTuple):
    """What the screen shows, and how the disk stands to it, in one sentence; ``look_at`` is for what is unexplained."""

    shown: Shown
    relation: str
    sentence: str
    explained_by: tuple[Explanation, ...] = ()
    look_at: tuple[str, ...] = ()

    @property
    def reading(self) -> Reading:
        """What all pictures and logs together show."""
        return self.shown.reading

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing of the pictures."""
        return tuple(dict.fromkeys((*self.shown.remarks, *self.reading.remarks)))

    @property
    def calm(self) -> bool:
        """Whether nothing about it needs to be looked into."""
        return self.relation in (EXPLAINED, AGREED)

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "relation": self.relation,
            "sentence": self.sentence,
            "explained_by": [one.to_json() for one in self.explained_by],
            "look_at": list(self.look_at),
            "remarks": list(self.remarks),
            "reading": self.reading.to_json(),
            "readings": [one.to_json() for one in self.shown.readings],
        }


def shown_by(pictures: Sequence[Reading], logs: Sequence[Reading] = ()) -> Shown:
    """What pictures (frames of one machine, oldest first) and serial logs show together.

    Raises:
        UsageError: there is neither.
    """
    rules = [module.RULE for module in rule_modules()]
    readings = tuple(with_candidates([*pictures, *logs], rules))
    sources = [combine(group) for group in (readings[: len(pictures)], readings[len(pictures) :]) if group]
    if not sources:
        combine(())
    best = max(sources, key=_weight)
    remarks: list[str] = []
    named = [(one.file, code) for one in sources if (code := one.stop_code or one.status_code)]
    if len({code for _, code in named}) > 1:
        remarks.append("the picture and the log name different codes: " + ", ".join(f"{file}: {code}" for file, code in named))
        codes = tuple(code for _, code in named)
        best = replace(best, stop_code=None, stop_name=None, status_code=None, possible_codes=codes, confidence=UNKNOWN)
    elif len(named) > 1:
        best = replace(best, confidence=CERTAIN)
    (best,) = with_candidates([best], rules)
    return Shown(readings, best, tuple(remarks))


def _weight(reading: Reading) -> tuple[bool, bool, bool]:
    """A code tells most, then a fault, then anything at all."""
    named = bool(reading.stop_code or reading.status_code or reading.possible_codes)
    return named, KINDS.get(reading.state) == "fault", reading.recognised and reading.state not in ("blank", "logo")


def with_screen(report: Report, shown: Shown) -> Report:
    """The report with what the screen shows: findings that explain it come first, and how the two stand is said."""
    explained = tuple(_explanations(report, shown.reading))
    first = {(one.rule, one.subject) for one in explained}
    findings = tuple(sorted(report.findings, key=lambda finding: finding.key not in first))
    relation, sentence = _relation(report, shown, explained)
    unexplained = relation in (UNEXPLAINED, CONTRADICTED)
    look_at = tuple(hints(shown.reading, tuple(one.rule for one in report.inconclusive))) if unexplained else ()
    return replace(report, findings=findings, screen=Screen(shown, relation, sentence, explained, look_at))


def _explanations(report: Report, reading: Reading) -> Iterator[Explanation]:
    """The findings that explain the screen; those that do by a code before those that do by a file or a text."""
    found = [(finding, _why(finding, reading)) for finding in report.problems]
    for strength in range(3):
        for finding, why in found:
            if why is not None and why[0] == strength:
                yield Explanation(finding.rule, finding.subject, why[1])


def _why(finding: Finding, reading: Reading) -> tuple[int, str] | None:
    """How strongly, and by what, a finding explains the screen; None where it does not."""
    if not reading.recognised or (reading.confidence == UNKNOWN and reading.possible_codes):
        return None
    named = {code for code in (reading.stop_code, reading.status_code, *reading.possible_codes) if code}
    codes = sorted(named & set(codes_of(finding)))
    if codes:
        return 0, f"code {_short(codes[0])}"
    if named and finding.stop_codes:
        return None  # it stops with another code
    file = (reading.failing_file or "").replace("/", "\\").rpartition("\\")[2].lower()
    if file and file not in KERNEL and any(file in _names_in(text) for text in _texts(finding)):
        return 1, f"file {reading.failing_file}"
    text = "" if named else _text_on(reading, find_rule(finding.rule).RULE.screen_texts)
    return (2, f"text {text!r}") if text else None


def _texts(finding: Finding) -> Iterator[str]:
    yield from finding.details.values()
    for one in finding.evidence:
        yield from (one.where, one.found, one.expected)


def _names_in(text: str) -> list[str]:
    """The words and file names of a text, in lower case."""
    return text.replace("\\", " ").replace("/", " ").replace('"', " ").lower().split()


def _text_on(reading: Reading, texts: Iterable[str]) -> str:
    lines = [squash(line) for line in reading.text]
    whole = "".join(lines)
    for text in texts:
        wanted = squash(text)
        if wanted in lines or (len(wanted) >= LEAST_TEXT and wanted in whole):
            return text
    return ""


def _short(code: str) -> str:
    return f"0x{int(code, 16):X}"


def shows(reading: Reading) -> str:
    """What a reading claims, in a few words: ``0x67 CONFIG_INITIALIZATION_FAILED``, ``BOOTMGR is missing``."""
    for code, name in ((reading.stop_code, reading.stop_name), (reading.status_code, reading.status_name)):
        if code:
            return f"{_short(code)} {name or ''}".rstrip()
    if reading.stop_name:
        return reading.stop_name
    if reading.percentage is not None and KINDS.get(reading.state) == "waiting":
        return f"{title(reading.state)}, {reading.percentage}%"
    return title(reading.state)


def _relation(report: Report, shown: Shown, explained: tuple[Explanation, ...]) -> tuple[str, str]:
    reading, problems = shown.reading, report.problems
    if explained:
        one = explained[0]
        return EXPLAINED, f"The screen shows {shows(reading)}, and {one.rule} on the disk explains it ({one.by})."
    if not reading.recognised:
        return UNDECIDED, "The screen was not recognised; the disk was checked without it."
    kind = KINDS.get(reading.state, "other")
    if kind == "fault" and reading.confidence != UNKNOWN:
        return _fault(reading, problems)
    if kind == "healthy":
        return _started(reading, problems)
    return UNDECIDED, f"{_undecided(shown, kind)} The disk decides."


def _fault(reading: Reading, problems: Sequence[Finding]) -> tuple[str, str]:
    """A fault that no finding explains."""
    others = [finding for finding in problems if finding.stop_codes]
    if not others:
        return UNEXPLAINED, f"The screen shows {shows(reading)}; nothing found on the disk explains it."
    one = others[0]
    codes = " or ".join(_short(code) for code in one.stop_codes)
    return CONTRADICTED, (
        f"The screen shows {shows(reading)}, but {one.rule}, which was found on the disk, stops with {codes}: "
        "the picture may be of another time or another machine, or there is a second fault that was not found."
    )


def _started(reading: Reading, problems: Sequence[Finding]) -> tuple[str, str]:
    """A screen of a Windows that runs."""
    seen = f"The screen shows a Windows that has started ({title(reading.state)})"
    errors = [finding for finding in problems if finding.severity is Severity.ERROR]
    if errors:
        return STARTED, (
            f"{seen}, but {errors[0].rule} was found on the disk, which keeps it from starting: "
            "the picture may be older than the fault, or of another machine."
        )
    if problems:
        return STARTED, f"{seen}; what was found on the disk does not keep it from that."
    return AGREED, f"{seen}, and nothing is wrong on the disk."


def _undecided(shown: Shown, kind: str) -> str:
    reading = shown.reading
    if reading.confidence == UNKNOWN and (shown.remarks or len(reading.possible_codes) > 1):
        return "The pictures do not agree on a code."
    if kind == "fault":
        return f"The screen shows a fault ({title(reading.state)}), but no code that can be read."
    if kind == "waiting":
        return f"The screen shows work that may go on ({shows(reading)}): it names no fault; a second picture tells."
    if kind == "question":
        return f"The screen waits for an answer ({title(reading.state)}): it names no fault."
    return f"The screen shows {title(reading.state)}: it names no fault of Windows."
