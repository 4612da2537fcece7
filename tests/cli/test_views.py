"""What text is made of: sizes, quoting, Markdown and HTML that nothing from a disk can break out of."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from bootmend.model import Applicability, Change, Evidence, Finding, Severity
from bootmend.views.blocks import Heading, Lines, Table, Text, to_html, to_markdown
from bootmend.views.commands import explain_command, repair_command
from bootmend.views.human import change_lines, finding_lines, short_code
from bootmend.views.outcomes import when_text
from bootmend.views.style import Style, plain, quoted, size_text
from tests.cli.running import IMC

if TYPE_CHECKING:
    from tests.cli.running import Bootmend, MakeDisk

PLAIN = Style(colour=False)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (500 << 20, "500 MiB"),
        (127 << 30, "127 GiB"),
        ((126 << 30) + (1 << 29), "126.5 GiB"),
        (2 << 40, "2 TiB"),
        (4096 << 40, "4096 TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    "word", ["web01.vhd", "my disk.vhd", "it's.vhd", 'a"b', "$HOME", "a;b", "", "ä.vhd", "{default}", "a\\b", "*"]
)
def test_quoted_words_are_one_word_again(word: str) -> None:
    assert shlex.split(quoted(word)) == [word]


def test_plain_words_stay_as_they_are() -> None:
    assert quoted("/srv/disks/web01-os.vhd") == "/srv/disks/web01-os.vhd"


def test_what_drives_a_terminal_is_taken_out() -> None:
    assert plain("a\tb\nc") == "a\tb\nc"
    assert plain("\x1b[31m\x07\x9b\u202e\r\x7f") == "\ufffd[31m" + "\ufffd" * 5
    assert plain("ä 漢 ✓") == "ä 漢 ✓"


def test_codes_and_times() -> None:
    assert short_code("0x00000067") == "0x67"
    assert short_code("0xC000000E") == "0xC000000E"
    assert when_text("2026-11-22T17:43:21.946449Z") == "2026-11-22 17:43:21 UTC"


def test_commands_carry_their_options() -> None:
    assert repair_command("d.vhd") == "bootmend repair d.vhd"
    line = repair_command(
        "d.vhd",
        rules=(IMC,),
        codes=("0x00000067",),
        offer=IMC,
        unsafe=True,
        serial_console=True,
        discard_hibernation=True,
        vm="a b",
    )
    assert line == (
        f"bootmend repair d.vhd --rule {IMC} --code 0x67 --offer {IMC} --unsafe --serial-console --discard-hibernation --vm 'a b'"
    )
    assert explain_command(IMC, disk="a b.vhd") == f"bootmend explain {IMC} --disk 'a b.vhd'"


@pytest.fixture
def finding() -> Finding:
    evidence = (Evidence("element", "path", "\\x.exe", "\\y.exe"), Evidence("registry value", "w" * 60, "1"))
    return Finding(IMC, "T", Severity.WARNING, Applicability.MANUAL, "s", "word " * 40, evidence, ("0x00000067",), "does things")


def test_a_finding(finding: Finding) -> None:
    lines = list(finding_lines(finding, PLAIN))
    assert lines[0] == f"! {IMC}   stops with 0x67 CONFIG_INITIALIZATION_FAILED"
    assert all(len(line) <= 110 for line in lines)
    assert "    element         path  \\x.exe  (expected: \\y.exe)" in lines
    assert f"    registry value  {'w' * 60}  1" in lines
    assert "  fix: by hand · does things" in lines
    assert lines[-1] == f"  more: bootmend explain {IMC}"


def test_changes_are_grouped() -> None:
    changes = [
        Change("f", "{a}", "one", "1", "2"),
        Change("f", "{b}", "three", None, "x"),
        Change("f", "{a}", "two", "y", None),
    ]
    assert list(change_lines(changes, PLAIN)) == [
        "    {a}",
        "      ~ one    1 → 2",
        "      - two    y",
        "    {b}",
        "      + three  x",
    ]


NASTY = "<script>alert(1)</script> | `x` *y* [z](http://w) # &amp; \x1b[31m\nnext"


def test_markdown_shows_what_is_there() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    text = to_markdown([Heading(NASTY), Text("# " + NASTY), Text("+ one"), Table(("Head",), ((NASTY,),)), Lines(("```", NASTY))])
    html = markdown_it.MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<a " not in html
    assert "<em>" not in html
    assert "<ul>" not in html
    assert html.count("<h") == 1
    assert html.count("<td>") == 1
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt; | ") == 4
    assert html.count("&amp;amp;") == 4
    assert "\x1b" not in html


def test_html_shows_what_is_there() -> None:
    html = to_html([Heading(NASTY), Text(NASTY), Table(("Head",), ((NASTY,),)), Lines((NASTY, "- gone", "+ new"))], NASTY)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5
    assert '<span class="minus">- gone</span>' in html
    assert '<span class="plus">+ new</span>' in html
    assert "\x1b" not in html
    assert 'lang="en"' in html
    assert 'scope="col"' in html


def test_html_pages_load_nothing_and_close_every_tag(bootmend: Bootmend, disk: MakeDisk) -> None:
    from html.parser import HTMLParser

    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            addresses = [
                value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data", "xlink:href"}
            ]
            assert tag == "a" or all(address.startswith("data:image/") for address in addresses)
            if tag not in {"meta", "br", "hr", "img", "wbr"}:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    path = disk()
    lines: list[list[object]] = [
        ["check", path],
        ["plan", path],
        ["explain", "67"],
        ["catalog", "list"],
        ["history"],
        ["explain", "7b"],
    ]
    for line in lines:
        reader = Balance()
        reader.feed(bootmend(*map(str, line), "--format", "html").out)
        assert reader.open == []
