"""Stop screens: the code, by name or number, with what speaks for it.

Names and numbers are never translated; the sentences around them are.  So a code counts only beside other signs of a
stop screen, in any language: the sentence, the percentage, the link, the parameters, the colour.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from bootmend.screen import fields
from bootmend.screen.codes import Match, clean_hex
from bootmend.screen.phrases import CLASSIC_STOP, MODERN_STOP, MODERN_TEXT, STOP_SUPPORT
from bootmend.screen.reading import CERTAIN, LIKELY, UNKNOWN, Sight
from bootmend.screen.text import find_near, likeness, plain, squash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.screen.codes import CodeTable
    from bootmend.screen.page_text import PageText
    from bootmend.screen.reading import Line

#: a stop screen has few lines; a page of prose that speaks of one has many
MOST_LINES = 26
#: so many lines of other text, of so many letters each, make it a page that quotes one
MOST_FOREIGN = 3
FOREIGN_LETTERS = 10
#: so many parameters behind the number make it a stop screen's, also where the others cannot be read
SURE_PARAMETERS = 2
#: ``Stop code`` begins its line; an article's sentence ends with it
LONGEST_ANCHOR = 14
_CLASSIC = re.compile(
    r"(\*{1,3})?[\s*]{0,4}\b[S5]T[O0]P\s?[:;.]?[\s_]{0,3}(?:([0O@DQ][xX×*])\s?([0-9A-Za-z@|]{6,20})|([cC][0O][0-9A-Fa-fO]{6}))\s{0,3}([(\[{][^\n]*)?"
)
_ADDRESS = re.compile(r"^[*\s]*\S+\s*-\s*Address")
_FATAL = re.compile(r"\*{3} Fatal System Error: 0x([0-9a-fA-F]{8})\b")
_EMS = re.compile(r"STOPCODE\"[^>]{0,40}>\s*<VALUE>\"?0x([0-9A-Fa-f]{1,8})", re.IGNORECASE)
#: what the sentence before the name ends with
_SEARCH_FOR = ("laterforthiserror", "errorforthiserror", "fortheerror", "thiserror")
_TAIL = re.compile(r"[(\[{]([^)\]}]{1,40})[)\]}]?\s*$")
_SPACED_HEX = re.compile(r"^0[xX]([0-9A-Fa-f]{8})$")


class StopFound(NamedTuple):
    """A stop screen: the code or why none is claimed, with everything beside it."""

    confidence: str
    codes: tuple[str, ...]
    name: str | None
    parameters: tuple[str, ...]
    failing_file: str | None
    evidence: tuple[Sight, ...]
    remarks: tuple[str, ...]
    state: str = "stop"


class _Named(NamedTuple):
    """A name that stood behind an anchor, and what stood in brackets behind it."""

    match: Match
    hex_code: str | None
    file: str | None
    line: Line


def find_stop(text: PageText, table: CodeTable) -> StopFound | None:
    """The stop screen on the page, or None where there is none."""
    return _classic(text, table) or _modern(text, table)


# -- white on blue, up to Windows 7 and Server 2008 R2: the number ----------------------------------------------------


def _classic(text: PageText, table: CodeTable) -> StopFound | None:
    for index, line in enumerate(text.page.lines):
        seen = _CLASSIC.search(plain(line.text))
        if seen is not None:
            return _from_number(text, table, index, seen)
    return _from_debugger(text, table)


def _from_number(text: PageText, table: CodeTable, index: int, seen: re.Match[str]) -> StopFound | None:
    line = text.page.lines[index]
    digits = seen[3] or seen[4]
    rest = [plain(each.text) for each in text.page.lines[index : index + 4]]
    rest[0] = rest[0][seen.end(3) if seen[3] else seen.end(4) :]
    params = fields.parameters("".join(rest[:2])) or fields.parameters(" ".join(rest))
    if not _is_classic(text, seen, index, 4 if params else min(3, fields.parameter_count(" ".join(rest[:2])))):
        return None
    sight = Sight("stop code", line.text, line.box, text.page.engine)
    code = None if len(digits) != 8 or clean_hex(digits) is None else _known(table, digits, exact=text.page.exact)
    if code is not None:
        return _numbered(text, table, code, params, sight, labelled=seen[4] is not None)
    if _sentence(text, CLASSIC_STOP):
        return StopFound(UNKNOWN, (), None, (), None, (sight,), (f"{line.text.strip()!r} holds no known stop code",))
    return None


def _numbered(text: PageText, table: CodeTable, code: str, params: tuple[str, ...], sight: Sight, *, labelled: bool) -> StopFound:
    """A known number; ``labelled``: a hard error, which has its description in braces in place of parameters."""
    name = table.stop_name(code)
    named = next((each for each in text.page.lines if name and table.exact(each.text) == table.exact(name)), None)
    sights = (sight,) if named is None else (sight, Sight("stop name", named.text, named.box, text.page.engine))
    exact = text.page.exact and (bool(params) or labelled)
    confidence = CERTAIN if exact or (named is not None and bool(params)) else LIKELY
    return StopFound(confidence, (code,), name, params, _classic_file(text), sights, ())


def _known(table: CodeTable, digits: str, *, exact: bool) -> str | None:
    if exact:
        return f"0x{digits.upper()}" if table.stop_name(f"0x{digits.upper()}") else None
    return table.repair(digits)


def _is_classic(text: PageText, seen: re.Match[str], index: int, parameters: int) -> bool:
    """Whether a number behind ``STOP:`` is a stop screen's: beside the sentence, on blue, at the top, or in a log."""
    starred, hard_error = seen[1] is not None, seen[4] is not None
    if text.page.engine == "serial":
        return starred and (parameters == 4 or hard_error)
    if _sentence(text, CLASSIC_STOP):
        return True
    placed = (index <= 1 and parameters == 4) or (_blue(text) and parameters >= SURE_PARAMETERS)
    return (starred and placed) or (hard_error and (seen[5] or "").startswith("{"))


