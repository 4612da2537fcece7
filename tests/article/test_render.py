"""The renderers: one list of eleven steps in each, nothing unsafe in HTML, commands that can be copied."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from bootmend.article import Article, fill, parse, to_html, to_markdown, to_page, to_terminal, to_text
from bootmend.article.nodes import Block, Item, Link, Listing, Paragraph, Quote, Text
from tests.article.material import HEADER, INTERRUPTED, SEED_SHAPE, TARGET, Html
from tests.support import shared_files, shared_folder

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def article(text: str) -> Article:
    return parse(f"{HEADER}\n# T\n\n{text}\n")


def text_steps(text: str) -> list[int]:
    """The numbers of steps that stand at the margin."""
    return [int(number) for number in re.findall(r"^ {0,2}(\d{1,2})\. ", text, re.MULTILINE)]


def real_articles() -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in shared_files("articles", "*.md")]


def seed() -> bytes:
    folder = shared_folder("seed")
    files = sorted(folder.glob("*.txt")) if folder else []
    if not files:
        pytest.skip("the article that this program grew out of is not present")
    return files[0].read_bytes()


class TestElevenSteps:
    """Counted by parsers that are not ours: html.parser, markdown-it, and the eye's own rule for plain text."""

    @pytest.fixture(params=["shape", "seed"])
    def source(self, request: pytest.FixtureRequest) -> Article:
        return parse(SEED_SHAPE if request.param == "shape" else seed())

    def test_html(self, source: Article) -> None:
        assert Html(to_html(source)).numbered_steps() == [11]
        assert Html(to_page(fill(source, TARGET))).numbered_steps() == [11]

    def test_markdown(self, source: Article) -> None:
        assert Html(MarkdownIt("commonmark").render(to_markdown(source))).numbered_steps() == [11]
        assert text_steps(to_markdown(source)) == list(range(1, 12))

    @pytest.mark.parametrize("width", [30, 80, 200])
    def test_text(self, source: Article, width: int) -> None:
        assert text_steps(to_text(source, width)) == list(range(1, 12))

    def test_terminal(self, source: Article) -> None:
        assert text_steps(ANSI.sub("", to_terminal(source))) == list(range(1, 12))

    def test_the_parser(self, source: Article) -> None:
        assert len(source.steps) == 11

    def test_rich_shows_the_markdown_as_one_list(self, source: Article) -> None:
        from io import StringIO

        from rich.console import Console
        from rich.markdown import Markdown

        out = StringIO()
        Console(file=out, width=100, color_system=None).print(Markdown(to_markdown(source)))
        assert [int(number) for number in re.findall(r"^ {1,2}(\d{1,2}) \S", out.getvalue(), re.MULTILINE)] == list(range(1, 12))


class TestMarkdownIsTheSameForOthers:
    """What markdown-it makes of our Markdown reads as our own HTML does."""

    @pytest.mark.parametrize("text", [SEED_SHAPE, INTERRUPTED], ids=["shape", "interrupted"])
    def test_made_articles(self, text: str) -> None:
        self.compare(parse(text))

    @pytest.mark.parametrize(("name", "data"), real_articles(), ids=[name for name, _ in real_articles()])
    def test_real_articles(self, name: str, data: bytes) -> None:
        self.compare(parse(data, name))

    @pytest.mark.parametrize(
        "text",
        [
            "1. a\n\n> q\n\n* b\n\n- c",
            "a * b _c_ `d` <e f> [g] # h",
            "\\# no heading",
            "1\\. no step",
            "\\- no bullet",
            "\\+ no bullet",
            "a\\_b \\* \\` \\< \\[ \\] \\\\ \\| \\~~x\\~~ &amp;amp; \\&lt;",
            "**a `b` *c***",
            "* a\n  * b\n    1. c\n    2. d\n\n  e\n* f",
            "> * a\n>\n>   ```\n>   x\n>   ```",
            "``` x\na```b\n```",
            "line one  \nline two<br>line three",
            "[a *b*](https://x.y/(z)?q=1&r=2)",
            "| a | b\\|c |\n| - | - |\n| **d** | `e` |",
        ],
    )
    def test_small_ones(self, text: str) -> None:
        self.compare(article(text))

    @staticmethod
    def compare(source: Article) -> None:
        ours = Html(to_html(source))
        theirs = Html(MarkdownIt("commonmark").enable("table").render(to_markdown(source)))
        assert theirs.words() == ours.words()
        assert theirs.numbered_steps() == ours.numbered_steps()
        assert theirs.lists == ours.lists
        assert [link for link in ours.links if not link.startswith("#")] == [
            link.replace("%28", "(").replace("%29", ")") for link in theirs.links
        ]

    @pytest.mark.parametrize("text", [SEED_SHAPE, INTERRUPTED], ids=["shape", "interrupted"])
    def test_our_markdown_is_clean_for_our_own_parser(self, text: str) -> None:
        once = to_markdown(fill(parse(text), TARGET))
        again = parse(once)
        assert to_markdown(again) == once
        assert {remark.code for remark in again.remarks} == {"header-missing"}


