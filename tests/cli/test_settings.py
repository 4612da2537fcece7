"""Defaults from the environment and from a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import pytest

from bootmend.cli.main import COMMANDS, cli
from tests.cli.running import IMC, spawn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The file of settings in its usual place (which ``XDG_CONFIG_HOME`` names)."""
    if sys.platform in {"win32", "darwin"}:
        pytest.skip("the folder for settings is elsewhere")
    path = tmp_path / "config" / "bootmend" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def options() -> list[tuple[str, click.Option]]:
    """Every option of every command, with the variable that it must be given by."""
    found = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        members = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for member, inner in members:
            assert isinstance(inner, click.Command)
            prefix = "_".join(filter(None, ["BOOTMEND", name, member]))
            for option in inner.params:
                if isinstance(option, click.Option):
                    word = max(option.opts, key=len).lstrip("-")
                    found.append((f"{prefix}_{word}".upper().replace("-", "_"), option))
    return found


def test_every_option_has_a_variable() -> None:
    assert len(options()) > 30
    for variable, option in options():
        assert option.envvar == variable


def test_variables(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk()
    monkeypatch.setenv("BOOTMEND_CHECK_FORMAT", "jsonl")
    monkeypatch.setenv("BOOTMEND_CHECK_CODE", "0x67 0x7B")
    monkeypatch.setenv("BOOTMEND_CHECK_VM", "web01")
    monkeypatch.setenv("BOOTMEND_CHECK_EXIT_ZERO", "1")
    report = bootmend("check", path, expect=0).json
    assert report["codes"] == ["0x00000067", "0x0000007B"]
    assert report["vm"] == "web01"
    assert bootmend("check", path, "--format", "human", expect=0).out.startswith(str(path))
    monkeypatch.setenv("BOOTMEND_CHECK_FORMAT", "pdf")
    assert "'pdf' is not one of" in bootmend("check", path, expect=2).err
    monkeypatch.setenv("BOOTMEND_REPAIR_YES", "true")
    bootmend("repair", path, expect=0)
    monkeypatch.setenv("BOOTMEND_CATALOG_LIST_FORMAT", "json")
    assert bootmend("catalog", "list").json


def test_the_file(bootmend: Bootmend, disk: MakeDisk, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(
        f"""
        color = "always"
        format = "jsonl"

        [check]
        format = "json"
        rule = ["{IMC}", "safeboot-set"]
        exit_zero = true

        [sample]
        size = "1G"
        gen = 2
        format = "raw"

        [catalog.list]
        format = "md"
        """
    )
    path = disk()
    report = bootmend("check", path, expect=0)
    assert report.out.startswith("{\n")
    assert report.json["rules"] == [IMC, "safeboot-set"]
    assert bootmend("plan", path, expect=1).out.count("\n") == 1
    assert bootmend("check", path, "--format", "human", expect=0).out.startswith("\x1b[")
    assert bootmend("catalog", "list").out.startswith("# Boot failures")
    assert bootmend("catalog", "show", IMC).out.startswith('{"schema"')
    made = path.with_name("made")
    bootmend("sample", "healthy", "-o", made, expect=0)
    assert made.stat().st_size == 1 << 30
    monkeypatch.setenv("BOOTMEND_CHECK_FORMAT", "html")
    assert bootmend("check", path).out.startswith("<!doctype html>")


def test_a_file_of_another_name(bootmend: Bootmend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[catalog.list]\nformat = "json"\n')
    monkeypatch.setenv("BOOTMEND_CONFIG", str(other))
    assert bootmend("catalog", "list", expect=0).json
    monkeypatch.setenv("BOOTMEND_CONFIG", str(tmp_path / "none.toml"))
    said = bootmend("catalog", "list", expect=2)
    assert f"there is no file {tmp_path / 'none.toml'}, which BOOTMEND_CONFIG names" in said.err
    assert bootmend("--help", expect=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = ", "is not a file of settings (TOML)"),
        ("[chekc]\n", "there is no command 'chekc'"),
        ('[check]\nfromat = "json"\n', "check has no setting 'fromat'"),
        ("check = 3\n", "check is a command: its settings are a table, [check]"),
        ('[check]\nexit-zero = "yes"\n', "check.exit-zero is true or false"),
        ("[check]\nvm = 3.5\n", "check.vm is a text"),
        ("[check]\nrule = [true]\n", "check.rule is a text"),
        ('[check]\nformat = "pdf"\n', "'pdf' is not one of"),
        ('[check]\nrule = "nothing"\n', "no rule 'nothing'"),
        ("[catalog.list]\nx = 1\n", None),
    ],
)
def test_files_that_cannot_be_understood(bootmend: Bootmend, disk: MakeDisk, config: Path, text: str, words: str | None) -> None:
    config.write_text(text)
    said = bootmend("check", disk(), expect=2 if words else 1)
    assert (words or "") in said.err
    if words is None:
        assert "catalog.list has no setting 'x'" in bootmend("catalog", "list", expect=2).err
    elif "one of" not in words and "rule 'n" not in words:
        assert str(config) in said.err


@pytest.mark.parametrize("setting", ["yes", "unsafe", "discard-hibernation"])
def test_consent_is_not_given_in_a_file(bootmend: Bootmend, disk: MakeDisk, config: Path, setting: str) -> None:
    config.write_text(f"[repair]\n{setting} = true\n")
    assert "consent is given on the command line" in bootmend("repair", disk(), expect=2).err


def test_toml_is_only_read_where_there_is_a_file(disk: MakeDisk) -> None:
    path = disk()
    script = "import sys; from bootmend.cli.main import run; run(['check', sys.argv[1]]); print('tomllib' in sys.modules)"
    import subprocess

    from tests.cli.running import environment

    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.endswith("False\n")
    assert spawn("check", path).code == 1