def _blue(text: PageText) -> bool:
    colour = text.page.background
    return colour is not None and colour[2] >= 96 and colour[0] <= 40 and colour[1] <= 40


def _classic_file(text: PageText) -> str | None:
    """The file before its address, or alone behind the sentence that accuses it, in any language."""
    for line in text.page.lines:
        bare = plain(line.text)
        tail = bare.rpartition(":")[2].strip() if ":" in bare else ""
        found = fields.FILE.search(bare) if _ADDRESS.match(bare) else fields.FILE.fullmatch(tail)
        if found is not None:
            return fields.tidy_file(found[0])
    return None


def _from_debugger(text: PageText, table: CodeTable) -> StopFound | None:
    """A serial debugger's or EMS's announcement."""
    for index, line in enumerate(text.page.lines if text.page.engine == "serial" else ()):
        joined = "".join(each.text for each in text.page.lines[index : index + 3])
        seen = _FATAL.search(line.text) or (_EMS.search(joined) if "STOPCODE" in line.text else None)
        code = None if seen is None else f"0x{int(seen[1], 16):08X}"
        if code is not None and table.stop_name(code):
            sight = Sight("stop code", line.text.strip(), None, "serial")
            after = " ".join(each.text for each in text.page.lines[index : index + 6])
            return StopFound(
                CERTAIN, (code,), table.stop_name(code), fields.parameters(after[after.find("(") :]), None, (sight,), ()
            )
    return None


# -- Windows 8 and later: the name ------------------------------------------------------------------------------------


def _modern(text: PageText, table: CodeTable) -> StopFound | None:
    sentence = _opening(text)
    support = _support(text)
    if text.page.engine != "serial" and (len(text.page.lines) > MOST_LINES or (sentence is not None and _quotes(text))):
        return None
    named = None
    if sentence is not None or support:
        named = next(_anchored(text, table), None)
    if named is None and (sentence is not None or len(support) >= 2 or (support and text.page.engine == "serial")):
        named = _elsewhere(text, table)
    if named is None and sentence is None:
        named = _translated(text, table, support)
        if named is None:
            return None
    return _modern_found(text, sentence, support, named)


