"""Inline Markdown: code, bold, italics, links, variables, and the few HTML tags that the format knows.

Follows CommonMark where authors do.  What looks like a tag and is none (``<drive letter>``) is text:
CommonMark would swallow it as HTML.  Every search looks at a bounded stretch of text only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, TypeAlias

from bootmend.article.nodes import Anchor, Break, Code, Emphasis, Inline, Link, Strong, Text, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

Complain: TypeAlias = "Callable[[str, str], None]"

REACH = 4096  # how far a closing mark may stand from its opening one, in characters
DEEPEST = 6  # links within links, bold within bold
MOST_RUNS = 2000  # of * and _ in one paragraph: beyond it they are taken as they stand

_SPECIAL = re.compile(r"[\\`*_\[!<&\n]")
_VARIABLE = re.compile(r"<!--\s*\$([A-Za-z_][\w.-]{0,63})\s*-->")
_CLOSING_VARIABLE = re.compile(r"<!--\s*/\$[\w.-]{1,64}\s*-->")
_AUTOLINK = re.compile(r"<(https?://[^\s<>]{1,2000})>")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})(\s[^<>]{0,800}|/)?/?>")
_ATTRIBUTE = re.compile(r"""([A-Za-z-]{1,20})\s{0,9}=\s{0,9}(?:"([^"]{0,500})"|'([^']{0,500})'|([^\s"'>]{1,500}))""")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5});")
_BRACKET = re.compile(r"\\?[\[\]()]")
_BLADE = re.compile(r"data-?blade:", re.IGNORECASE)

