"""Several frames of one machine; and the rules that a reading speaks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootmend.catalog import rule_modules
from bootmend.errors import UsageError
from bootmend.screen import CERTAIN, LIKELY, UNKNOWN, Reading, combine, rank, with_candidates
from tests.screen.pages import MODERN, read


def updating(percentage: int | None) -> Reading:
    return Reading(file="f", state="updating", confidence=CERTAIN, percentage=percentage, engines=("ocr",))


def test_a_percentage_that_moves_stands_still_or_goes_back() -> None:
    assert "moving: 10% to 12%" in " ".join(combine([updating(10), updating(12)]).remarks)
    assert "stands at 35% in 3 frames; it may be stuck" in " ".join(combine([updating(35)] * 3).remarks)
    assert "went back: 90% to 5%" in " ".join(combine([updating(90), updating(5)]).remarks)
    assert combine([updating(10), updating(12)]).percentage == 12
    assert combine([updating(None), updating(None)]).remarks == ("the last two of 2 frames agree",)


def test_one_frame_is_itself() -> None:
    assert combine([updating(10)]) == updating(10)


def test_no_frames() -> None:
    with pytest.raises(UsageError):
        combine([])


def test_blank_frames_are_passed_over_and_a_change_is_said() -> None:
    blank = Reading(file="b", state="blank", confidence=CERTAIN)
    assert combine([updating(10), blank]).state == "updating"
    assert "still changing" in combine([updating(10), blank]).remarks[0]
    assert combine([blank, blank]).state == "blank"
    assert combine([Reading(file="u"), updating(3)]).state == "updating"


def test_frames_that_name_different_codes_name_none_for_sure() -> None:
    first, second = read(MODERN.format("BAD_POOL_CALLER")), read(MODERN.format("CRITICAL_PROCESS_DIED"))
    both = combine([first, second])
    assert (both.stop_code, both.confidence, set(both.possible_codes)) == (None, UNKNOWN, {"0x000000C2", "0x000000EF"})


def test_two_engines_that_agree_are_certain_and_one_twice_is_not() -> None:
    first = read(MODERN.format("BAD_POOL_CALLER"))
    assert combine([first, first]).confidence == LIKELY
    assert combine([first, replace(first, engines=("glyphs",))]).confidence == CERTAIN


def test_the_best_frame_is_kept() -> None:
    hidden = read(MODERN.format("B  P  R"))
    assert combine([read(MODERN.format("BAD_POOL_CALLER")), hidden]).stop_code == "0x000000C2"


def test_candidates_are_ranked_by_code_and_text() -> None:
    rules = [module.RULE for module in rule_modules()]
    reading = read(MODERN.format("CONFIG_INITIALIZATION_FAILED"))
    assert rank(reading, rules)[0] == "imc-config-init-failed"
    assert with_candidates([reading], rules)[0].candidates == rank(reading, rules)
    assert rank(Reading(file="x"), rules) == ()
    assert "imc-config-init-failed" not in rank(read("Press Ctrl+Alt+Delete to unlock."), rules)


def test_of_frames_that_tell_as_much_the_newest_is_kept() -> None:
    both = combine([replace(updating(20), file="first"), replace(updating(35), file="second")])
    assert (both.file, both.percentage) == ("second", 35)
