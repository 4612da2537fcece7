"""``bootmend article``, and ``bootmend explain`` for a machine: values, our commands beside Microsoft's, steps that were done."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from bootmend.article import lint, parse
from bootmend.catalog import rule_modules
from bootmend.engine.articles import knowledge
from tests.article.material import HEADER
from tests.article.test_lint import GOOD
from tests.cli.running import IMC, LOADER, run_id
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

LABEL = "WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three articles: a good one, one with a slip, and one below that is in the Fairfax cloud."""
    made = tmp_path / "articles"
    (made / "deeper").mkdir(parents=True)
    (made / "a.md").write_text(GOOD, encoding="utf-8")
    slip = GOOD.replace("INITIALIZATION_FAILED", "INITIALIZATION_FAILED-b").replace("One line", "Another line")
    (made / "b.md").write_text(slip.replace("https://learn.microsoft.com/x", "https://aka.ms/x"), encoding="utf-8")
    gov = HEADER.replace("0x00000067-CONFIG_INITIALIZATION_FAILED", "GOV").replace('"public"', '"public, Fairfax"')
    (made / "deeper" / "c.md").write_text(gov.replace("32411835", "1, 2") + "\n# A fault\n", encoding="utf-8")
    (made / "notes.txt").write_text("no article")
    (made / ".hidden").mkdir()
    (made / ".hidden" / "d.md").write_text("no article")
    return made


# -- find --------------------------------------------------------------------------------------------
def test_find_in_the_catalogue(bootmend: Bootmend) -> None:
    said = bootmend("article", "find", "--label", LABEL, "--cloud", "Fairfax", "--topic", "32411835", expect=0)
    lines = said.out.splitlines()
    assert lines[0] == LABEL
    assert lines[1].startswith("  The boot loader asks for a configuration file")
    assert lines[2] == f"  {IMC}   (articleId is the label; topic 32411835; cloud Fairfax)"
    assert len(bootmend("article", "find", "--format", "json").json["articles"]) == len(rule_modules())


def test_find_in_a_folder(bootmend: Bootmend, folder: Path) -> None:
    said = bootmend("article", "find", folder, "--article-id", LABEL.lower(), "--format", "json", expect=0)
    found = validate(said.json, "article-list")["articles"]
    assert [(one["article_id"], os.path.basename(one["name"])) for one in found] == [(LABEL, "a.md"), (f"{LABEL}-b", "b.md")]
    assert found[0]["reasons"] == ["articleId is the label"]
    assert found[0]["score"] > found[1]["score"]
    (gov,) = bootmend("article", "find", folder, "--cloud", "fairfax", "--topic", "2", "--format", "jsonl").json["articles"]
    assert gov["article_id"] == "WindowsStopError-GOV"


def test_nothing_fits(bootmend: Bootmend, folder: Path) -> None:
    said = bootmend("article", "find", folder, "--cloud", "mooncake", expect=1)
    assert said.out == ""
    assert said.err == "none of 3 articles fits\n"


def test_what_cannot_be_read_is_told_and_the_rest_is_done(bootmend: Bootmend, folder: Path) -> None:
    (folder / "z.md").write_bytes(b"\0" * 100)
    for verb in ("find", "lint"):
        said = bootmend("article", verb, folder, "--format", "json", expect=3)
        assert said.err == f"{folder / 'z.md'}: this is not a text: it has zero bytes\n"
        (told,) = said.json["unreadable"]
        assert told == {"file": str(folder / "z.md"), "reason": "this is not a text: it has zero bytes"}
        assert said.json["articles"]
    (folder / "z.md").write_bytes(b"a" * 5_000_000)
    assert "too many for an article" in bootmend("article", "lint", folder / "z.md", expect=3).err


def test_paths_that_are_not_there(bootmend: Bootmend, tmp_path: Path) -> None:
    for verb in ("find", "lint"):
        assert "there is no nowhere.md" in bootmend("article", verb, "nowhere.md", expect=2).err
        assert "no file ends with .md" in bootmend("article", verb, tmp_path, expect=2).err
    assert bootmend("article", "lint", expect=2).code == 2
    assert "there is no such file" in bootmend("article", "render", "nowhere.md", expect=3).err