_DROPPED_TAGS = (  # words between blanks
    " abbr article blockquote body button center cite col colgroup dd details div dl dt fieldset figure font footer form frame "
    "h1 h2 h3 h4 h5 h6 head header html iframe img input kbd label link main mark meta nav object ol p param pre s samp section "
    "select small source span strike sub summary sup svg table tbody td tfoot th thead tr tt u ul video audio embed li hr "
)
_BREAKING_TAGS = " p div tr li dt dd h1 h2 h3 h4 h5 h6 hr "
_SILENT_TAGS = frozenset(("script", "style", "template", "noscript"))
_KINDS = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic"}


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of marks that may open or close bold or italics."""

    mark: str
    count: int
    opens: bool
    closes: bool
    written: str


def parse_inline(text: str, complain: Complain, depth: int = 0) -> tuple[Inline, ...]:
    """The inline pieces of one paragraph; ``complain`` hears (code, message) of what had to be forgiven."""
    return _pair(_Scanner(text, complain, depth).scan())


class _Scanner:
    """Cuts text into inline pieces and runs of marks, left to right."""

    def __init__(self, text: str, complain: Complain, depth: int) -> None:
        self.text = text
        self.complain = complain
        self.depth = depth
        self.position = 0
        self.pending: list[str] = []
        self.pieces: list[Inline | _Run] = []
        self.brackets: dict[int, int] | None = None

    def scan(self) -> list[Inline | _Run]:
        """All pieces."""
        handlers: dict[str, Callable[[], bool]] = {
            "\\": self._escape,
            "`": self._code,
            "*": self._run,
            "_": self._run,
            "[": self._link,
            "!": self._image,
            "<": self._angle,
            "&": self._entity,
            "\n": self._newline,
        }
        while (found := _SPECIAL.search(self.text, self.position)) is not None:
            self.pending.append(self.text[self.position : found.start()])
            self.position = found.start()
            if not handlers[found.group()]():
                self.pending.append(found.group())
                self.position += 1
        self.pending.append(self.text[self.position :])
        self._flush()
        return self.pieces

    def _flush(self) -> None:
        if written := "".join(self.pending):
            self.pieces.append(Text(written))
        self.pending = []

    def _emit(self, piece: Inline | _Run, end: int) -> bool:
        self._flush()
        self.pieces.append(piece)
        self.position = end
        return True

    def _skip(self, end: int) -> bool:
        self.position = end
        return True

    def _escape(self) -> bool:
        following = self.text[self.position + 1 : self.position + 2]
        if following == "\n":
            return self._emit(Break(), self.position + 2)
        if following.isascii() and following and not following.isalnum() and not following.isspace():
            self.pending.append(following)
            return self._skip(self.position + 2)
        return False

    def _newline(self) -> bool:
        hard = self.text[max(0, self.position - 2) : self.position] == "  "
        if self.pending:
            self.pending[-1] = self.pending[-1].rstrip(" ")
        end = self.position + 1
        while self.text[end : end + 1] == " ":
            end += 1
        if hard:
            return self._emit(Break(), end)
        self.pending.append(" ")
        return self._skip(end)

    def _code(self) -> bool:
        end = self.position
        while self.text[end : end + 1] == "`":
            end += 1
        ticks = self.text[self.position : end]
        close = _closing_ticks(self.text, ticks, end)
        if close < 0:
            self.pending.append(ticks)
            return self._skip(end)
        inner = self.text[end:close].replace("\n", " ")
        if inner.startswith(" ") and inner.endswith(" ") and inner.strip():
            inner = inner[1:-1]
        return self._emit(Code(inner), close + len(ticks))

    def _run(self) -> bool:
        mark = self.text[self.position]
        end = self.position
        while self.text[end : end + 1] == mark:
            end += 1
        before = self.text[self.position - 1 : self.position] if self.position else ""
        after = self.text[end : end + 1]
        opens = bool(after) and not after.isspace()
        closes = bool(before) and not before.isspace()
        if mark == "_":  # never inside a word: file names have underscores
            opens, closes = opens and not before.isalnum(), closes and not after.isalnum()
        written = self.text[self.position : end]
        return self._emit(_Run(mark, end - self.position, opens, closes, written), end)

    def _partner(self, start: int) -> int:
        """Where the bracket at ``start`` closes, or -1."""
        if self.brackets is None:
            self.brackets = _brackets(self.text)
        end = self.brackets.get(start, -1)
        return end if end - start <= REACH else -1

    def _link(self) -> bool:
        label = self._partner(self.position)
        close = self._partner(label + 1) if label >= 0 and self.text[label + 1 : label + 2] == "(" else -1
        if close < 0 or self.depth >= DEEPEST:
            return False
        target = _target(self.text[label + 2 : close])
        if _BLADE.match(target) and not target.lower().startswith("data-blade:"):
            self.complain("blade-misspelt", "a portal link is written 'data-blade:', with a hyphen")
        children = parse_inline(self.text[self.position + 1 : label], self.complain, self.depth + 1)
        return self._emit(Link(children, target), close + 1)

    def _image(self) -> bool:
        label = self._partner(self.position + 1) if self.text[self.position + 1 : self.position + 2] == "[" else -1
        close = self._partner(label + 1) if label >= 0 and self.text[label + 1 : label + 2] == "(" else -1
        if close < 0:
            return False
        self.pending.append(self.text[self.position + 2 : label])
        return self._skip(close + 1)

    def _entity(self) -> bool:
        found = _ENTITY.match(self.text, self.position)
        if found is None:
            return False
        self.pending.append(unescape(found.group()).replace("\xa0", " "))
        return self._skip(found.end())

    def _angle(self) -> bool:
        if self.text.startswith("<!--", self.position):
            return self._comment()
        if found := _AUTOLINK.match(self.text, self.position):
            return self._emit(Link((Text(found.group(1)),), found.group(1)), found.end())
        found = _TAG.match(self.text, self.position)
        return found is not None and self._tag(found)

    def _comment(self) -> bool:
        if opening := _VARIABLE.match(self.text, self.position):
            name = opening.group(1)
            closing = f"<!--/${name}-->"
            close = self.text.find(closing, opening.end(), opening.end() + REACH)
            if close < 0:
                self.complain("variable-unbalanced", f"the variable ${name} is opened and not closed")
                return self._skip(opening.end())
            default = " ".join(self.text[opening.end() : close].split())
            return self._emit(Variable(name, default), close + len(closing))
        if found := _CLOSING_VARIABLE.match(self.text, self.position):
            self.complain("variable-unbalanced", f"{found.group()} closes a variable that is not open")
            return self._skip(found.end())
        end = self.text.find("-->", self.position, self.position + REACH)
        return self._skip(end + 3 if end >= 0 else self.position + 4)

    def _tag(self, found: re.Match[str]) -> bool:
        closing, name = bool(found.group(1)), found.group(2).lower()
        if name == "br":
            return self._emit(Break(), found.end())
        if name == "a":
            return self._anchor(found, closing)
        if name in _KINDS:
            mark = _KINDS[name]
            return self._emit(_Run(mark, 2 if mark == "bold" else 1, not closing, closing, ""), found.end())
        if name == "code" and not closing:
            close = self.text.find("</code>", found.end(), found.end() + REACH)
            return close >= 0 and self._emit(Code(self.text[found.end() : close].replace("\n", " ")), close + len("</code>"))
        if name in _SILENT_TAGS:
            self.complain("raw-html", f"<{name}> is dropped with what stands in it")
            ending = None if closing else re.compile(f"</{name}[^>]{{0,99}}>", re.IGNORECASE).search(self.text, found.end())
            return self._skip(ending.end() if ending else found.end() if closing else len(self.text))
        return (f" {name} " in _DROPPED_TAGS or name == "code") and self._drop(found, name)

    def _drop(self, found: re.Match[str], name: str) -> bool:
        if not found.group(1):
            self.complain("raw-html", f"the HTML tag <{name}> is dropped")
        if name == "img" and (alternative := _attributes(found.group(3) or "").get("alt")):
            self.pending.append(alternative)
        if f" {name} " in _BREAKING_TAGS:
            return self._emit(Break(), found.end())
        if name in ("td", "th"):
            self.pending.append(" ")
        return self._skip(found.end())

    def _anchor(self, found: re.Match[str], closing: bool) -> bool:
        attributes = _attributes(found.group(3) or "")
        end = found.end()
        if closing or (found.group().endswith("/>") and not attributes):
            return self._skip(end)
        close = self.text.find("</a>", end, end + REACH)
        if "href" in attributes and close >= 0 and self.depth < DEEPEST:
            inner = parse_inline(self.text[end:close], self.complain, self.depth + 1)
            return self._emit(Link(inner, attributes["href"].strip()), close + 4)
        name = attributes.get("name") or attributes.get("id", "")
        if close < 0 and not found.group().endswith("/>"):
            self.complain("anchor-unclosed", f'the anchor <a name="{name}"> is not closed with </a>')
        return self._emit(Anchor(name), end) if name else self._skip(end)


def _attributes(text: str) -> dict[str, str]:
    found = _ATTRIBUTE.findall(text)
    return {name.lower(): unescape(double or single or bare) for name, double, single, bare in found}


def _closing_ticks(text: str, ticks: str, start: int) -> int:
    """Where a run of exactly as many backticks begins, or -1."""
    position, end = start, min(len(text), start + REACH)
    while (position := text.find(ticks, position, end)) >= 0:
        after = position + len(ticks)
        if text[after : after + 1] != "`" and text[position - 1] != "`":
            return position
        while text[position : position + 1] == "`":
            position += 1
    return -1


def _brackets(text: str) -> dict[int, int]:
    """Which square or round bracket closes which, each kind on its own; escaped ones do not count."""
    partners: dict[int, int] = {}
    opened: dict[str, list[int]] = {"]": [], ")": []}
    for found in _BRACKET.finditer(text):
        mark, position = found.group()[-1], found.end() - 1
        if found.group().startswith("\\"):
            continue
        if mark in "[(":
            opened["]" if mark == "[" else ")"].append(position)
        elif opened[mark]:
            partners[opened[mark].pop()] = position
    return partners


def _target(written: str) -> str:
    """A link's target without its title and angle brackets."""
    target = written.strip()
    if target.endswith('"') and ' "' in target:
        target = target[: target.index(' "')].strip()
    if target.startswith("<") and target.endswith(">"):
        target = target[1:-1]
    return "".join(target.split("\n"))


