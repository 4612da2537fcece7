"""``bootmend explain``, ``catalog``, ``sample``, ``completion``, ``--help`` and ``--version``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import bootmend as package
from bootmend.cli.main import COMMANDS
from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, LOADER, command_line, spawn
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

TITLE = "Stop code 0x67 CONFIG_INITIALIZATION_FAILED"


@pytest.mark.parametrize(
    "what", ["0x67", "67", "0x00000067", "CONFIG_INITIALIZATION_FAILED", "config initialization failed", IMC]
)
def test_every_way_to_ask_for_the_article(bootmend: Bootmend, what: str) -> None:
    said = bootmend("explain", what, expect=0)
    assert said.out.startswith(TITLE)
    assert "{identifier}" in said.out
    assert "$" not in said.out
    assert said.err == ""


def test_the_article_is_filled_in(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(gen=2, name="my disks/web01.vhd")
    said = bootmend("explain", "0x67", "--disk", path, "--vm", "web01", expect=0).out
    assert "Windows on web01 stops" in said
    assert f"bootmend check '{path}'" in said
    assert f"bcdedit /store S:\\EFI\\Microsoft\\Boot\\BCD /deletevalue {LOADER} imcdevice" in said
    assert "{identifier}" not in said
    assert "bootmend undo RUN" in said
    bootmend("repair", path, "--yes", expect=0)
    said = bootmend("explain", IMC, "--disk", path, expect=0).out
    assert "bootmend undo RUN" not in said
    assert "Windows on BOOTVM01 stops" in said


def test_the_article_as_a_document(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    document = validate(bootmend("explain", "67", "--disk", path, "--format", "json", expect=0).json, "article")
    assert document["rule"] == IMC
    assert document["values"]["loader"] == LOADER
    assert document["values"]["disk"] == str(path)
    validate(json.loads(bootmend("explain", "67", "--format", "jsonl").out), "article")
    assert bootmend("explain", "67", "--format", "md").out.startswith(f"# {TITLE}")
    assert f"<title>{TITLE}" in bootmend("explain", "67", "--format", "html").out


def test_a_code_that_no_rule_explains(bootmend: Bootmend) -> None:
    said = bootmend("explain", "0x3B", expect=0).out
    assert "0x0000003B  SYSTEM_SERVICE_EXCEPTION" in said
    assert "a code alone never names the cause" in said
    codes = validate(bootmend("explain", "0x3b", "--format", "json", expect=0).json, "codes")["codes"]
    assert codes[0]["name"] == "SYSTEM_SERVICE_EXCEPTION"
    validate(json.loads(bootmend("explain", "3b", "--format", "jsonl").out), "codes")
    assert "| 0x0000003B |" in bootmend("explain", "3b", "--format", "md").out
    assert "<td>0x0000003B</td>" in bootmend("explain", "3b", "--format", "html").out


def test_what_is_not_known(bootmend: Bootmend) -> None:
    said = bootmend("explain", "no such thing", expect=2)
    assert "'no such thing' is no stop code, name or rule" in said.err
    assert "bootmend catalog list" in said.err


def test_colour_in_articles(bootmend: Bootmend, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in bootmend("explain", "67").out
    assert "\x1b[" in bootmend("explain", "67", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in bootmend("explain", "67").out


def test_the_catalogue(bootmend: Bootmend) -> None:
    said = bootmend("catalog", "list", expect=0).out
    listed = [line.split()[0] for line in said.splitlines()]
    assert listed == sorted(set(listed))
    assert {"bcd-device-unknown", IMC, "safeboot-set"} <= set(listed)
    rules = validate(bootmend("catalog", "list", "--format", "json").json, "catalog")["rules"]
    assert all(set(rule) >= {"id", "title", "stop_codes", "status_codes", "applicability"} for rule in rules)
    (rule,) = validate(bootmend("catalog", "show", IMC, "--format", "json").json, "catalog")["rules"]
    assert rule["stop_codes"] == ["0x00000067"]
    shown = bootmend("catalog", "show", IMC, expect=0).out
    assert "CONFIG_INITIALIZATION_FAILED" in shown
    assert f"bootmend explain {IMC}" in shown
    assert "no rule 'nothing'" in bootmend("catalog", "show", "nothing", expect=2).err
    assert IMC in bootmend("catalog", "list", "--format", "md").out
    assert IMC in bootmend("catalog", "list", "--format", "html").out


@pytest.mark.parametrize("gen", ["1", "2"])
@pytest.mark.parametrize("rule", ["bcd-device-unknown", IMC, "safeboot-set"])
def test_a_sample_is_ill_of_its_rule(bootmend: Bootmend, tmp_path: Path, rule: str, gen: str) -> None:
    path = tmp_path / "sample.vhd"
    said = bootmend("sample", rule, "-o", path, "--gen", gen, "--size", "1G", expect=0)
    assert said.out == f"{path}\n"
    report = bootmend("check", path, "--format", "json", expect=1).json
    assert {finding["rule"] for finding in report["findings"]} == {rule}
    assert report["machine"]["format"] == "VHD dynamic"
    assert report["machine"]["generation"] == int(gen)


def test_the_default_sample_is_127_gib_and_small_on_this_computer(bootmend: Bootmend, tmp_path: Path) -> None:
    path = tmp_path / "sample.raw"
    bootmend("sample", IMC, "-o", path, expect=0)
    assert path.stat().st_size == 127 << 30
    assert path.stat().st_blocks * 512 < 16 << 20


def test_a_sample_overwrites_nothing_by_itself(bootmend: Bootmend, tmp_path: Path) -> None:
    path = tmp_path / "sample.raw"
    bootmend("sample", "healthy", "-o", path, "--size", "1G", "--format", "raw", expect=0)
    before = fingerprint(str(path))
    said = bootmend("sample", IMC, "-o", path, "--size", "1G", expect=2)
    assert f"{path} exists" in said.err
    assert "--force" in said.err
    assert fingerprint(str(path)) == before
    bootmend("sample", IMC, "-o", path, "--size", "1G", "--force", expect=0)
    bootmend("check", path, expect=1)
    assert "--force" not in bootmend("sample", IMC, "-o", "/dev/null", "--force", expect=2).err
    assert "exists" in bootmend("sample", IMC, "-o", tmp_path, "--force", expect=2).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no rule 'nothing'"),
        ([IMC, "--size", "a lot"], "'a lot' is not a size"),
        ([IMC, "--size", "3"], "3 bytes"),
        ([IMC, "--gen", "3"], "'3' is not one of"),
        ([IMC, "--gen", "2", "--layout", "single"], "EFI system partition"),
        ([IMC, "--format", "qcow2"], "'qcow2' is not one of"),
    ],
)
def test_samples_that_there_are_not(bootmend: Bootmend, tmp_path: Path, arguments: list[str], words: str) -> None:
    path = tmp_path / "sample.vhd"
    assert words in bootmend("sample", *arguments, "-o", path, expect=2).err
    assert not path.exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(bootmend: Bootmend, shell: str) -> None:
    assert "_BOOTMEND_COMPLETE" in bootmend("completion", shell, expect=0).out


def test_the_shell_is_told_the_commands() -> None:
    said = spawn(_BOOTMEND_COMPLETE="bash_complete", COMP_WORDS="bootmend re", COMP_CWORD="1")
    assert said.out == "plain,repair\n"
    said = spawn(_BOOTMEND_COMPLETE="bash_complete", COMP_WORDS="bootmend check --f", COMP_CWORD="2")
    assert said.out == "plain,--format\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(bootmend: Bootmend, command: str) -> None:
    said = bootmend(command, "--help", expect=0)
    assert said.out.startswith(f"Usage: bootmend {command}")
    assert "\\b" not in said.out
    assert said.err == ""


def test_help_and_version(bootmend: Bootmend) -> None:
    said = bootmend("--help", expect=0).out
    assert all(f"  {command} " in said for command in COMMANDS)
    assert "Start with:  bootmend check DISK" in said
    assert "\\b" not in said
    assert bootmend("-h", expect=0).out == said
    assert bootmend("--version", expect=0).out == f"bootmend, version {package.__version__}\n"


def test_as_a_module() -> None:
    assert command_line()[:3] == [sys.executable, "-m", "bootmend"]
    said = spawn("--version")
    assert (said.code, said.err) == (0, "")
    assert package.__version__ in said.out
    assert spawn("check").code == 2


def test_the_catalogue_has_no_flaw(bootmend: Bootmend) -> None:
    assert bootmend("catalog", "lint", expect=0).out == "The catalogue has no flaw.\n"
    assert validate(bootmend("catalog", "lint", "--format", "json", expect=0).json, "catalog-lint")["flaws"] == []
    assert "no flaw" in bootmend("catalog", "lint", "--format", "md", expect=0).out


def test_a_flaw_of_the_catalogue_is_named(bootmend: Bootmend, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootmend.catalog.bcd import safeboot_set

    monkeypatch.setattr(safeboot_set, "RULE", safeboot_set.RULE._replace(references=(), stop_codes=("0x67",)))
    said = bootmend("catalog", "lint", expect=1).out
    assert "safeboot-set: it names no source" in said
    assert "0x67 is no code of eight hex digits" in said
    assert "| safeboot-set |" in bootmend("catalog", "lint", "--format", "md", expect=1).out