# -- lint --------------------------------------------------------------------------------------------
def test_lint_says_file_line_rule_and_sentence(bootmend: Bootmend, folder: Path) -> None:
    said = bootmend("article", "lint", folder / "a.md", folder / "b.md", expect=1)
    line = 1 + GOOD[: GOOD.index("https://learn")].count("\n")
    assert said.out == f"{folder / 'b.md'}:{line}: link-short: a short link hides where it leads: https://aka.ms/x\n"
    assert said.err == "2 articles, 1 remark on 1 of them\n"
    good = bootmend("article", "lint", folder / "a.md", expect=0)
    assert (good.out, good.err) == ("", "1 article, 0 remarks on 0 of them\n")


def test_lint_as_a_document(bootmend: Bootmend, folder: Path) -> None:
    document = validate(bootmend("article", "lint", folder, "--format", "json", expect=1).json, "article-lint")
    assert document["articles"] == 3
    assert {"file", "line", "rule", "sentence"} == set(document["remarks"][0])
    assert validate(bootmend("article", "lint", folder, "--format", "jsonl").json, "article-lint") == document
    assert bootmend("article", "lint", folder, "--format", "jsonl").out.count("\n") == 1


def test_lint_of_some_rules(bootmend: Bootmend, folder: Path) -> None:
    bootmend("article", "lint", folder / "b.md", "--ignore", "link-short", expect=0)
    bootmend("article", "lint", folder / "b.md", "--only", "link-culture", expect=0)
    bootmend("article", "lint", folder / "b.md", "--only", "link-short", "--only", "link-culture", expect=1)


def test_the_catalogue_s_articles_have_no_remarks_with_all_that_is_known() -> None:
    from bootmend.article import lint_all
    from bootmend.engine.articles import catalogue_articles

    assert [(article.name, str(remark)) for article, remark in lint_all(catalogue_articles(), knowledge())] == []


def test_our_operations_and_screens_are_known() -> None:
    known = knowledge()
    assert known.operations is not None
    assert known.screens is not None
    assert {"set-element", "delete-element", "set-value", "set-disk-id", "create-object"} <= set(known.operations)
    assert "BOOTMGR is missing" in known.screens


# -- new ---------------------------------------------------------------------------------------------
def test_a_new_article_passes_lint(bootmend: Bootmend, tmp_path: Path) -> None:
    path = tmp_path / "boot_debug_set.md"
    assert bootmend("article", "new", "boot-debug-set", "-o", path, expect=0).out == f"{path}\n"
    bootmend("article", "lint", path, expect=0)
    assert 'articleId="BootError-BOOT-DEBUG-SET"' in path.read_text(encoding="utf-8")
    said = bootmend("article", "new", IMC, expect=0)
    assert f'articleId="{LABEL}"' in said.out
    assert lint(parse(said.out, "x.md"), knowledge()) == []


