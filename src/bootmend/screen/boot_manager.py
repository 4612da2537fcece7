"""Errors of the Windows Boot Manager, as text (``Status: 0xc000000f``) and as a picture (``Error code: 0xc000000f``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from bootmend.screen import fields
from bootmend.screen.codes import clean_hex
from bootmend.screen.phrases import BOOT_MANAGER, STATUS_SENTENCES
from bootmend.screen.reading import CERTAIN, LIKELY, UNKNOWN, Sight
from bootmend.screen.text import likeness, plain, squash

if TYPE_CHECKING:
    from bootmend.screen.codes import CodeTable
    from bootmend.screen.page_text import PageText
    from bootmend.screen.reading import Line

MOST_LINES = 34
_LABEL = re.compile(r"^\s*([^:]{2,24}):\s*(.*)$")
_HINT = re.compile(r"^\s*\w{2,12}=\w{3,20}")
_KEY = re.compile(r"\bF[18]\b")
#: a page brighter than this is a document that quotes the screen
BRIGHTEST = 160
_UPDATE = re.compile(r"\berror\s+([c8][0-9a-f]{7})\s+applying", re.IGNORECASE)


class BootError(NamedTuple):
    """What the boot manager said."""

    confidence: str
    status: str | None
    failing_file: str | None
    info: str | None
    evidence: tuple[Sight, ...]
    remarks: tuple[str, ...]


def find_boot_error(text: PageText, table: CodeTable) -> BootError | None:
    """The boot manager's error on the page, or None where there is none.

    In another language than English, a labelled status that is known and a labelled path stand for the sentence.
    """
    if len(text.page.lines) > MOST_LINES and text.page.engine != "serial":
        return None
    sentence = next((line for phrase in BOOT_MANAGER if (line := text.find("~" + phrase, fuzzy=not text.page.exact))), None)
    status_line, status = _status(text, table)
    file_line, file = _file(text)
    if status is None and sentence is not None and file is None:
        return None
    known = status is not None and table.status_name(status) is not None
    if sentence is None and (not known or (file is None and not _key_hint(text))):
        return None
    sights = [Sight("state", sentence.text, sentence.box, text.page.engine)] if sentence else []
    if status_line is not None:
        sights.insert(0, Sight("status code", status_line.text, status_line.box, text.page.engine))
    if file_line is not None:
        sights.append(Sight("failing file", file_line.text, file_line.box, text.page.engine))
    return _judge(text, table, status, file, tuple(sights))


def _key_hint(text: PageText) -> bool:
    """The last lines in any language: ``ENTER=Continue`` of the text screen, F1 or F8 of the blue page."""
    last = [plain(line.text) for line in text.page.lines[-4:]]
    return any(_HINT.match(line) for line in last[-2:]) or (_is_dark(text) and any(_KEY.search(line) for line in last))


def _is_dark(text: PageText) -> bool:
    colour = text.page.background
    return colour is not None and sum(colour) < 3 * BRIGHTEST


def _judge(text: PageText, table: CodeTable, status: str | None, file: str | None, sights: tuple[Sight, ...]) -> BootError:
    info, fits = _info(text, status)
    known = status is not None and table.status_name(status) is not None
    if status is None:
        return BootError(
            UNKNOWN,
            None,
            file,
            info,
            sights,
            ("an error of the boot manager, but no status can be read: fetch the picture at full size",),
        )
    remarks = () if known else (f"{status} is not among the statuses that are known here (unverified)",)
    certain = text.page.exact or (known and fits)
    return BootError(CERTAIN if certain else LIKELY, status, file, info, sights, remarks)


def _status(text: PageText, table: CodeTable) -> tuple[Line | None, str | None]:
    for line in text.page.lines:
        bare = plain(line.text)
        seen = fields.STATUS.search(bare)
        if seen is None or not _labelled(bare, seen.start()):
            continue
        code = table.repair(seen[1], "status") if not text.page.exact else None
        digits = clean_hex(seen[1])
        if code is not None or digits is not None:
            return line, code or f"0x{digits}"
    return None, None


def _labelled(text: str, at: int) -> bool:
    """Whether a short label and a colon, or nothing, stand before the number."""
    head = text[:at].strip()
    return not head or (len(head) <= 28 and head.endswith((":", ";", ".", "(")))


def _file(text: PageText) -> tuple[Line | None, str | None]:
    for index, line in enumerate(text.page.lines):
        label = _LABEL.match(plain(line.text))
        if label is None:
            continue
        path = fields.PATH.search(label[2].replace("/", "\\") if label[2].startswith(("/", "\\")) else label[2])
        if path is not None and path.start() <= 1 and "\\" in path[0]:
            follower = plain(text.page.lines[index + 1].text) if index + 1 < len(text.page.lines) else ""
            return line, _tidy(path[0], follower)
    return None, None


def _tidy(path: str, follower: str) -> str:
    """A path without what an engine put into it; blanks stand in few Windows boot paths."""
    whole = path.strip().rstrip(".")
    if whole.endswith("\\") and re.fullmatch(r"[\w.\\]+", follower):
        whole += follower
    return fields.tidy_path(re.sub(r"\s*([\\.])\s*", r"\1", whole))


def _info(text: PageText, status: str | None) -> tuple[str | None, bool]:
    """The sentence that explains, and whether it is one of those that go with ``status``."""
    own = STATUS_SENTENCES.get(status or "", ())
    for sentence in own:
        line = text.find("~" + sentence, fuzzy=not text.page.exact)
        if line is not None:
            return _info_text(text, line), True
    for line in text.page.lines:
        head, colon, tail = plain(line.text).partition(":")
        if colon and likeness(squash(head), "info") >= 75 and tail.strip():
            return _info_text(text, line), False
    return None, False


def _info_text(text: PageText, line: Line) -> str:
    index = text.page.lines.index(line)
    head, colon, tail = plain(line.text).partition(":")
    said = tail.strip() if colon and squash(head) == "info" else plain(line.text)
    follower = plain(text.page.lines[index + 1].text) if index + 1 < len(text.page.lines) else ""
    wraps = bool(follower) and not said.endswith(".") and ":" not in follower and "=" not in follower
    return f"{said} {follower}" if wraps else said


def update_status(text: PageText) -> tuple[Line, str] | None:
    """``Error C01A001D applying update operation 234 of 1000``: the line and the status."""
    for line in text.page.lines:
        seen = _UPDATE.search(plain(line.text))
        if seen is not None:
            return line, f"0x{seen[1].upper()}"
    return None