def _modern_found(text: PageText, sentence: Line | None, support: list[Line], named: _Named | None) -> StopFound:
    sights = [Sight("state", line.text, line.box, text.page.engine) for line in (*([sentence] if sentence else []), *support)]
    if named is None:
        remark = "a stop screen, but no code can be read: fetch the picture at full size"
        return StopFound(UNKNOWN, (), None, (), _what_failed(text), tuple(sights), (remark,))
    sights.insert(0, Sight("stop code", named.line.text, named.line.box, text.page.engine))
    codes, remarks = named.match.codes, []
    agrees = named.hex_code is not None and named.hex_code in codes
    if agrees and named.hex_code is not None:
        codes = (named.hex_code,)
    elif named.hex_code is not None:
        remarks.append(f"the name and the number {named.hex_code} beside it do not agree")
    if named.match.likeness < 100:
        remarks.append(f"the name was read as {named.line.text.strip()!r}")
    if len(codes) > 1:
        remarks.append(f"{named.match.name} is the name of {len(codes)} codes")
    certain = len(codes) == 1 and (agrees or (text.page.exact and named.match.likeness == 100))
    return StopFound(
        CERTAIN if certain else LIKELY,
        codes,
        named.match.name,
        _serial_parameters(text),
        named.file or _what_failed(text),
        tuple(sights),
        tuple(remarks),
    )


def _sentence(text: PageText, phrases: tuple[str, ...]) -> Line | None:
    for phrase in phrases:
        line = text.find("~" + phrase, fuzzy=not text.page.exact)
        if line is not None:
            return line
    return None


def _opening(text: PageText) -> Line | None:
    """The sentence of the screen, where it begins a line: ``Your PC``, ``Your Windows Insider Build``."""
    for phrase in MODERN_STOP:
        found = text.before(phrase, fuzzy=not text.page.exact)
        if found is not None and (len(found[1]) <= len("your computer") or found[1].startswith("your")):
            return found[0]
    return None


def _quotes(text: PageText) -> bool:
    """Whether most of the page is something else: an article, notes, a window."""
    parts = zip(text.parts, text.page.lines, strict=True)
    foreign = [part for part, line in parts if len(part) >= FOREIGN_LETTERS and not _own(part, line)]
    return len(foreign) > MOST_FOREIGN and sum(map(len, foreign)) > 0.4 * len(text.text)


