"""From a page of text to a reading: fields first, then fixed sentences; nothing is claimed that was not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootmend.screen import fields
from bootmend.screen.boot_manager import find_boot_error, update_status
from bootmend.screen.evidence import with_evidence
from bootmend.screen.page_text import PageText
from bootmend.screen.reading import UNKNOWN, Reading, Sight
from bootmend.screen.states import find_state
from bootmend.screen.stop import find_stop
from bootmend.screen.text import plain

if TYPE_CHECKING:
    from bootmend.screen.boot_manager import BootError
    from bootmend.screen.codes import CodeTable
    from bootmend.screen.reading import Page
    from bootmend.screen.states import StateFound
    from bootmend.screen.stop import StopFound

#: so much text is kept in a reading
MOST_TEXT = 200
_PERCENT_STATES = frozenset(
    ("stop", "updating", "undoing_changes", "chkdsk", "getting_windows_ready", "firmware_update", "please_wait")
)


def interpret(page: Page, table: CodeTable, file: str = "") -> Reading:
    """What ``page`` shows, by the table of codes ``table``."""
    text = PageText(page)
    stop = find_stop(text, table)
    error = None if stop is not None else find_boot_error(text, table)
    state = None if stop is not None or error is not None else find_state(text)
    reading = _plain_reading(page, file)
    if stop is not None:
        reading = _stopped(reading, stop)
    elif error is not None:
        reading = _boot_error(reading, error, table)
    elif state is not None:
        reading = _in_state(reading, state, text, table)
    return _with_fields(reading, page)


def _plain_reading(page: Page, file: str) -> Reading:
    return Reading(file=file, engines=(page.engine,), text=tuple(line.text for line in page.lines[:MOST_TEXT]))


def _stopped(reading: Reading, found: StopFound) -> Reading:
    single = found.codes[0] if len(found.codes) == 1 else None
    return replace(
        reading,
        state=found.state,
        confidence=found.confidence,
        stop_code=single,
        stop_name=found.name,
        possible_codes=found.codes if len(found.codes) > 1 else (),
        parameters=found.parameters,
        failing_file=found.failing_file,
        evidence=found.evidence,
        remarks=found.remarks,
    )


def _boot_error(reading: Reading, found: BootError, table: CodeTable) -> Reading:
    return replace(
        reading,
        state="boot_manager_error",
        confidence=found.confidence,
        status_code=found.status,
        status_name=None if found.status is None else table.status_name(found.status),
        failing_file=found.failing_file,
        info=found.info,
        evidence=found.evidence,
        remarks=found.remarks,
    )


def _in_state(reading: Reading, found: StateFound, text: PageText, table: CodeTable) -> Reading:
    reading = replace(reading, state=found.name, confidence=found.confidence, evidence=found.evidence)
    if found.name != "update_error":
        return reading
    seen = update_status(text)
    if seen is None:
        return reading
    line, status = seen
    sight = Sight("status code", line.text, line.box, text.page.engine)
    return replace(reading, status_code=status, status_name=table.status_name(status), evidence=(sight, *reading.evidence))


def _with_fields(reading: Reading, page: Page) -> Reading:
    if reading.state == UNKNOWN:
        return reading
    texts = [plain(line.text) for line in page.lines]
    found = replace(
        reading,
        percentage=fields.percentage(texts) if reading.state in _PERCENT_STATES else None,
        key_id=fields.key_id(texts) if reading.state.startswith("bitlocker") else None,
        kb_numbers=fields.kb_numbers(texts),
    )
    return with_evidence(found, page)
