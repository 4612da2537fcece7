"""Where on the page each field of a reading stands: the text and the box that anyone can look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.screen import fields
from bootmend.screen.codes import clean_hex
from bootmend.screen.reading import Sight
from bootmend.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootmend.screen.reading import Page, Reading

    Test = Callable[[str, str], bool]


def with_evidence(reading: Reading, page: Page) -> Reading:
    """The reading with a sight for every field that has none yet."""
    have = {sight.what for sight in reading.evidence}
    more = [
        Sight(what, line.text, line.box, page.engine)
        for what, stands_in in _tests(reading)
        if what not in have
        for line, follower in zip(page.lines, (*(plain(line.text) for line in page.lines[1:]), ""), strict=True)
        if stands_in(plain(line.text), follower)
    ]
    return replace(reading, evidence=(*reading.evidence, *dict.fromkeys(more)))


def _tests(reading: Reading) -> list[tuple[str, Test]]:
    """For each field that has a value, whether it stands in a line; the next line is the test's second argument."""
    key, updates, file = reading.key_id, set(reading.kb_numbers), reading.failing_file
    given: list[tuple[object, str, Test]] = [
        (reading.parameters, "parameters", lambda text, _: _holds_parameter(text, reading.parameters)),
        (file, "failing file", lambda text, _: any(fields.tidy_file(found) == file for found in fields.FILE.findall(text))),
        (reading.percentage is not None, "percentage", lambda text, after: _holds_percentage(text, after, reading.percentage)),
        (key, "key id", lambda text, _: key is not None and key in text.upper()),
        (updates, "updates", lambda text, _: not updates.isdisjoint(fields.kb_numbers([text]))),
    ]
    return [(what, test) for value, what, test in given if value]


def _holds_parameter(text: str, parameters: tuple[str, ...]) -> bool:
    return any(f"0x{clean_hex(found)}" in parameters for found in fields.PARAMETER.findall(text))


def _holds_percentage(text: str, follower: str, number: int | None) -> bool:
    """The sign may have come onto the next line."""
    return fields.percentage([text]) == number or (
        follower.startswith("%") and text.endswith(f"{number}") and fields.percentage([text, follower]) == number
    )
