"""The grammar of articles, and what real ones do to it."""

from __future__ import annotations

import pytest

from bootmend.article import Article, parse
from bootmend.article.nodes import (
    Anchor,
    Block,
    Break,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Inline,
    Link,
    Listing,
    Paragraph,
    Quote,
    Strong,
    Table,
    Text,
    Variable,
    plain,
)
from bootmend.errors import CorruptError, UnsupportedError
from tests.article.material import HEADER, INTERRUPTED, SEED_SHAPE


def codes(article: Article) -> set[str]:
    return {remark.code for remark in article.remarks}


def body(text: str) -> tuple[Block, ...]:
    """The blocks of some Markdown behind a title."""
    return parse(f"{HEADER}\n# T\n\n{text}").blocks()[1:]


def inlines(text: str) -> tuple[Inline, ...]:
    block = body(text)[0]
    assert isinstance(block, Paragraph)
    return block.children


def listing(block: Block) -> Listing:
    assert isinstance(block, Listing)
    return block


class TestHeader:
    def test_properties_are_read_without_regard_to_case(self) -> None:
        article = parse('<Properties PAGETITLE="A b" ms.author="x, y"\n\tdisplayOrder="" />\n# T\n')
        assert dict(article.properties) == {"pagetitle": "A b", "ms.author": "x, y", "displayorder": ""}
        assert article.remarks == ()

    def test_id_title_and_summary_come_from_where_the_portal_takes_them(self) -> None:
        article = parse(SEED_SHAPE)
        assert article.id == "WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED"
        assert article.summary == "One line above the fold."
        assert article.title == "A fault"

    def test_a_value_may_hold_the_end_mark_and_line_ends(self) -> None:
        article = parse('<properties a="x/>y" b="two\nlines"/>\n# T')
        assert dict(article.properties) == {"a": "x/>y", "b": "two lines"}
        assert codes(article) == {"header-newline"}

    @pytest.mark.parametrize(
        ("header", "code", "properties"),
        [
            ("<properties a='1' b=\"2\"/>", "header-quotes", {"a": "1", "b": "2"}),
            ('<properties a=“1” b="2"/>', "header-quotes", {"a": "1", "b": "2"}),
            ('<properties a="1" junk ; b="2"/>', "header-junk", {"a": "1", "b": "2"}),
            ('<properties a="1" A="2"/>', "attribute-repeated", {"a": "1"}),
            ('<properties a="1"\n\nb="2"/>', "header-blank-line", {"a": "1", "b": "2"}),
            ('<properties a="1"\nb="2', "header-quotes", {"a": "1", "b": "2"}),
            ('<properties a="1\nb="2"/>', "header-quotes", {"a": "1", "b": "2"}),
            ('<properties a="1"', "header-unclosed", {"a": "1"}),
        ],
    )
    def test_slips_are_forgiven_and_named(self, header: str, code: str, properties: dict[str, str]) -> None:
        article = parse(header + "\n# T\n")
        assert dict(article.properties) == properties
        assert code in codes(article)

    def test_a_missing_header_leaves_the_text(self) -> None:
        article = parse("# T\n\ntext\n")
        assert codes(article) == {"header-missing"}
        assert article.title == "T"

    def test_blanks_behind_the_header_and_tabs_before_names_are_fine(self) -> None:
        article = parse('<properties\n\ta="1"\n\t/> \n# T\n')
        assert article.properties["a"] == "1"
        assert article.remarks == ()

    def test_a_tags_element_behind_it_is_skipped(self) -> None:
        assert parse('<properties a="1"/>\n<tags\n ms.service="x" />\n# T\n').sections == ()


