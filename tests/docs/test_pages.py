"""What the documentation says exists: commands, options, files, tests, links, words."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from bootmend import errors
from bootmend.bcd.commands.table import COMMANDS as SWITCHES
from bootmend.cli.main import COMMANDS
from tests.docs.pages import DOCS, MADE, anchors, blocks, inline_code, links, name, pages, prose, table_after, tool
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

command_of = tool("command_page").command_of
command_page = tool("command_page").command_page
page = pytest.mark.parametrize("path", pages(), ids=name)
SHELLS = {"console", "sh"}
VARIABLES = {f"BOOTMEND_{name}" for name in ("STATE_DIR", "CONFIG", "FUZZ", "SHARED")}
"""Environment variables that are no option's."""
NOT_YET = {
    "src/bootmend/catalog/bcd/bootdebug_set.py",
    "src/bootmend/catalog/bcd/bootdebug_set.md",
    "tests/catalog/test_bootdebug_set.py",
}
"""The files of the example of a new rule."""
FOREIGN_OPTIONS = {"--strict", "--markdown", "--others", "--keep", "--positives", "--negatives"}
"""Options in prose that are not ours."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# -- commands ------------------------------------------------------------------------------------
def our_commands(text: str) -> Iterator[list[str]]:
    """Every mention of a bootmend command line, as words behind ``bootmend``."""
    lines = [line for language, block in blocks(text) if language in {*SHELLS, "text"} for line in _shell_lines(language, block)]
    for line in [*lines, *inline_code(text)]:
        for part in re.split(r"\|\||&&|[|;>]|\$\(|\)", line):
            found = re.search(r"(?:^|[\s/'\"])bootmend +(.*)", part)
            if found and not found[1].startswith(("exit", "contributors")):
                yield _words(found[1])


def _shell_lines(language: str, block: str) -> list[str]:
    lines = block.replace("\\\n", " ").splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")] if language != "sh" else lines


def _words(line: str) -> list[str]:
    whole = line.count('"') % 2 == 0 and line.count("'") % 2 == 0
    words = shlex.split(line.replace("\\", "/"), comments=True) if whole else line.split()
    return [word for word in words if word not in {"2", "…", "..."}]


def options_of(command: click.Command) -> set[str]:
    return {"--help", "-h"} | {option for one in command.params if isinstance(one, click.Option) for option in one.opts}


@page
def test_every_command_and_option_is_there(path: Path) -> None:
    for words in our_commands(text_of(path)):
        if not words or words[0] in {"--help", "--version", "-h"}:
            continue
        assert words[0] in COMMANDS, f"there is no command {words[0]!r}"
        command = command_of(words[0])
        if words[0] == "bcdedit":
            switches = {word.lower() for word in words if re.fullmatch(r"/[a-z]+", word)}
            assert switches <= {"/store", "/v", "/d", "/f"} | {f"/{word}" for word in SWITCHES}, words
            continue
        rest = words[1:]
        if isinstance(command, click.Group) and rest:
            assert rest[0] in command.commands, words
            command, rest = command.commands[rest[0]], rest[1:]
        unknown = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)} - options_of(command)
        assert not unknown, f"bootmend {' '.join(words)}: no option {unknown}"


@page
def test_every_option_in_prose_is_there(path: Path) -> None:
    known = {"--store", *FOREIGN_OPTIONS, "--version"}
    for command in (command_of(one) for one in COMMANDS):
        known |= options_of(command)
        for member in command.commands.values() if isinstance(command, click.Group) else ():
            known |= options_of(member)
    named = {found for code in inline_code(text_of(path)) if (found := re.match(r"--[a-z-]+", code))}
    assert {found[0] for found in named} <= known


def test_the_readme_names_the_main_commands_and_two_to_set_up() -> None:
    text = text_of(ROOT / "README.md")
    shown = {words[0] for words in our_commands(text) if words}
    assert {"check", "repair", "undo", "sample"} <= shown
    made = {target for language, block in blocks(text) if language in SHELLS for target in re.findall(r"\bmake (\w+)", block)}
    assert made == {"demo", "test"}
    targets = set(re.findall(r"^(\w+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert made <= targets


def test_every_command_is_in_the_guide_and_the_changelog() -> None:
    for path in (DOCS / "guide.md", ROOT / "CHANGELOG.md"):
        text = text_of(path)
        assert [command for command in COMMANDS if f"`{command}`" not in text and f"bootmend {command}" not in text] == []


def test_the_list_of_commands_has_every_option() -> None:
    text = command_page()
    for command in COMMANDS:
        assert f"## bootmend {command}" in text
        for option in options_of(command_of(command)) - {"--help", "-h"}:
            assert option in text


@page
def test_make_targets_are_there(path: Path) -> None:
    targets = set(re.findall(r"^(\w+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {found for code in inline_code(text_of(path)) for found in re.findall(r"^make (\w+)", code)}
    assert named <= targets


# -- exit codes, environment, schemas ----------------------------------------------------------------
def exit_codes() -> set[int]:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.BootmendError)]
    return {0, 1, 130} | {kind.exit_code for kind in kinds}


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "guide.md"], ids=name)
def test_the_table_of_exit_codes_is_whole(path: Path) -> None:
    assert {int(row[0]) for row in table_after(text_of(path), "## Exit codes")} == exit_codes()


@page
def test_exit_codes_in_prose_are_among_them(path: Path) -> None:
    named = {int(found) for found in re.findall(r"exit code (\d+)", prose(text_of(path)))}
    assert named <= exit_codes()


def test_every_schema_is_listed_with_its_file() -> None:
    rows = table_after(text_of(DOCS / "how-to" / "scripts.md"), "## Formats")
    listed = {row[2].strip("`") for row in rows}
    folder = ROOT / "src" / "bootmend" / "schemas"
    assert listed == {path.name for path in folder.glob("*.json")}
    for schema, _, file in rows:
        assert schema.strip("`") in text_of(folder / file.strip("`"))


@page
def test_our_environment_variables_are_read_somewhere(path: Path) -> None:
    known = set(re.findall(r"`(BOOTMEND_\w+)`", command_page())) | VARIABLES
    assert set(re.findall(r"BOOTMEND_[A-Z_]*[A-Z]", text_of(path))) <= known


# -- links and files -----------------------------------------------------------------------------------
@page
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(text_of(path)):
        if re.match(r"https?:", target):
            assert target.startswith("https://")
            continue
        file, _, anchor = target.partition("#")
        goal = (path.parent / file).resolve() if file else path
        if goal in MADE:
            continue
        assert goal.exists(), target
        assert not anchor or anchor in anchors(text_of(goal)), target


@page
def test_files_named_in_code_are_there(path: Path) -> None:
    for code in inline_code(text_of(path)):
        for found in re.findall(r"(?:^|\s)((?:src|tests|tools|docs|benchmarks|\.ci)/[\w./-]*\w/?)", code):
            assert found in NOT_YET or (ROOT / found).exists(), found


def test_every_page_is_in_the_table_of_contents() -> None:
    listed: set[Path] = set()
    for path in [*DOCS.rglob("index.md")]:
        for language, block in blocks(text_of(path)):
            if language == "{toctree}":
                lines = [line for line in block.splitlines() if line and not line.startswith(":")]
                listed |= {(path.parent / f"{line}.md").resolve() for line in lines}
    ours = {path for path in pages() if path.is_relative_to(DOCS)} - {DOCS / "index.md"}
    assert ours <= listed


# -- words ---------------------------------------------------------------------------------------------
@page
def test_house_words(path: Path) -> None:
    """Microsoft and the articles disagree on "boot partition": the words may only be quoted."""
    bare = re.sub(r'"[^"\n]*"|`[^`\n]*`', "", prose(text_of(path)))
    assert not re.search(r"boot partition|boot volume", bare, re.IGNORECASE)


@page
def test_no_place_of_one_machine_and_no_package_host(path: Path) -> None:
    text = text_of(path)
    assert not re.search(r"/(?:work|root|home|tmp)/\w", text)
    assert not re.search(r"pypi|pythonhosted|npmjs|crates\.io|anaconda\.org", text, re.IGNORECASE)
