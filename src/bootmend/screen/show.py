"""A reading in words, for people; and the document ``bootmend.reading/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.screen.phrases import KINDS
from bootmend.screen.reading import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootmend.screen.reading import Reading

    Paint = Callable[..., str]

_TITLES = {
    "stop": "stop screen",
    "boot_manager_error": "error of the Windows Boot Manager",
    "blank": "nothing on the screen",
    "logo": "a picture without text",
    "unknown": "not recognised",
    "sac": "the Special Administration Console answers",
    "os_not_found": "no operating system found",
    "bootmgr_missing": "BOOTMGR is missing",
    "ntldr_missing": "NTLDR is missing",
}
_MARKS = {
    "fault": ("✗", "red"),
    "waiting": ("…", "yellow"),
    "question": ("?", "yellow"),
    "healthy": ("✓", "green"),
    "other": ("-", "dim"),
}


def document(readings: Sequence[Reading]) -> dict[str, Any]:
    """``bootmend.reading/1``."""
    return {"schema": "bootmend.reading/1", "version": __version__, "readings": [reading.to_json() for reading in readings]}


def title(state: str) -> str:
    """A state in words."""
    return _TITLES.get(state, state.replace("_", " "))


def show(reading: Reading, paint: Paint, clean: Callable[[str], str] = str) -> str:
    """A reading as some lines: what it is, the fields, the evidence, what to look at next.

    ``paint(text, colour)`` colours; ``clean`` makes text that was read safe to show.
    """
    mark, colour = _MARKS[KINDS.get(reading.state, "other")]
    head = f"{clean(reading.file)}   {paint(f'{mark} {title(reading.state)}', colour)}"
    if reading.recognised:
        head += f"   {reading.confidence}"
    rows = [f"    {name:<11}{clean(value)}" for name, value in _fields(reading) if value]
    rows += [f"    {'look at' if place == 0 else '':<11}{clean(advice)}" for place, advice in enumerate(reading.look_at)]
    remarks = [f"  note: {clean(remark)}" for remark in reading.remarks]
    return "\n".join([head, *rows, *remarks, *_next(reading)]) + "\n"


def _fields(reading: Reading) -> list[tuple[str, str]]:
    code = f"{reading.stop_code} {reading.stop_name or ''}".rstrip() if reading.stop_code else ""
    status = f"{reading.status_code} {reading.status_name or ''}".rstrip() if reading.status_code else ""
    first = reading.evidence[0] if reading.evidence else None
    seen = "" if first is None else f"{first.text.strip()!r}" + (f" at {first.box.left},{first.box.top}" if first.box else "")
    return [
        ("stop code", code),
        ("one of", ", ".join(reading.possible_codes)),
        ("parameters", ", ".join(reading.parameters)),
        ("status", status),
        ("file", reading.failing_file or ""),
        ("info", reading.info or ""),
        ("progress", "" if reading.percentage is None else f"{reading.percentage}%"),
        ("key id", reading.key_id or ""),
        ("updates", ", ".join(reading.kb_numbers)),
        ("seen", f"{seen}   by {', '.join(reading.engines)}" if seen else ""),
        ("may be", ", ".join(reading.candidates)),
    ]


def _next(reading: Reading) -> list[str]:
    code = reading.stop_code or reading.status_code
    if code is not None:
        return [
            f"  next: bootmend check DISK --code {code}" if reading.stop_code else "  next: bootmend check DISK",
            f"  more: bootmend explain {code}",
        ]
    if reading.engines == ("serial",):
        return ["  next: bootmend check DISK"] if KINDS.get(reading.state) == "fault" else []
    if reading.state in (UNKNOWN, "stop", "boot_manager_error") or KINDS.get(reading.state) == "waiting":
        return ["  next: take another picture after a minute, and give both with --frames"]
    return ["  next: bootmend check DISK"] if KINDS.get(reading.state) == "fault" else []
