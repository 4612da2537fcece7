"""What a generated screen shows: the truth that a reader's answer is compared with."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class BugCheck(NamedTuple):
    """A bug check as the list has it; ``aliases`` are further names of the same code."""

    code: int
    name: str
    aliases: tuple[str, ...]


def blocks(name: str) -> tuple[tuple[str, str], ...]:
    """The texts of a file beside this one, each after a line ``== heading``."""
    parts = re.split(r"(?m)^== ", (Path(__file__).parent / name).read_text("utf-8"))[1:]
    return tuple((head, text.rstrip("\n")) for head, _, text in (part.partition("\n") for part in parts))


@cache
def bug_checks() -> tuple[BugCheck, ...]:
    """Every bug check of ``bugchecks.tsv`` beside this file, in its order."""
    lines = (Path(__file__).parent / "bugchecks.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(BugCheck(int(row[0], 16), row[1], tuple(filter(None, row[2].split(",")))) for row in rows)


@cache
def codes_of_name(name: str) -> tuple[int, ...]:
    """Every code that a name stands for: some names were given twice."""
    return tuple(check.code for check in bug_checks() if name == check.name or name in check.aliases)


@dataclass(slots=True)
class Label:
    """The truth about one screen; text fields are empty and numbers None where the screen shows none.

    ``stop_codes`` are all codes that a right answer may name (a name alone can be ambiguous), ``readable`` is False where the
    deciding text is too small for a person, ``fixed_font`` True where every pixel is that of a known console font.
    """

    kind: str
    layout: str
    state: str
    stop_code: str = ""
    stop_codes: tuple[str, ...] = ()
    stop_name: str = ""
    parameters: tuple[str, ...] = ()
    status_code: str = ""
    failing_file: str = ""
    percentage: int | None = None
    key_id: str = ""
    language: str = "en"
    fixed_font: bool = False
    readable: bool = True
    font: str = ""
    resolution: str = ""
    degradations: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The label as plain data."""
        return asdict(self)


def code_text(code: int) -> str:
    """A bug check's code as it is written everywhere: 0x and eight digits."""
    return f"0x{code:08X}"
