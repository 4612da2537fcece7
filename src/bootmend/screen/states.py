"""Which state a page shows, where it is no stop screen and no error of the boot manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.screen.phrases import STATES
from bootmend.screen.reading import CERTAIN, LIKELY, Sight

if TYPE_CHECKING:
    from bootmend.screen.page_text import PageText
    from bootmend.screen.phrases import State

#: a screen that says one thing has few lines; a page of prose that quotes it has many
MOST_LINES = 60
#: a phrase of this many letters that an engine read without an error is enough to be certain
TELLING = 14


class StateFound(NamedTuple):
    """A state, how sure, and the lines that tell it."""

    name: str
    confidence: str
    evidence: tuple[Sight, ...]


def find_state(text: PageText) -> StateFound | None:
    """The first state, in order of priority, whose phrases are on the page; exact readings before near ones."""
    if len(text.page.lines) > MOST_LINES and not text.page.exact:
        return None
    rounds = (False,) if text.page.exact else (False, True)
    for fuzzy in rounds:
        for state in STATES:
            found = _match(text, state, fuzzy=fuzzy)
            if found is not None:
                return found
    return None


def _match(text: PageText, state: State, *, fuzzy: bool) -> StateFound | None:
    for alternative in state.phrases:
        sights = []
        for phrase in alternative.split("&"):
            line = text.find(phrase, fuzzy=fuzzy)
            if line is None:
                break
            sights.append(Sight("state", line.text, line.box, text.page.engine))
        else:
            return StateFound(state.name, _confidence(text, alternative, fuzzy=fuzzy), tuple(sights))
    return None


def _confidence(text: PageText, phrase: str, *, fuzzy: bool) -> str:
    long_enough = len(phrase) >= TELLING
    return CERTAIN if not fuzzy and (text.page.exact or long_enough) else LIKELY
