"""A new article: whole, without remarks, and ready to be filled in."""

from __future__ import annotations

import pytest

from bootmend.article import fill, lint, parse, to_text
from bootmend.article.skeleton import skeleton
from bootmend.catalog import rule_modules
from bootmend.engine.articles import knowledge
from bootmend.model import Applicability, Rule, Severity


def rule(**given: object) -> Rule:
    known = {"id": "a-rule", "title": "A fault, with a comma.", "severity": Severity.ERROR, "applicability": Applicability.SAFE}
    return Rule(**(known | given))  # type: ignore[arg-type]


@pytest.mark.parametrize("module", rule_modules(), ids=lambda module: module.RULE.id)
def test_it_passes_lint_for_every_rule_that_there_is(module: object) -> None:
    known = module.RULE  # type: ignore[attr-defined]
    assert lint(parse(skeleton(known.id, known), f"{known.id}.md"), knowledge()) == []


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (
            rule(stop_codes=("0x0000007B",), names=("INACCESSIBLE_BOOT_DEVICE",)),
            "WindowsStopError-0x0000007B-INACCESSIBLE_BOOT_DEVICE",
        ),
        (rule(status_codes=("0xC0000225",), names=("STATUS_NOT_FOUND",)), "WindowsBootManager-0xC0000225-STATUS_NOT_FOUND"),
        (rule(), "BootError-A-RULE"),
        (None, "BootError-A-RULE"),
        (rule(title='Odd <title> & "quotes", 0xC0000225 ' * 9), "BootError-A-RULE"),
    ],
)
def test_its_label_and_that_it_passes_lint(given: Rule | None, label: str) -> None:
    article = parse(skeleton("a-rule", given), "a-rule.md")
    assert article.id == label
    assert lint(article, knowledge()) == []


def test_its_steps_can_be_ticked_and_its_gaps_filled() -> None:
    article = parse(skeleton("a-rule"))
    assert [step.operations for step in article.steps if step.operations] == [("check",), ("repair",), ("undo",)]
    text = to_text(
        fill(article, {"disk": "web01.vhd", "run": "7c1e", "store": r"volume 1 \EFI\Microsoft\Boot\BCD", "vmname": "web01"})
    )
    assert "bootmend repair web01.vhd" in text
    assert "bootmend undo 7c1e" in text
    assert r"bcdedit /store S:\EFI\Microsoft\Boot\BCD /enum all /v" in text
