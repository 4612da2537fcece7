"""``SrtTrail.txt``: the log of Startup Repair, which often names the failure that its own screen hides.

It is written in the language of the recovery environment; what is read here is the English form.  Of another language the
codes are read all the same: they stand behind an equals sign in every one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bootmend.evidence.text import decode

MOST = 256
_LINE = "-" * 8
_CODE = re.compile(r"=\s*(0x[0-9a-fA-F]{1,8})\b")
_BUGCHECK = re.compile(r"\bBugcheck\s+([0-9a-fA-F]{1,8})\b", re.IGNORECASE)
_FIELD = re.compile(r"([^:=]{2,60}?)\s*[:=]\s*(.*)")
_NUMBER = re.compile(r"\d{1,9}")
_MARKS = dict.fromkeys((0x200E, 0x200F), "")
"""Marks of direction, which Windows 8 and later write into dates."""


class Step(NamedTuple):
    """A test or a repair action, its result as written, and its error code (0 where it went well)."""

    name: str
    result: str
    code: int


class StartupRepair(NamedTuple):
    """What Startup Repair did at its last session.

    ``causes`` are its own sentences on what is wrong, ``tests`` and ``actions`` what it tried.  ``root_causes`` is the number
    it counted, None where it wrote none.
    """

    last_boot: str
    attempts: int | None
    root_causes: int | None
    causes: tuple[str, ...]
    tests: tuple[Step, ...]
    actions: tuple[Step, ...]
    codes: tuple[int, ...]
    bugchecks: tuple[int, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that ended with an error."""
        return tuple(one for one in (*self.tests, *self.actions) if one.code)

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "last_boot": self.last_boot,
            "attempts": self.attempts,
            "root_causes": self.root_causes,
            "causes": list(self.causes),
            "failed": [{"name": one.name, "result": one.result, "code": f"0x{one.code:08X}"} for one in self.failed],
            "codes": [f"0x{code:08X}" for code in self.codes],
            "stop_codes": [f"0x{code:08X}" for code in self.bugchecks],
        }


def parse_startup_repair(data: bytes) -> StartupRepair:
    """Read the last session of a log; text that is no such log gives nothing of everything."""
    lines = [line.strip().translate(_MARKS) for line in decode(data).split("\n")]
    heads = [number for number, line in enumerate(lines) if line.startswith("Startup Repair diagnosis")]
    lines = lines[heads[-1] :] if heads else lines
    text = "\n".join(lines)
    codes = dict.fromkeys(int(code, 16) for code in _CODE.findall(text))
    return StartupRepair(
        last_boot=_field(lines, "Last successful boot time"),
        attempts=_count(lines, "Number of repair attempts"),
        root_causes=_count(lines, "Number of root causes"),
        causes=tuple(_causes(lines))[:MOST],
        tests=tuple(_steps(lines, "Name"))[:MOST],
        actions=tuple(_steps(lines, "Repair action"))[:MOST],
        codes=tuple(code for code in codes if code)[:MOST],
        bugchecks=tuple(dict.fromkeys(int(code, 16) for code in _BUGCHECK.findall(text)))[:MOST],
    )


def _field(lines: list[str], name: str) -> str:
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found and found[1] == name:
            return found[2].strip()
    return ""


def _count(lines: list[str], name: str) -> int | None:
    found = _NUMBER.match(_field(lines, name))
    return int(found[0]) if found else None


def _causes(lines: list[str]) -> list[str]:
    """The sentence between the rule below ``Root cause found:`` and the next empty line."""
    causes: list[str] = []
    for number, line in enumerate(lines):
        if not line.startswith("Root cause found"):
            continue
        for text in lines[number + 1 : number + 20]:
            if text and not text.startswith(_LINE):
                causes.append(text)
                break
    return causes


def _steps(lines: list[str], name: str) -> list[Step]:
    """Each step begins with its name; its result is one of the next lines."""
    steps: list[Step] = []
    for number, line in enumerate(lines):
        found = _FIELD.fullmatch(line)
        if found is None or found[1] != name:
            continue
        result = next((text for text in lines[number + 1 : number + 4] if text.startswith("Result")), "")
        code = _CODE.search(result)
        words = result.partition(":")[2].partition("Error code")[0].strip(" .")
        steps.append(Step(found[2].strip(), words, int(code[1], 16) if code else 0))
    return steps
