"""Each rule has its page, made of its own file and article; and the example of a new rule works."""

from __future__ import annotations

import os
import re
import types
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest

from bootmend.catalog import RuleModule, rule_modules
from bootmend.engine.diagnose import diagnose
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.machine import Workspace
from bootmend.model import Applicability
from bootmend.samples import write_sample
from tests.docs.pages import DOCS, blocks, links, tool

if TYPE_CHECKING:
    from pathlib import Path

rule_pages = tool("rule_pages")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("rules")
    rule_pages.write_rule_pages(made)
    return made


@pytest.mark.parametrize("module", rule_modules(), ids=lambda module: module.RULE.id)
def test_each_rule_has_a_page_that_says_all(module: RuleModule, folder: Path) -> None:
    rule = module.RULE
    text = (folder / f"{rule.id}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {rule.id}\n")
    assert rule.title in text
    for fact in (*rule.stop_codes, *rule.status_codes, *rule.names, *rule.references):
        assert fact in text
    shown = [block for language, block in blocks(text) if language == "text"]
    assert f"$ bootmend check {rule_pages.DISK}" in shown[0]
    assert rule.id in shown[0]
    assert f"$ bootmend plan {rule_pages.DISK}" in shown[1]
    assert rule.applicability is not Applicability.SAFE or "proved on a copy" in shown[1]
    assert "Recommended Steps" in text
    assert "<!--" not in text


def test_the_index_leads_to_all_of_them(folder: Path) -> None:
    named = set(links((folder / "index.md").read_text(encoding="utf-8")))
    assert named == {f"{module.RULE.id}.md" for module in rule_modules()}


def test_headings_never_skip_a_level() -> None:
    for module in rule_modules():
        text = re.sub(r"^ *```.*?^ *```$", "", rule_pages.rule_page(module), flags=re.DOTALL | re.MULTILINE)
        levels = [len(found) for found in re.findall(r"^(#+) ", text, re.MULTILINE)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_making_a_page_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOTMEND_STATE_DIR", "mine")
    rule_pages.rule_page(rule_modules()[0])
    assert os.environ["BOOTMEND_STATE_DIR"] == "mine"
    assert os.getcwd() == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_a_new_rule_works(tmp_path: Path) -> None:
    """The module that contributing.md shows: healthy gives nothing, broken gives it, its repair cures it."""
    text = (DOCS / "contributing.md").read_text(encoding="utf-8")
    source = next(block for language, block in blocks(text) if language == "python")
    module = types.ModuleType("example")
    exec(compile(source, "contributing.md", "exec"), vars(module))
    rule = cast("RuleModule", module)
    disk = str(tmp_path / "disk.raw")
    write_sample(disk, generation=1, layout="single", format="raw", size=4 << 30)
    with Target(disk) as target:
        assert diagnose(target).verdict == "healthy"
        workspace = Workspace(target.overlays().machine, SAMPLE_TIME)
        assert list(rule.detect(workspace.machine)) == []
        rule.break_(workspace)
        workspace.flush()
        (finding,) = rule.detect(workspace.reopened())
        assert (finding.rule, finding.key) == (rule.RULE.id, (rule.RULE.id, finding.subject))
        assert "waits for a debugger" in finding.sentence
        changes = [change for operation in rule.repair(finding, workspace) for change in operation.do(workspace)]
        assert [(change.name, change.before, change.after) for change in changes] == [("bootdebug", "Yes", None)]
        workspace.flush()
        assert list(rule.detect(workspace.reopened())) == []