class TestHtml:
    @pytest.mark.parametrize(
        "target",
        [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "//evil.example/",
            "/relative",
            "http:/x",
            "mailto:a@b.c",
            "#<script>",
        ],
    )
    def test_only_web_and_page_links(self, target: str) -> None:
        class Linked:
            title = "t"

            def blocks(self) -> tuple[Block, ...]:
                return (Paragraph((Link((Text("x"),), target),)),)

        assert Html(to_html(Linked())).links == []
        assert "](" not in to_markdown(Linked())

    def test_good_links_cannot_leave_their_attribute(self) -> None:
        seen = Html(to_html(article("""[x](https://a.b/"onmouseover="alert(1)'`{}|^)""")))
        assert seen.tags == ["h1", "p", "a"]
        assert seen.attributes == {"href", "rel"}

    def test_the_article_s_own_html_never_comes_through(self) -> None:
        seen = Html(
            to_html(article('<img src=x onerror=alert(1)> <svg onload=x> <style>x</style> <a href="javascript:x">y</a> <xmp>'))
        )
        assert set(seen.tags) == {"h1", "p"}
        assert seen.attributes == set()

    def test_places_on_the_page(self) -> None:
        html = to_html(article('<a name="memd"></a>here, [there](#memd)'))
        assert '<a id="memd"></a>' in html
        assert 'href="#memd"' in html

    def test_a_page_needs_nothing_from_anywhere(self) -> None:
        page = to_page(fill(parse(SEED_SHAPE), {"vmname": "<web&01>"}))
        assert page.startswith("<!doctype html>")
        assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
        assert not {"link", "script", "img", "iframe"} & set(Html(page).tags)
        assert "&lt;web&amp;01&gt;" in page

    def test_a_list_that_begins_later_says_so(self) -> None:
        assert '<ol start="3"><li>x</li></ol>' in to_html(article("3. x"))


class TestText:
    def test_lines_are_no_longer_than_asked_save_commands_and_addresses(self) -> None:
        for line in to_text(parse(SEED_SHAPE), 60).splitlines():
            assert len(line) <= 60 or "bcdedit" in line or "https://" in line

    def test_commands_are_never_broken(self) -> None:
        for text in (
            to_text(fill(parse(SEED_SHAPE), TARGET), 30),
            ANSI.sub("", to_terminal(fill(parse(SEED_SHAPE), TARGET), 30)),
        ):
            assert (
                r"bcdedit /store S:\EFI\Microsoft\Boot\BCD /deletevalue {3d2f1a60-67ab-11ee-9b1c-00155d010067} imchivename"
                in text
            )

    def test_numbers_stand_in_one_column(self) -> None:
        text = to_text(parse(SEED_SHAPE))
        assert "\n 1. Stop" in text
        assert "\n11. Connect" in text
        assert "\n    - One holds" in text

    def test_links_show_where_they_lead(self) -> None:
        assert "See this page (https://example.org/copy#part)." in to_text(parse(SEED_SHAPE), 200)

    def test_colour_says_nothing_that_words_do_not(self) -> None:
        painted = ANSI.sub("", to_terminal(article("# H\n\na **b** *c* `d e` [f](https://x.y/)\n\n> n"), 200))
        assert painted == "T\n\nH\n\na b c d e f (https://x.y/)\n\n| n\n"

    def test_tables_and_breaks(self) -> None:
        assert to_text(article("| a | b |\n|---|---|\n| 1 | 2 |\n\nx<br>y")).endswith("a | b\n1 | 2\n\nx\ny\n")


def test_neighbouring_lists_stay_apart_in_markdown() -> None:
    class Two:
        title = "t"

        def blocks(self) -> tuple[Block, ...]:
            one = Listing(1, (Item((Paragraph((Text("a"),)),)),))
            return (one, one, one, Quote((one,)))

    assert Html(MarkdownIt().render(to_markdown(Two()))).numbered_steps() == [1, 1, 1, 1]