def _pair(pieces: list[Inline | _Run]) -> tuple[Inline, ...]:
    """Wrap what stands between matching runs in bold or italics; marks without a partner are text."""
    if sum(isinstance(piece, _Run) for piece in pieces) > MOST_RUNS:
        return _merge([Text(piece.written) if isinstance(piece, _Run) else piece for piece in pieces])
    done: list[Inline | _Run] = []
    for piece in pieces:
        rest: _Run | None = piece if isinstance(piece, _Run) else None
        if rest is None:
            done.append(piece)
            continue
        while rest is not None and rest.closes:
            opener = _opener(done, rest)
            if opener < 0:
                break
            rest = _wrap(done, opener, rest)
        if rest is not None:
            done.append(rest)
    return _merge([Text(piece.written) if isinstance(piece, _Run) else piece for piece in done])


def _opener(done: list[Inline | _Run], closer: _Run) -> int:
    for index in range(len(done) - 1, -1, -1):
        piece = done[index]
        if isinstance(piece, _Run) and piece.opens and piece.mark == closer.mark and index + 1 < len(done):
            return index
    return -1


def _wrap(done: list[Inline | _Run], index: int, closer: _Run) -> _Run | None:
    """Wrap everything after the opener at ``index``; gives back what is left of the closer."""
    opener = done[index]
    assert isinstance(opener, _Run)
    used = 2 if opener.count >= 2 and closer.count >= 2 else 1
    inner = _merge([Text(piece.written) if isinstance(piece, _Run) else piece for piece in done[index + 1 :]])
    if _nesting(inner) >= DEEPEST:
        wrapped: tuple[Inline, ...] = inner
    else:
        wrapped = (Strong(inner) if used == 2 else Emphasis(inner),)
    kept = [] if opener.count == used else [_shorter(opener, used)]
    done[index:] = [*kept, *wrapped]
    return None if closer.count == used else _shorter(closer, used)


def _shorter(run: _Run, used: int) -> _Run:
    return replace(run, count=run.count - used, written=run.written[used:])


def _nesting(children: tuple[Inline, ...]) -> int:
    depths = [1 + _nesting(child.children) for child in children if isinstance(child, Strong | Emphasis | Link)]
    return max(depths, default=0)


def _merge(pieces: list[Inline]) -> tuple[Inline, ...]:
    """Join neighbouring texts."""
    merged: list[Inline] = []
    texts: list[str] = []
    for piece in [*pieces, None]:
        if isinstance(piece, Text):
            texts.append(piece.text)
            continue
        if joined := "".join(texts):
            merged.append(Text(joined))
        texts = []
        if piece is not None:
            merged.append(piece)
    return tuple(merged)