class TestParts:
    def test_issue_and_sections(self) -> None:
        article = parse(SEED_SHAPE)
        assert [type(block) for block in article.issue] == [Heading, Paragraph]
        assert [section.title for section in article.sections] == ["Recommended Steps"]

    def test_text_between_title_and_steps_is_a_section_without_a_title(self) -> None:
        article = parse("# T\n\nhello\n\n## **S**\n\nx\n")
        assert [section.title for section in article.sections] == ["", "S"]

    @pytest.mark.parametrize(
        "text",
        [
            "# T\n<!--issueDescription-->\nwhy\n\n## **Recommended Steps**\n\n1. x\n",
            "# T\n<!--/issueDescription-->\n\n## **Recommended Steps**\n\n1. x\n",
        ],
    )
    def test_an_unbalanced_issue_does_not_swallow_the_steps(self, text: str) -> None:
        article = parse(HEADER + text)
        assert "marker-unbalanced" in codes(article)
        assert len(article.steps) == 1

    def test_markers_within_a_line(self) -> None:
        article = parse("# T\n<!--issueDescription-->why<!--/issueDescription-->then\n")
        assert [plain(block.children) for block in article.issue if isinstance(block, Paragraph)] == ["why"]
        assert plain(article.sections[0].blocks[0].children) == "then"  # type: ignore[union-attr]

    def test_several_titles(self) -> None:
        article = parse(HEADER + "# A\n\nx\n\n# B\n\ny\n")
        assert article.title == "A"
        assert codes(article) == {"title-repeated"}

    def test_no_title_falls_back_to_the_page_title(self) -> None:
        article = parse(HEADER + "text")
        assert article.title == "A fault"
        assert "title-missing" in codes(article)

    def test_remarks_have_the_line_of_the_file(self) -> None:
        article = parse(HEADER + "\n# T\n\n##Sub\n")
        assert [(remark.code, remark.line) for remark in article.remarks] == [("heading-no-space", HEADER.count("\n") + 4)]


class TestText:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\xef\xbb\xbf# T\n", "byte-order-mark"),
            (b"# T\r\n\r\nx\r\n", "line-ends"),
            (b"# T\r\n\nx\r", "line-ends"),
            ("# T\n\na\xa0b\n".encode(), "nbsp"),
            ("# T\n\n\u200bAdministrator\n".encode(), "zero-width-space"),
            (b"# T\n\ncaf\xe9\n", "not-utf8"),
            ("# T\n\nx\n".encode("utf-16"), "not-utf8"),
            (b"# T\n\n\x1b[31mred\n", "control-character"),
        ],
    )
    def test_encodings_and_invisible_characters(self, data: bytes, code: str) -> None:
        article = parse(data)
        assert code in codes(article)
        assert article.title == "T"
        assert not set(article.text) & set("\r\xa0\u200b\ufeff\x1b")

    def test_what_is_no_text_is_refused(self) -> None:
        with pytest.raises(CorruptError, match="not a text"):
            parse(b"\x7fELF\x00\x00\x00")
        with pytest.raises(CorruptError, match="control characters"):
            parse(bytes(range(1, 32)) * 10)

    def test_far_too_much_is_refused(self) -> None:
        with pytest.raises(UnsupportedError, match="too many"):
            parse("x" * 300_000)
        with pytest.raises(UnsupportedError, match="too many"):
            parse(b"x" * 2_000_000)

    def test_nothing_at_all_is_an_article_without_anything(self) -> None:
        article = parse("")
        assert article.steps == ()
        assert codes(article) == {"header-missing", "title-missing"}


