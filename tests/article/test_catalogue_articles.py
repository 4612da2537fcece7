"""The catalogue's own articles: the format's rules, both firmware kinds, no slip of the articles they replace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bootmend
from bootmend.article import Article, fill, lint, lint_all, parse, to_html, to_markdown, to_text
from tests.article.material import Html
from tests.support import shared_files, shared_folder

FILES = sorted((Path(bootmend.__file__).parent / "catalog").rglob("*.md"))
GUID = "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
VALUES = {
    "vmname": "web01",
    "computer": "WEB01",
    "disk": "web01-os.vhd",
    "store": r"volume 1 \Boot\BCD",
    "loader": GUID,
    "loadername": "Windows Server 2016",
    "windowsvolume": "volume 2",
    "systemvolume": "volume 1",
    "imcpath": r"\IMC.hiv",
    "run": "7c1e",
}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def article(request: pytest.FixtureRequest) -> Article:
    return parse(request.param.read_bytes(), request.param.name)


def names_a_loader(article: Article) -> bool:
    return "<!--$loader-->" in article.text


def test_there_are_three() -> None:
    assert {path.stem for path in FILES} >= {"imc_config_init_failed", "bcd_device_unknown", "safeboot_set"}


def test_lint_finds_nothing(article: Article) -> None:
    assert lint(article) == []


def test_ids_are_unique() -> None:
    assert [remark for _, remark in lint_all(parse(path.read_bytes(), path.name) for path in FILES)] == []


def test_nothing_is_left_open_on_a_known_machine(article: Article) -> None:
    filled = fill(article, VALUES)
    assert filled.unknown == ()
    assert filled.legend == ()
    text = to_text(filled, 100)
    assert "{identifier}" not in text
    assert "bootmend check web01-os.vhd" in text
    assert "bootmend repair web01-os.vhd" in text
    assert "bootmend undo 7c1e" in text
    assert (GUID in text) == names_a_loader(article)


def test_it_reads_well_when_nothing_is_known(article: Article) -> None:
    filled = fill(article, {})
    text = to_text(filled, 100)
    assert "<!--" not in text
    assert "bootmend check DISK" in text
    assert [entry.spellings for entry in filled.legend] == [("{identifier}",)] * names_a_loader(article)


@pytest.mark.parametrize(
    ("store", "shown", "hidden"),
    [
        (r"volume 1 \Boot\BCD", r"S:\Boot\BCD /enum", r"S:\EFI\Microsoft\Boot\BCD /enum"),
        (r"volume 1 \EFI\Microsoft\Boot\BCD", r"S:\EFI\Microsoft\Boot\BCD /enum", r"S:\Boot\BCD /enum"),
    ],
)
def test_commands_name_the_store_of_this_machine(article: Article, store: str, shown: str, hidden: str) -> None:
    text = to_text(fill(article, VALUES | {"store": store}), 200)
    assert shown in text or "/enum" not in article.text, "it is about a boot configuration store"
    assert hidden not in text
    assert r"EFI\Microsoft\Boot" in text or "/enum" not in article.text  # both kinds are explained in any case


def test_what_each_must_say(article: Article) -> None:
    text = to_text(fill(article, VALUES), 10_000).lower()
    for words in ("snapshot cannot be attached", "uniqueid disk", "twin", "by hand", "undo"):
        assert words in text, words
    assert "five groups of 8, 4, 4, 4 and 12" in text or not names_a_loader(article)
    assert "boot partition" not in text


def test_the_steps_are_one_list_in_markdown_and_html(article: Article) -> None:
    from markdown_it import MarkdownIt

    filled = fill(article, VALUES)
    ours = Html(to_html(filled))
    theirs = Html(MarkdownIt("commonmark").render(to_markdown(filled)))
    assert ours.words() == theirs.words()
    assert ours.numbered_steps()[0] == len(article.steps) == 8


def test_the_imc_article_has_its_optional_parts() -> None:
    path = next(path for path in FILES if path.stem == "imc_config_init_failed")
    text = to_text(fill(parse(path.read_bytes()), VALUES), 10_000)
    for words in (
        "displaybootmenu yes",
        "timeout 5",
        "bootems yes",
        f"/ems {GUID} on",
        "EMSPORT:1 EMSBAUDRATE:115200",
        "waits 5 seconds, at every start",
        "still asks for a user and a password",
        "ErrorControlPolicy",
        r"reg query HKLM\BROKENSYSTEM\Select",
        r"reg unload HKLM\BROKENSYSTEM",
        "--unsafe",
        "--output NEW",
    ):
        assert words in text, words


def test_no_sentence_is_another_s(article: Article) -> None:
    """No run of eight words is one of the articles that were read; commands and texts of screens aside."""
    theirs: set[tuple[str, ...]] = set()
    folder = shared_folder("seed")
    others = [*shared_files("articles", "*.md"), *(sorted(folder.glob("*.txt")) if folder else [])]
    if not others:
        pytest.skip("the articles that were read are not present")
    for path in others:
        words = prose(parse(path.read_bytes()))
        theirs |= {tuple(words[at : at + 8]) for at in range(len(words) - 7)}
    words = prose(article)
    assert [run for at in range(len(words) - 7) if (run := tuple(words[at : at + 8])) in theirs] == []


def prose(article: Article) -> list[str]:
    body = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->", " ", article.text.split("/>", 1)[-1], flags=re.DOTALL)
    return re.findall(r"[a-z']+", body.lower())
