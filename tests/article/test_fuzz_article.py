"""Whatever bytes an article has: only our errors, bounded time, and HTML that holds nothing but known tags."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bootmend
from bootmend.article import fill, lint, parse, to_html, to_markdown, to_terminal, to_text
from bootmend.article.linting import Knowledge
from bootmend.article.steps import Deed, tick
from bootmend.errors import BootmendError
from tests.article.material import INTERRUPTED, SEED_SHAPE, TARGET, Html
from tests.support import fuzz_cases, shared_files

TAGS = {"h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "code", "blockquote", "ol", "ul", "li", "strong", "em", "a", "br"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"href", "rel", "id", "tabindex", "start", "class"}
KNOWN = Knowledge(operations=frozenset({"set-element"}), screens=("Something is shown",))
DEEDS = (Deed("check", "", "now", "<script>[x](javascript:y)"), Deed("set-element", "ems", "run 7c1e", "**set**\n# x"))
OWN = sorted((Path(bootmend.__file__).parent / "catalog").rglob("*.md"))
FIXTURES = [SEED_SHAPE.encode(), INTERRUPTED.encode(), *(path.read_bytes() for path in OWN)]
FIXTURES += [path.read_bytes() for path in shared_files("articles", "*.md")]
PIECES = [
    "<properties ", "/>", 'a="b" ', "'", '"', "\n", "\n\n", "  ", "    ", "\t", "# ", "##", "## **Recommended Steps**\n",
    "1. ", "2. ", "10. ", "* ", "- ", "a. ", "> ", "```", "~~~~", "`", "``", "*", "**", "_", "[", "](", ")", "(https://x.y/)",
    "<", ">", "<br>", "<b>", "</b>", "<script>", "</script>", '<a name="x">', "</a>", "<!--", "-->", "<!--$vmname-->",
    "<!--/$vmname-->", "<!--issueDescription-->", "<!--/issueDescription-->", "{identifier}", "<drive letter>:\\boot\\bcd",
    "[Boot partition]", "|", "| --- |", "\\", "&lt;", "&#0;", "word", "data-blade:A.B;data-blade-uri:{$domain}/",
    "javascript:x", "\r\n", "\u200b", "\x00", "\x1b", "é", "\U0001f4a9", "reg load", "xxxx-xxxx",
    "<!--step: check-->", "<!--step:set-element ems,check -->", "<!--step", "reg load HKLM\\X F:\\a\\SYSTEM", "sel disk 1",
    "the screen shows ",
    "open the SYSTEM file", "`BROKENSOFTWARE`", "bcdedit /store F:\\boot\\bcd {current}", "### UEFI\n", "screenshot ", '"',
]  # fmt: skip


def survive(data: bytes | str) -> None:
    """Parse, fill in, render and lint; only our own errors may come out."""
    try:
        article = parse(data, "x.md")
    except BootmendError:
        return
    lint(article)
    lint(article, KNOWN)
    for values in ({}, TARGET):
        filled = tick(fill(article, values), DEEDS if values else ())
        seen = Html(to_html(filled))
        assert set(seen.tags) <= TAGS
        assert seen.attributes <= ATTRIBUTES
        assert all(link.lower().startswith(("http://", "https://", "#")) for link in seen.links)
        for text in (to_markdown(filled), to_text(filled, 40), to_terminal(filled, 40)):
            assert text.endswith("\n")


def mutated(data: bytes, generator: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled or moved."""
    bytes_ = bytearray(data)
    for _ in range(generator.randint(1, 12)):
        at = generator.randrange(len(bytes_) + 1)
        end = min(len(bytes_), at + generator.choice([1, 2, 5, 40, 300]))
        match generator.randrange(5):
            case 0:
                bytes_[at:end] = generator.choice(PIECES).encode()
            case 1:
                del bytes_[at:end]
            case 2:
                bytes_[at:at] = bytes_[at:end]
            case 3:
                bytes_[at:at] = generator.choice(PIECES).encode() * generator.choice([1, 2, 50])
            case _:
                bytes_[at:end] = generator.randbytes(end - at)
    return bytes(bytes_)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_articles(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(fuzz_cases(40)):
        survive(mutated(generator.choice(FIXTURES), generator))


@settings(max_examples=fuzz_cases(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_articles_of_pieces(pieces: list[str]) -> None:
    survive("".join(pieces))


@settings(max_examples=fuzz_cases(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    survive(data)


HOSTILE = {
    "open brackets": "[" * 60_000,
    "half links": "[](" * 20_000,
    "stars": "*a " * 20_000,
    "many stars": "*" * 60_000,
    "underscores": "_a " * 20_000,
    "backticks": " ".join("`" * (count % 60 + 1) for count in range(2000)),
    "quotes in quotes": "> " * 30_000,
    "bullets in bullets": "- " * 30_000,
    "stairs": "\n".join(" " * depth + "- x" for depth in range(300)),
    "bold tags": "<b>" * 20_000,
    "anchors": "<a name=x>" * 6000,
    "open variables": "".join(f"<!--$x{number}-->" for number in range(5000)),
    "open comments": "<!--\n" * 12_000,
    "fences": "\n".join("`" * length for length in range(340, 3, -1)),
    "blanks": "x" + " " * 60_000 + "y",
    "heading of blanks": "# " + " " * 60_000 + "#x",
    "fence of tildes": "~" * 60_000 + "`",
    "table": "|" * 2000 + "\n" + "|-" * 400 + "\n" + ("|" * 200 + "\n") * 100,
    "steps that go on": "".join(f"{number}. x\n\ny\n\n" for number in range(1, 6000)),
    "attributes": "<properties " + 'a="b" ' * 10_000,
    "one long attribute": '<properties a="' + "x" * 60_000,
    "attach": "attach " * 9000,
    "half a GUID": "xxxx-" * 12_000,
    "markers of steps": "1. <!--step: " * 15_000,
    "steps": "1. <!--step: check-->x\n" * 8000,
    "one marker": "1. <!--step: " + "set-element " * 15_000 + "-->x",
    "screens": "the screen shows **x** " * 8000,
    "screens without end": "the screenshot " * 12_000,
    "opened files": "open the SYSTEM file " * 9000,
    "loads": "reg load HKLM\\A F:\\" * 9000,
    "letters": "`chkdsk F:` " * 15_000,
    "placeholders": "".join(f"`<GAP {number}>` " for number in range(14_000)),
    "stores": "### UEFI\n\n`bcdedit /store x:\\boot` " * 5000,
    "selects": "Select\\ " * 25_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_articles_take_bounded_time(name: str) -> None:
    for header in ('<properties a="b"/>\n# T\n', ""):
        begin = time.process_time()
        survive(header + HOSTILE[name])
        assert time.process_time() - begin < 10
