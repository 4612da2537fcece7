"""Safe mode that somebody forgot, and the one that is set on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.catalog.bcd import safeboot_set as rule
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.model import Applicability
from bootmend.operations import SetElement
from tests.catalog.conftest import edit

if TYPE_CHECKING:
    from pathlib import Path

STORE = (1, "\\Boot\\BCD")


@pytest.mark.parametrize(
    ("mode", "word", "applicability"),
    [(0, "Minimal", Applicability.SAFE), (1, "Network", Applicability.SAFE), (2, "DsRepair", Applicability.UNSAFE)],
)
def test_each_mode(folder: Path, mode: int, word: str, applicability: Applicability) -> None:
    edit(folder, SetElement(*STORE, "{default}", "safeboot", mode))
    with Target(str(folder)) as target:
        (finding,) = diagnose(target, rules=[rule.RULE.id]).findings
    assert f"({word})" in finding.sentence
    assert finding.applicability is applicability


def test_the_alternate_shell_goes_with_it(folder: Path) -> None:
    edit(
        folder,
        SetElement(*STORE, "{default}", "safeboot", 0),
        SetElement(*STORE, "{default}", "safebootalternateshell", value=True),
    )
    with Target(str(folder)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME))
    assert [(change.name, change.before, change.after) for change in plan.changes] == [
        ("safeboot", "Minimal", None),
        ("safebootalternateshell", "Yes", None),
    ]