class TestLists:
    def test_eleven_steps_are_one_list(self) -> None:
        article = parse(SEED_SHAPE)
        lists = [block for block in article.sections[0].blocks if isinstance(block, Listing)]
        assert [(each.start, len(each.items)) for each in lists] == [(1, 11)]
        assert len(article.steps) == 11
        kinds = [[type(block) for block in item.blocks] for item in article.steps]
        assert kinds[3] == [Paragraph, Listing]
        assert kinds[4] == [Paragraph, CodeBlock]
        assert kinds[5] == [Paragraph, Listing, CodeBlock]
        assert kinds[7] == kinds[8] == [Paragraph, CodeBlock]

    def test_a_list_interrupted_at_the_margin_goes_on(self) -> None:
        article = parse(INTERRUPTED)
        assert len(article.steps) == 5
        assert [type(block) for block in article.steps[0].blocks] == [Paragraph, CodeBlock]
        assert [type(block) for block in article.steps[1].blocks] == [Paragraph, Listing, CodeBlock]
        assert [type(block) for block in article.steps[3].blocks] == [Paragraph, Listing]

    def test_a_new_list_begins_with_one(self) -> None:
        blocks = body("1. a\n2. b\n\ntext\n\n1. c\n")
        assert [type(block) for block in blocks] == [Listing, Paragraph, Listing]

    def test_numbers_do_not_go_on_across_a_heading(self) -> None:
        blocks = body("1. a\n\n### H\n\n2. b\n")
        assert [type(block) for block in blocks] == [Listing, Heading, Listing]
        assert listing(blocks[2]).start == 2

    def test_a_number_written_twice_is_one_list_and_a_remark(self) -> None:
        article = parse(HEADER + "# T\n\n9. a\n\n10. b\n\n```\nx\n```\n\n10. c\n")
        assert [item.line for item in listing(article.sections[0].blocks[0]).items] == [19, 21, 27]
        assert "list-number" in codes(article)

    def test_all_ones_count_up(self) -> None:
        assert len(listing(body("1. a\n1. b\n1. c\n")[0]).items) == 3

    @pytest.mark.parametrize("indent", ["  ", "   ", "    ", "\t"])
    def test_nested_lists_of_every_indentation(self, indent: str) -> None:
        outer = listing(body(f"1. a\n{indent}* x\n{indent}* y\n2. b\n")[0])
        assert len(outer.items) == 2
        assert len(listing(outer.items[0].blocks[1]).items) == 2

    def test_letters_below_a_step(self) -> None:
        outer = listing(body("1. a\n\n    a. x\n    \n    b. y\n\n2. b\n")[0])
        assert len(outer.items) == 2
        assert len(listing(outer.items[0].blocks[1]).items) == 2

    def test_a_year_at_the_start_of_a_line_is_no_step(self) -> None:
        assert [type(block) for block in body("It was in\n2016. Then it broke.\n")] == [Paragraph]

    def test_a_list_right_behind_text(self) -> None:
        assert [type(block) for block in body("Do:\n1. a\n2. b\n")] == [Paragraph, Listing]

    def test_depth_is_bounded(self) -> None:
        text = "\n".join(" " * (2 * depth) + "- x" for depth in range(100))
        depth, block = 0, body(text)[0]
        while isinstance(block, Listing):
            depth += 1
            block = block.items[0].blocks[-1]
        assert depth == 8


class TestCode:
    def test_code_in_steps_loses_its_indentation_only(self) -> None:
        outer = listing(
            body("8. Do:\n\n    1. Get:\n\n            a b\n              c\n        \n    2. Put:\n\n            d\n")[0]
        )
        inner = listing(outer.items[0].blocks[1])
        assert [item.blocks[1] for item in inner.items] == [
            CodeBlock("a b\n  c", "", inner.items[0].blocks[1].line),
            CodeBlock("d", "", inner.items[1].blocks[1].line),
        ]

    def test_a_language_is_kept(self) -> None:
        block = body("```powershell\nx\n```\n")[0]
        assert isinstance(block, CodeBlock)
        assert (block.language, block.text) == ("powershell", "x")

    def test_an_open_fence_ends_before_the_next_heading(self) -> None:
        article = parse(HEADER + "# T\n\n```\nx\n\n## **Recommended Steps**\n\n1. y\n")
        assert "fence-unclosed" in codes(article)
        assert len(article.steps) == 1

    def test_what_looks_like_markdown_in_code_is_code(self) -> None:
        block = body("```\n# x\n1. y\n> z\n**b**\n```\n")[0]
        assert isinstance(block, CodeBlock)
        assert block.text == "# x\n1. y\n> z\n**b**"


