"""The examples on the pages print what the pages say they print."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import blocks, name, pages, tool
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

doc_examples = tool("doc_examples")
check_page, examples, has_examples = doc_examples.check_page, doc_examples.examples, doc_examples.has_examples

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None, reason="the examples are run by bash and a terminal"
)


@pytest.mark.parametrize("path", [path for path in pages() if has_examples(path)], ids=name)
def test_a_page_shows_what_is_printed(path: Path) -> None:
    if "jq " in path.read_text(encoding="utf-8"):
        needs("jq")
    assert "\n".join(map(str, check_page(path))) == ""


def test_every_console_block_holds_commands() -> None:
    for path in pages():
        for language, block in blocks(path.read_text(encoding="utf-8")):
            assert language != "console" or block.startswith("$ "), name(path)


# -- the comparison itself --------------------------------------------------------------------------------
@pytest.fixture
def session(tmp_path: Path) -> Any:
    return doc_examples.Session(tmp_path)


def test_commands_and_their_output_are_told_apart() -> None:
    found = list(examples("$ one\nfirst\nsecond\n$ two\n$ three\n\n"))
    assert [(one.command, one.output) for one in found] == [("one", "first\nsecond\n"), ("two", ""), ("three", "\n")]


def test_what_differs_each_time_is_masked(session: Any) -> None:
    assert session.agree("done   0.1 s, 214 KiB read\n", "done   12 s, 3.5 MiB read\n")
    assert not session.agree("done   0.1 s, 214 KiB read\n", "done   0.1 s, 214 KiB written\n")


def test_ids_are_followed(session: Any) -> None:
    assert session.agree("run 7c1e; undo 7c1e\n", "run 00ab; undo 00ab\n")
    assert not session.agree("run 7c1e\n", "run 1111\n"), "another id where the page shows the same"
    assert session.agree(
        "as it was before run 7c1e\nthis undo is run 9999\n", "as it was before run 00ab\nthis undo is run 2222\n"
    )
    assert session.real_ids == {"7c1e": "00ab", "9999": "2222"}


def test_lines_may_be_left_out(session: Any) -> None:
    assert session.agree("…\nlast\n", "first\nsecond\nlast\n")
    assert session.agree("…\n", "")
    assert not session.agree("…\nlast\n", "first\nlast\nafter\n")


def test_a_checksum_that_changes_is_seen(session: Any) -> None:
    assert session.agree(f"{'a' * 64}  disk\n", f"{'b' * 64}  disk\n")
    assert session.agree(f"{'a' * 64}  disk\n", f"{'b' * 64}  disk\n")
    assert not session.agree(f"{'a' * 64}  disk\n", f"{'c' * 64}  disk\n")


def test_a_question_is_answered(session: Any) -> None:
    (example,) = examples("$ read -p 'Well? [y/N]: ' answer; echo \"got $answer\"\nWell? [y/N]: y\ngot y\n")
    assert "got y" in session.run(example)


def test_a_wrong_page_is_noticed_and_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\ntwo\n$ echo $?\n0\n```\n")
    (difference,) = check_page(page)
    assert (difference.command, difference.shown, difference.real) == ("echo one", "two\n", "one\n")
    check_page(page, write=True)
    assert page.read_text() == "```console\n$ echo one\none\n$ echo $?\n0\n```\n"
    assert check_page(page) == []
