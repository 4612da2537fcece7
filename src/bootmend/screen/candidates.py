"""Which rules of the catalogue a screen speaks for; a screen only ranks them, the disk decides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.screen.text import squash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bootmend.model import Rule
    from bootmend.screen.reading import Reading

#: a shorter text of a rule says nothing by itself
LEAST_TEXT = 12


def rank(reading: Reading, rules: Iterable[Rule]) -> tuple[str, ...]:
    """Ids of the rules that fit, the likeliest first: a code counts most, then texts of the rule on the screen."""
    if not reading.recognised:
        return ()
    seen = squash("".join(reading.text))
    scores = {rule.id: _score(reading, rule, seen) for rule in rules}
    return tuple(name for name, score in sorted(scores.items(), key=lambda item: (-item[1], item[0])) if score > 0)


def with_candidates(readings: Iterable[Reading], rules: Sequence[Rule]) -> list[Reading]:
    """The readings with their candidates filled in."""
    return [replace(reading, candidates=rank(reading, rules)) for reading in readings]


def _score(reading: Reading, rule: Rule, seen: str) -> int:
    codes = {code for code in (reading.stop_code, reading.status_code, *reading.possible_codes) if code}
    known = {code.upper().replace("0X", "0x") for code in (*rule.stop_codes, *rule.status_codes)}
    score = 8 * bool(codes & known)
    texts = (squash(text) for text in rule.screen_texts)
    return score + sum(len(text) >= LEAST_TEXT and text in seen for text in texts)
