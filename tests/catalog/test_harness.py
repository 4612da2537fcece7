"""What every rule must do on every kind of disk.  A new rule is tested here without a line of test code."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from bootmend.article import fill, lint, parse, to_html, to_markdown, to_text
from bootmend.catalog import RuleModule, article_text, rule_modules
from bootmend.engine.begin import begin_run
from bootmend.engine.device import open_for_writing
from bootmend.engine.diagnose import diagnose
from bootmend.engine.explain import report_values
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.recovery import recover_run
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.runs import RunState
from bootmend.engine.sample import SAMPLE_TIME, make_sample
from bootmend.engine.target import Target
from bootmend.engine.writer import apply_run
from bootmend.model import Severity
from tests.catalog.disks import PROFILES, SIZE, Profile, fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.engine.device import Device

RULES = {module.RULE.id: module for module in rule_modules()}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(params=PROFILES, ids=str)
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen = request.param
    assert isinstance(chosen, Profile)
    return chosen


@pytest.fixture(params=RULES.values(), ids=list(RULES))
def rule(request: pytest.FixtureRequest) -> RuleModule:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def broken(rule: RuleModule, profile: Profile, tmp_path: Path) -> str:
    path = str(tmp_path / f"broken.{'vhd' if 'vhd' in profile.format else 'raw'}")
    make_sample(rule.RULE.id, path, generation=profile.generation, layout=profile.layout, image_format=profile.format, size=SIZE)
    return path


REQUEST = Request(made_at=SAMPLE_TIME, unsafe=True)


def found(path: str) -> list[str]:
    with Target(path) as target:
        report = diagnose(target)
    assert not report.inconclusive
    return [finding.rule for finding in report.problems]


def test_a_healthy_disk_has_no_finding_and_gets_no_write(profile: Profile, tmp_path: Path) -> None:
    path = profile.write(tmp_path)
    before = fingerprint(path)
    with Target(path) as target:
        report = diagnose(target)
        plan = make_plan(target, REQUEST)
    assert (report.verdict, report.findings) == ("healthy", ())
    assert plan.is_empty
    assert fingerprint(path) == before


def test_broken_repaired_repaired_again_and_undone(rule: RuleModule, broken: str) -> None:
    before = fingerprint(broken)
    assert set(found(broken)) == {rule.RULE.id}
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    assert fingerprint(broken) == before, "making a plan wrote to the disk"
    outcome = apply_plan(plan, broken)
    assert outcome.exit_code == 0
    assert found(broken) == []
    repaired = fingerprint(broken)
    assert repaired != before
    with Target(broken) as target:
        assert make_plan(target, REQUEST).is_empty, "a second repair is not a no-op"
    undo(find_run(broken))
    assert fingerprint(broken) == before, "the undo did not restore every byte"


def test_the_sample_differs_from_a_healthy_disk_only_where_it_is_broken(rule: RuleModule, broken: str) -> None:
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    assert plan.changes, rule.RULE.id
    assert plan.bytes_changed <= 64 << 10


class _Power(BaseException):
    """The power goes off."""


class _Failing:
    """A device that works until its nth write or flush."""

    def __init__(self, inner: Device, left: list[int]) -> None:
        self._inner = inner
        self._left = left

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def _count(self) -> None:
        if self._left[0] == 0:
            raise _Power
        self._left[0] -= 1

    def write_at(self, offset: int, data: bytes) -> None:
        if self._left[0] == 0:  # half of what was being written is there, as far as sectors go
            half = len(data) // 2 // 512 * 512
            self._inner.write_at(offset, data[:half]) if half else None
        self._count()
        self._inner.write_at(offset, data)

    def flush(self) -> None:
        self._count()
        self._inner.flush()


@pytest.mark.parametrize("profile", [PROFILES[1], PROFILES[7]], ids=str, indirect=True)
def test_killed_at_every_write_it_is_recoverable(broken: str) -> None:
    before = fingerprint(broken)
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    for number in range(200):
        left = [number]
        run = begin_run(plan.patchset, plan.witnesses, {}, target=broken)
        try:
            apply_run(run, lambda path, left=left: _Failing(open_for_writing(path), left))  # type: ignore[misc,arg-type]
        except _Power:
            state = recover_run(find_run(run.id))
            assert state in {RunState.ROLLED_BACK, RunState.COMMITTED}
            if state is RunState.COMMITTED:
                undo(find_run(run.id))
            assert fingerprint(broken) == before
        else:
            break
    else:
        pytest.fail("the run never came to its end")
    assert number >= 2


def test_its_article_is_whole(rule: RuleModule, broken: str) -> None:
    article = parse(article_text(rule), rule.RULE.id)
    assert [str(remark) for remark in lint(article)] == []
    with Target(broken) as target:
        values = report_values(diagnose(target, vm="web01"), rule.RULE.id)
    filled = fill(article, values)
    for text in (to_text(filled, 100), to_markdown(filled), to_html(filled)):
        assert "<!--" not in text
        assert not re.search(r"\[(vmname|computer|store|loader)\]", text)
    assert "web01" in to_text(filled, 100)


def test_its_values_are_those_of_the_catalogue(rule: RuleModule) -> None:
    described = rule.RULE
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", described.id)
    assert all(re.fullmatch(r"0x[0-9A-F]{8}", code) for code in (*described.stop_codes, *described.status_codes))
    assert described.severity in set(Severity)
    assert os.path.basename(rule.__name__.replace(".", "/")) == described.id.replace("-", "_")
    assert rule.detect.__doc__
    assert rule.repair.__doc__
    assert rule.break_.__doc__