def _own(part: str, line: Line) -> bool:
    said = _modern_text()
    if part in said or _behind_anchor(plain(line.text)) is not None or not any(letter.islower() for letter in line.text):
        return True
    return find_near(part, said, max(1, len(part) // 6)) >= 0


@cache
def _modern_text() -> str:
    return squash(MODERN_TEXT)


def _support(text: PageText) -> list[Line]:
    """Lines beside the sentence that stand on every stop screen of Windows 8 to 11: the link, the advice."""
    found = (text.find("~" + phrase) for phrase in STOP_SUPPORT)
    return list(dict.fromkeys(line for line in found if line is not None))


def _anchored(text: PageText, table: CodeTable) -> Iterator[_Named]:
    """Names behind ``Stop code:`` or ``search online later for this error:``."""
    lines = text.page.lines
    for index, line in enumerate(lines):
        tail = _behind_anchor(plain(line.text))
        if tail is None:
            continue
        nexts = [plain(each.text) for each in lines[index + 1 : index + 3]]
        named = _named(table, [tail, *nexts], line)
        if named is not None:
            yield named


def _behind_anchor(text: str) -> str | None:
    head, colon, tail = text.partition(":")
    if colon and ((len(squash(head)) <= LONGEST_ANCHOR and _like_anchor(head)) or squash(head).endswith(_SEARCH_FOR)):
        return tail
    asked = re.match(r"^(.{20,}error)[:;.,]\s?(\S.*)$", text)
    if asked is not None and squash(asked[1]).endswith(_SEARCH_FOR):
        return asked[2]
    words = re.match(r"^\s*(\S{2,6} ?\S{3,5})[\s.;,]+(\S.*)$", text)
    return words[2] if words is not None and _like_anchor(words[1]) else None


def _like_anchor(text: str) -> bool:
    """``Stop code``, also with its first letters lost or misread."""
    head = squash(text)[-9:]
    return len(head) >= 5 and likeness(head, "stopcode") >= 75


def _named(table: CodeTable, texts: list[str], line: Line) -> _Named | None:
    """The longest run of lines that is a name, exactly or nearly; a name may wrap."""
    runs = [" ".join(texts[:count]) for count in range(len(texts), 0, -1)]
    for lookup in (table.exact, table.nearest):
        for run in runs:
            bare, hex_code, file = _without_tail(run)
            match = lookup(bare)
            if match is not None:
                return _Named(match, hex_code or _short_code(run), file, line)
    return _hex_only(table, texts[0], line)


def _hex_only(table: CodeTable, text: str, line: Line) -> _Named | None:
    """``Stop code: 0xC000021A``."""
    seen = _SPACED_HEX.match(text.strip().rstrip("."))
    code = None if seen is None else table.repair(seen[1])
    name = None if code is None else table.stop_name(code)
    return None if code is None or name is None else _Named(Match((code,), name, 100.0), None, None, line)


def _without_tail(text: str) -> tuple[str, str | None, str | None]:
    """A name without ``(0xNN)`` or ``(x.sys)`` behind it, and those."""
    tail = _TAIL.search(text)
    if tail is None:
        return text, None, None
    bare, inside = text[: tail.start()], tail[1]
    file = fields.FILE.search(inside)
    return bare, _short_code(tail[0]), None if file is None else fields.tidy_file(file[0])


def _short_code(text: str) -> str | None:
    seen = fields.SHORT_HEX.search(text)
    digits = None if seen is None else clean_hex(seen[1])
    return None if digits is None else f"0x{int(digits, 16):08X}"


def _elsewhere(text: PageText, table: CodeTable) -> _Named | None:
    """A name that is a line of its own or ends one, where the anchor could not be read: exact names only."""
    for index, line in enumerate(text.page.lines):
        bare = plain(line.text)
        follower = plain(text.page.lines[index + 1].text) if index + 1 < len(text.page.lines) else ""
        for tail in (bare.rpartition(":")[2], bare):
            for run in (f"{tail} {follower}", tail):
                name, hex_code, file = _without_tail(run)
                match = table.exact(name) if _shouts(name) else None
                if match is not None:
                    return _Named(match, hex_code, file, line)
    return None


def _translated(text: PageText, table: CodeTable, support: list[Line]) -> _Named | None:
    """A stop screen in another language: a name, and two other signs of one (a percentage, the link, the number)."""
    named = _elsewhere(text, table)
    if named is None:
        return None
    percent = fields.percentage(plain(line.text) for line in text.page.lines) is not None
    agrees = named.hex_code is not None and named.hex_code in named.match.codes
    index = text.page.lines.index(named.line)
    label_above = index > 0 and plain(text.page.lines[index - 1].text).endswith(":")
    behind_label = ":" in plain(named.line.text) or label_above
    signs = int(percent) + int(bool(support)) + int(agrees) + int(behind_label)
    return named if signs >= 2 and (percent or support) else None


def _shouts(name: str) -> bool:
    """Names are in capitals; sentences that have the same letters are not (``error: no such partition``)."""
    letters = [letter for letter in name if letter.isalpha()]
    return len(letters) >= 6 and sum(letter.isupper() or letter == "l" for letter in letters) >= 0.9 * len(letters)


def _what_failed(text: PageText) -> str | None:
    for line in text.page.lines:
        bare = plain(line.text)
        head, colon, tail = bare.partition(":")
        file = fields.FILE.search(tail) if colon else None
        if file is not None and (likeness(squash(head), "whatfailed") >= 75 or tail.strip() == file[0]):
            return fields.tidy_file(file[0])
    return None


def _serial_parameters(text: PageText) -> tuple[str, ...]:
    if text.page.engine != "serial":
        return ()
    return next((found for line in text.page.lines if (found := fields.parameters(line.text.partition("(")[2]))), ())
