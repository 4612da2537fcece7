"""What every rule must do on every kind of disk.  A new rule is tested here without a line of test code."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

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
from bootmend.errors import RefusedError
from bootmend.model import Applicability, Severity
from tests.catalog.disks import PROFILES, SIZE, Profile, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bootmend.engine.device import Device
    from bootmend.engine.diagnose import Report

RULES = {module.RULE.id: module for module in rule_modules()}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


FIRMWARE = {1: "BIOS", 2: "UEFI"}


class Case(NamedTuple):
    """A rule, and a kind of disk that can have its fault."""

    rule: str
    profile: Profile

    def __str__(self) -> str:
        return f"{self.rule}-{self.profile}"


def cases(profiles: Iterable[Profile]) -> list[Case]:
    return [
        Case(name, profile)
        for profile in profiles
        for name, module in RULES.items()
        if module.RULE.firmware in {"", FIRMWARE[profile.generation]}
    ]


EVERY = pytest.mark.parametrize("case", cases(PROFILES), ids=str)
KILLED = pytest.mark.parametrize("case", cases((PROFILES[1], PROFILES[7])), ids=str)


@pytest.fixture(params=PROFILES, ids=str)
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen = request.param
    assert isinstance(chosen, Profile)
    return chosen


@pytest.fixture(params=RULES.values(), ids=list(RULES))
def rule(request: pytest.FixtureRequest) -> RuleModule:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def broken(case: Case, tmp_path: Path) -> str:
    path = str(tmp_path / f"broken.{'vhd' if 'vhd' in case.profile.format else 'raw'}")
    generation, layout, form = case.profile
    make_sample(case.rule, path, generation=generation, layout=layout, image_format=form, size=SIZE)
    return path


REQUEST = Request(made_at=SAMPLE_TIME, unsafe=True)


def look(path: str) -> Report:
    with Target(path) as target:
        report = diagnose(target)
    hidden = any(finding.hides for finding in report.findings)
    assert hidden or not report.inconclusive
    return report


def found(path: str) -> list[str]:
    return [finding.rule for finding in look(path).problems]


def curable(path: str) -> bool:
    """Whether anything that was found can be mended on the disk; if not, it must say what to do by hand."""
    problems = look(path).problems
    assert all(finding.fix for finding in problems)
    return any(finding.applicability is not Applicability.MANUAL for finding in problems)


def test_a_healthy_disk_has_no_finding_and_gets_no_write(profile: Profile, tmp_path: Path) -> None:
    path = profile.write(tmp_path)
    before = fingerprint(path)
    with Target(path) as target:
        report = diagnose(target)
        plan = make_plan(target, REQUEST)
    assert (report.verdict, report.findings) == ("healthy", ())
    assert plan.is_empty
    assert fingerprint(path) == before


@EVERY
def test_broken_repaired_repaired_again_and_undone(case: Case, broken: str) -> None:
    before = fingerprint(broken)
    assert set(found(broken)) == {case.rule}
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    assert fingerprint(broken) == before, "making a plan wrote to the disk"
    if not curable(broken):
        assert plan.is_empty
        assert {finding.rule for finding in plan.left} == {case.rule}
        return
    outcome = apply_plan(plan, broken)
    assert outcome.exit_code == 0
    assert found(broken) == []
    repaired = fingerprint(broken)
    assert repaired != before
    with Target(broken) as target:
        assert make_plan(target, REQUEST).is_empty, "a second repair is not a no-op"
    undo(find_run(broken))
    assert fingerprint(broken) == before, "the undo did not restore every byte"


@EVERY
def test_the_sample_differs_from_a_healthy_disk_only_where_it_is_broken(case: Case, broken: str) -> None:
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    assert bool(plan.changes) == curable(broken), case.rule
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
            half = (offset + len(data) // 2) // 512 * 512 - offset
            self._inner.write_at(offset, data[:half]) if half > 0 else None
        self._count()
        self._inner.write_at(offset, data)

    def flush(self) -> None:
        self._count()
        self._inner.flush()


@KILLED
def test_killed_at_every_write_it_is_recoverable(case: Case, broken: str) -> None:
    before = fingerprint(broken)
    with Target(broken) as target:
        plan = make_plan(target, REQUEST)
    if plan.is_empty:
        assert not curable(broken), case
        return
    for number in range(400):
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


@EVERY
def test_its_article_is_whole(case: Case, broken: str) -> None:
    article = parse(article_text(RULES[case.rule]), case.rule)
    assert [str(remark) for remark in lint(article)] == []
    with Target(broken) as target:
        values = report_values(diagnose(target, vm="web01"), case.rule)
    filled = fill(article, values)
    for text in (to_text(filled, 100), to_markdown(filled), to_html(filled)):
        assert "<!--" not in text
        assert not re.search(r"\[(vmname|computer|store|loader)\]", text)
    assert "web01" in to_text(filled, 100)


def test_no_sample_is_made_of_what_a_machine_cannot_have(rule: RuleModule, tmp_path: Path) -> None:
    for profile in PROFILES[::3]:
        if rule.RULE.firmware not in {"", FIRMWARE[profile.generation]}:
            path = tmp_path / f"{profile}.raw"
            with pytest.raises(RefusedError, match="cannot be made on this profile"):
                make_sample(
                    rule.RULE.id,
                    str(path),
                    generation=profile.generation,
                    layout=profile.layout,
                    image_format=profile.format,
                    size=SIZE,
                )
            assert not path.exists()


def test_its_values_are_those_of_the_catalogue(rule: RuleModule) -> None:
    described = rule.RULE
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", described.id)
    assert all(re.fullmatch(r"0x[0-9A-F]{8}", code) for code in (*described.stop_codes, *described.status_codes))
    assert described.severity in set(Severity)
    assert os.path.basename(rule.__name__.replace(".", "/")) == described.id.replace("-", "_")
    assert rule.detect.__doc__
    assert rule.repair.__doc__
    assert rule.break_.__doc__
