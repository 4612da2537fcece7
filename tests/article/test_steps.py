"""Steps that name their operation, and the ticks they get."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from bootmend.article import Article, fill, lint, parse, to_html, to_markdown, to_text
from bootmend.article.linting import Knowledge
from bootmend.article.nodes import Listing, section_blocks, walk_blocks
from bootmend.article.steps import MOST_OPERATIONS, Deed, evidence_of, operations_in, tick
from tests.article.material import HEADER, Html

KINDS = Knowledge(operations=frozenset({"delete-element", "set-element", "set-disk-id"}))
STEPS = """
# A fault

<!--issueDescription-->
Text.
<!--/issueDescription-->

## **Recommended Steps**

1. Stop it.
2. <!--step: check-->Look at it:

    ```
    bootmend check DISK
    ```

3. <!-- step: repair -->Repair it.
    * <!--step: delete-element imcdevice imchivename-->Deletes both.
    * <!--step: set-element ems, set-disk-id-->Sets two.
"""
RUN = "run 7c1e, 2026-11-22 18:00 UTC"


def article(steps: str = STEPS) -> Article:
    return parse(HEADER + steps)


def items(of: Article) -> list[tuple[tuple[str, ...], str]]:
    blocks = walk_blocks(section_blocks(of.sections))
    return [(item.operations, item.done) for block in blocks if isinstance(block, Listing) for item in block.items]


def ticked(*deeds: Deed, steps: str = STEPS) -> Article:
    return tick(fill(article(steps), {}), deeds).article


def codes(steps: str) -> list[str]:
    return [remark.code for remark in lint(article(steps), KINDS) if remark.code.startswith("step-")]


def test_operations_are_read_and_not_shown() -> None:
    assert [operations for operations, _ in items(article())] == [
        (),
        ("check",),
        ("repair",),
        ("delete-element imcdevice", "delete-element imchivename"),
        ("set-element ems", "set-disk-id"),
    ]
    for text in (to_text(article()), to_markdown(article()), to_html(article())):
        assert "step" not in text.replace("Recommended Steps", "").lower()
        assert "Repair it." in text


def test_other_readers_pass_the_marker_over() -> None:
    """markdown-it, which is not ours, takes it for a comment."""
    body = STEPS.split("<!--/issueDescription-->")[1]
    assert "step:" not in Html(MarkdownIt("commonmark").render(body)).text


def test_a_step_is_done_when_all_its_operations_are() -> None:
    one = Deed("delete-element", "imcdevice", RUN, "imcdevice deleted (was locate=\\IMC.hiv)")
    other = Deed("delete-element", "imchivename", RUN, "imchivename deleted (was \\IMC.hiv)")
    assert [done for _, done in items(ticked(one))] == [""] * 5
    evidence = f"{RUN}: imcdevice deleted (was locate=\\IMC.hiv), imchivename deleted (was \\IMC.hiv)"
    assert [done for _, done in items(ticked(one, other))] == ["", "", "", evidence, ""]


def test_an_operation_without_what_it_is_done_to_is_any_of_its_kind() -> None:
    ems, disk = Deed("set-element", "ems", RUN, "ems set"), Deed("set-disk-id", "disk-signature", RUN, "the signature set")
    assert items(ticked(ems, disk))[4][1] == f"{RUN}: ems set, the signature set"
    assert items(ticked(ems._replace(subject="timeout"), disk))[4][1] == ""


def test_ticks_show_in_every_format() -> None:
    page = tick(fill(article(), {}), [Deed("check", "", "looked at now", "the fault is on the disk"), Deed("repair", "", RUN)])
    assert "✓ Done: looked at now: the fault is on the disk" in to_text(page)
    assert f"   ✓ Done: {RUN}" in to_text(page)
    assert f"**✓ Done**: {RUN}" in to_markdown(page)
    html = to_html(page)
    assert html.count('<li class="done">') == 2
    assert f"<strong>✓ Done</strong>: {RUN}" in html
    assert Html(html).numbered_steps() == Html(MarkdownIt("commonmark").render(to_markdown(page))).numbered_steps() == [3]


def test_nothing_done_changes_nothing() -> None:
    filled = fill(article(), {})
    assert tick(filled, []) is filled
    assert to_text(tick(filled, [Deed("undo", "", RUN)])) == to_text(filled)


def test_the_first_of_two_deeds_counts() -> None:
    assert "run 2" in items(ticked(Deed("check", "", "run 2"), Deed("check", "", "run 1")))[1][1]


def test_evidence_names_each_run_and_each_outcome_once() -> None:
    deeds = [Deed("a", "x", "run 1", "x set"), Deed("a", "y", "run 2", "y set"), Deed("b", "x", "run 1", "x set")]
    assert evidence_of(deeds) == "run 1: x set; run 2: y set"


def test_evidence_from_a_strange_disk_is_text() -> None:
    """Values of elements come from the disk: they bring no markup, no line and no direction marks along."""
    bad = "<script>alert(1)</script> [x](javascript:alert(1))\n# head \x1b[31m\u202e"
    page = tick(fill(article(), {}), [Deed("check", "", "now", bad)])
    html = to_html(page)
    assert Html(html).links == []
    assert "script" not in Html(html).tags
    assert "\x1b" not in to_text(page)
    assert "\u202e" not in html
    rendered = Html(MarkdownIt("commonmark").render(to_markdown(page)))
    assert rendered.links == []
    assert rendered.tags.count("h1") == 1


def test_an_article_cannot_tick_its_own_steps() -> None:
    filled = fill(parse(f'{HEADER}\n# T\n\n## **Recommended Steps**\n\n1. <li class="done">x</li>\n'), {})
    assert "done" not in Html(to_html(filled)).attributes
    assert 'class="done"' not in to_html(filled)


def test_too_many_operations_are_not_kept() -> None:
    assert len(operations_in(" ".join(["set-element", *map(str, range(5000))]))) == MOST_OPERATIONS


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("1. Stop it.", "1. Stop it. <!--step: check-->", "step-place"),
        ("1. Stop it.", "1. Stop it.\n\n<!--step: check-->", "step-place"),
        ("<!--step: check-->", "<!--step:-->", "step-place"),
        ("<!--step: check-->", "<!--step: chekc-->", "step-operation"),
        ("<!--step: check-->", "<!--step: check disk-->", "step-operation"),
        ("delete-element imcdevice imchivename", "delete-element", "step-operation"),
    ],
)
def test_markers_that_would_never_be_ticked(before: str, after: str, code: str) -> None:
    assert codes(STEPS) == []
    assert before in STEPS
    assert set(codes(STEPS.replace(before, after, 1))) == {code}


def test_operations_are_not_judged_where_they_are_not_known() -> None:
    assert [
        one.code for one in lint(article(STEPS.replace("set-disk-id", "something-new"))) if one.code.startswith("step-")
    ] == []
    assert codes(STEPS.replace("set-disk-id", "something-new")) == ["step-operation"]