def test_a_new_article_overwrites_nothing(bootmend: Bootmend, tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("mine")
    assert f"{path} exists" in bootmend("article", "new", "a-rule", "-o", path, expect=2).err
    assert path.read_text() == "mine"
    assert "is no rule's id" in bootmend("article", "new", "../x", expect=2).err
    assert "cannot be written" in bootmend("article", "new", "a-rule", "-o", tmp_path / "no" / "x.md", expect=3).err


# -- render ------------------------------------------------------------------------------------------
def test_render_puts_values_in(bootmend: Bootmend, folder: Path) -> None:
    said = bootmend("article", "render", folder / "a.md", "--set", "vmname=web01", "--set", "systemletter=T", expect=0).out
    assert "The machine web01 stops" in said
    assert "bcdedit /store T:\\boot\\bcd /enum" in said
    assert "The machine [vmname] stops" in bootmend("article", "render", folder / "a.md").out
    assert bootmend("article", "render", folder / "a.md", "--format", "md").out.startswith("# A fault with 0x00000067")
    assert "<!doctype html>" in bootmend("article", "render", folder / "a.md", "--format", "html", "--vm", "<web>").out
    assert "is no value" in bootmend("article", "render", folder / "a.md", "--set", "vmname", expect=2).err
    assert "\x1b[" in bootmend("article", "render", folder / "a.md", "--color", "always").out


def test_render_for_a_machine(bootmend: Bootmend, folder: Path, disk: MakeDisk) -> None:
    path = disk(gen=2)
    said = bootmend("article", "render", folder / "a.md", "--machine", path, "--vm", "web01", expect=0).out
    assert "The machine web01 stops" in said
    both = folder / "biosonly.md"
    both.write_text(GOOD.replace("EFI\\Microsoft", "other"), encoding="utf-8")
    said = bootmend("article", "render", both, "--machine", path, expect=0).out
    assert "<drive letter>:\\EFI\\Microsoft\\Boot\\BCD /enum" in said
    assert f"bootmend bcdedit /store {path} /enum" in said
    assert "The machine BOOTVM01 stops" in said


def test_render_for_a_machine_whose_fault_no_rule_explains(bootmend: Bootmend, tmp_path: Path, disk: MakeDisk) -> None:
    file = tmp_path / "own.md"
    file.write_text(
        HEADER.replace(LABEL, "Own") + "\n# T\n\n## **Recommended Steps**\n\n1. <!--step: check-->Look.\n", encoding="utf-8"
    )
    said = bootmend("article", "render", file, "--machine", disk(), expect=0).out
    assert "✓ Done: looked at now, nothing was written: the verdict is problems" in said


def test_a_hostile_article_stays_safe_in_html(bootmend: Bootmend, tmp_path: Path) -> None:
    from tests.article.material import Html

    file = tmp_path / "bad.md"
    deep = "".join(
        f"{'  ' * depth}* <!--step: check--><script>alert({depth})</script>[x](javascript:alert(1))\n" for depth in range(200)
    )
    file.write_text(f"{HEADER}\n# <img src=x onerror=alert(1)>\n\n## **Recommended Steps**\n\n{deep}", encoding="utf-8")
    said = bootmend("article", "render", file, "--format", "html", "--set", "vmname=<script>alert(1)</script>", expect=0).out
    seen = Html(said)
    assert not {"script", "img", "iframe"} & set(seen.tags)
    assert seen.links == []
    assert not {name for name in seen.attributes if name.startswith("on")}


# -- explain, for a machine ----------------------------------------------------------------------------
def done_steps(document: dict[str, object]) -> dict[str, str]:
    """The operations of steps that are done, with what ticks them."""

    def walk(steps: list[dict[str, object]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for step in steps:
            if step["done"]:
                found[", ".join(step["operations"])] = str(step["done"])  # type: ignore[arg-type]
            found |= walk(step["steps"])  # type: ignore[arg-type]
        return found

    return walk(document["steps"])  # type: ignore[arg-type]


def explained(bootmend: Bootmend, path: Path, rule: str = IMC) -> dict[str, str]:
    said = bootmend("explain", rule, "--disk", path, "--format", "json", expect=0)
    return done_steps(validate(said.json, "article"))


def test_steps_are_ticked_with_the_run_that_did_them(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    assert explained(bootmend, path) == {"check": f"looked at now, nothing was written: {IMC} is on the disk"}
    run = run_id(bootmend("repair", path, "--yes", expect=0).out)
    done = explained(bootmend, path)
    both = "delete-element imcdevice, delete-element imchivename"
    assert list(done) == ["check", "repair", both]
    assert done["check"].endswith(f"{IMC} is not on the disk")
    assert re.fullmatch(rf"run {run}, \d{{4}}-\d\d-\d\d \d\d:\d\d UTC: .*the fault is gone", done["repair"])
    assert done[both].endswith("imcdevice deleted (was locate=\\IMC.hiv), imchivename deleted (was \\IMC.hiv)")
    said = bootmend("explain", "0x67", "--disk", path, expect=0).out
    assert f"✓ Done: run {run}, " in said
    assert f"bootmend undo {run}" in said
    assert LOADER in said, "the loader is still known after the repair, from the run"
    bootmend("undo", run, "--yes", expect=0)
    done = explained(bootmend, path)
    assert list(done) == ["check", "undo"]
    assert done["undo"].startswith(f"run {run}: taken back ")


def test_the_serial_console_is_ticked_when_it_was_asked_for(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    bootmend("repair", path, "--yes", "--serial-console", expect=0)
    assert explained(bootmend, path)["set-element bootems, set-element ems"].endswith("bootems set to Yes, ems set to Yes")


def test_a_run_of_another_fault_ticks_nothing(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("safeboot-set")
    bootmend("repair", path, "--yes", expect=0)
    assert list(explained(bootmend, path, "safeboot-set")) == ["check", "repair", "delete-element safeboot"]
    assert list(explained(bootmend, path, IMC)) == ["check"]


def test_a_damaged_journal_ticks_nothing(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    run = run_id(bootmend("repair", path, "--yes", expect=0).out)
    journal = tmp_path / "state" / "runs" / run / "journal.json"
    journal.write_bytes(journal.read_bytes().replace(b"imcdevice", b"xmcdevice"))
    assert list(explained(bootmend, path)) == ["check"]


def test_of_a_code_s_rules_those_of_the_disk_are_explained(bootmend: Bootmend, disk: MakeDisk) -> None:
    several = [module.RULE.id for module in rule_modules() if "0xC000000E" in module.RULE.status_codes]
    if len(several) < 2:
        pytest.skip("one rule alone knows this code")
    path = disk("bcd-device-unknown")
    said = bootmend("explain", "0xc000000e", "--disk", path, "--format", "json", expect=0)
    assert said.json["rule"] == "bcd-device-unknown"
    others = ", ".join(name for name in several if name != "bcd-device-unknown")
    assert said.err == f"0xc000000e: {len(several)} rules know it; not on this disk: {others}\n"
    assert "name one of" in bootmend("explain", "0xc000000e", "--format", "json", expect=2).err


@pytest.mark.parametrize("gen", [1, 2])
def test_our_commands_beside_microsoft_s_do_the_repair(bootmend: Bootmend, disk: MakeDisk, gen: int) -> None:
    """What explain shows beside bcdedit's lines is run as it stands; afterwards the fault is gone and the step is ticked."""
    path = disk(gen=gen, name="my disks/web01.vhd")
    store = r"\Boot\BCD" if gen == 1 else r"\EFI\Microsoft\Boot\BCD"
    said = bootmend("explain", IMC, "--disk", path, expect=0).out
    assert f"    bcdedit /store S:{store} /deletevalue {LOADER} imcdevice" in said
    lines = [line.strip() for line in said.splitlines() if "bootmend bcdedit" in line and "/deletevalue" in line]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "bootmend"
        bootmend(*words[1:], expect=0)
    bootmend("check", path, expect=0)
    done = explained(bootmend, path)
    both = "delete-element imcdevice, delete-element imchivename"
    assert list(done) == ["check", both]
    assert f"bcdedit /deletevalue {LOADER} imchivename" in done[both]


def test_all_our_commands_beside_are_commands(bootmend: Bootmend, disk: MakeDisk) -> None:
    """Each line that an article shows for this disk is understood, also those for the registry and the serial console."""
    path = disk("bcd-device-unknown")
    bootmend("repair", path, "--yes", expect=0)
    shown = [
        line.strip().replace("{identifier}", LOADER)  # the repair of the disk's id has no loader to name
        for rule in (IMC, "bcd-device-unknown", "safeboot-set")
        for line in bootmend("explain", rule, "--disk", path, expect=0).out.splitlines()
        if re.match(r" +bootmend (bcdedit|hive) ", line)
    ]
    assert any("partition=windows" in line for line in shown)
    assert any("hive set" in line for line in shown)
    assert any("/emssettings" in line for line in shown)
    for line in dict.fromkeys(shown):
        words = shlex.split(line)[1:]
        yes = ["--yes"] if words[:2] == ["hive", "set"] else []
        assert bootmend(*words, *yes).code == (1 if "/deletevalue" in line else 0), line


def test_without_a_disk_there_are_no_commands_beside(bootmend: Bootmend) -> None:
    said = bootmend("explain", IMC, expect=0).out
    assert "bootmend bcdedit" not in said
    assert "✓" not in said