class TestInline:
    def test_pieces(self) -> None:
        assert inlines("a **b** *c* `d` _e_ [f](https://x.y/) g") == (
            Text("a "),
            Strong((Text("b"),)),
            Text(" "),
            Emphasis((Text("c"),)),
            Text(" "),
            Code("d"),
            Text(" "),
            Emphasis((Text("e"),)),
            Text(" "),
            Link((Text("f"),), "https://x.y/"),
            Text(" g"),
        )

    def test_variables_also_within_bold(self) -> None:
        assert inlines("**<!--$vmname-->[vmname]<!--/$vmname-->** x") == (Strong((Variable("vmname", "[vmname]"),)), Text(" x"))

    def test_placeholders_are_text_not_tags(self) -> None:
        assert inlines("use <drive letter> and [Boot partition]") == (Text("use <drive letter> and [Boot partition]"),)

    def test_names_with_underscores_and_paths(self) -> None:
        assert inlines(r"In C:\Windows\inf a_b_c") == (Text(r"In C:\Windows\inf a_b_c"),)

    def test_bold_and_italic_together(self) -> None:
        assert inlines("***x***") == (Emphasis((Strong((Text("x"),)),)),)

    def test_marks_without_a_partner_are_text(self) -> None:
        assert inlines("2 * 3 ** 4 _ 5 ` 6 [7") == (Text("2 * 3 ** 4 _ 5 ` 6 [7"),)

    def test_harmless_html(self) -> None:
        assert inlines("a<br>b <b>c</b> <i>d</i> <code>e</code>") == (
            Text("a"),
            Break(),
            Text("b "),
            Strong((Text("c"),)),
            Text(" "),
            Emphasis((Text("d"),)),
            Text(" "),
            Code("e"),
        )

    def test_other_html_goes_and_is_named(self) -> None:
        article = parse(HEADER + '# T\n\na <span style="x">b</span> <script>alert(1)</script> c <iframe src="x"></iframe>\n')
        text = plain(article.sections[0].blocks[0].children)  # type: ignore[union-attr]
        assert text.split() == ["a", "b", "c"]
        assert "raw-html" in codes(article)

    def test_anchors(self) -> None:
        assert inlines('<a name="x"></a>text') == (Anchor("x"), Text("text"))
        assert inlines('<a name="x"><a/>text') == (Anchor("x"), Text("text"))

    def test_an_unclosed_anchor_is_named(self) -> None:
        assert "anchor-unclosed" in codes(parse(HEADER + '# T\n\n<a name="x"><a/>text\n'))

    def test_a_blade_link_keeps_its_target(self) -> None:
        target = "data-blade:A.B.id.$resourceId;data-blade-uri:{$domain}/#@x/resource/{$resourceIdDecoded}/bootDiagnostics"
        assert inlines(f"[S]({target})") == (Link((Text("S"),), target),)

    def test_a_misspelt_blade_is_named(self) -> None:
        assert "blade-misspelt" in codes(parse(HEADER + "# T\n\n[S](datablade:A.B.id.$resourceId)\n"))

    def test_an_unbalanced_variable_keeps_its_text(self) -> None:
        article = parse(HEADER + "# T\n\na <!--$x-->b c <!--/$y-->d\n")
        assert plain(article.sections[0].blocks[0].children) == "a b c d"  # type: ignore[union-attr]
        assert "variable-unbalanced" in codes(article)

    def test_entities_and_comments(self) -> None:
        assert inlines("a &lt;b&gt; <!-- note --> &amp; c") == (Text("a <b>  & c"),)

    def test_images_leave_their_words(self) -> None:
        assert inlines("see ![the screen](x.png) here") == (Text("see the screen here"),)

    def test_code_with_backticks(self) -> None:
        assert inlines("``a`b`` x") == (Code("a`b"), Text(" x"))


def test_quotes_and_tables() -> None:
    quote, table = body("> one\n> two\n\n| A | B |\n| --- | --- |\n| 1 | 2 | 3 |\n| 4 |\n")
    assert isinstance(quote, Quote)
    assert isinstance(table, Table)
    assert [[plain(cell) for cell in row] for row in table.rows] == [["A", "B"], ["1", "2"], ["4", ""]]


def test_headings_without_a_blank_and_with_blanks_in_their_bold() -> None:
    article = parse(HEADER + "# T\n\n##**A**\n\nx\n\n## ** B **\n\ny\n")
    assert [section.title for section in article.sections] == ["A", "B"]
    assert codes(article) == {"heading-no-space", "heading-spaced-bold"}


def test_a_comment_of_several_lines_is_dropped() -> None:
    assert [type(block) for block in body("a\n\n<!-- x\ny\nz -->\n\nb\n")] == [Paragraph, Paragraph]
