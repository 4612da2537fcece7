"""Several faults on one disk: what stops the machine first is named first, all that can be are mended, undo gives all back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.catalog import find_rule, rule_places
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.ranking import CERTAIN, CONTRIBUTING, POSSIBLE, PRIMARY, UNRELATED, confidence, roles
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.errors import BootmendError
from bootmend.model import Applicability
from bootmend.samples import write_sample
from tests.catalog.conftest import change
from tests.catalog.disks import fingerprint
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from bootmend.engine.diagnose import Report

IMC = "imc-config-init-failed"
SIZE = 1 << 30
REQUEST = Request(made_at=SAMPLE_TIME, unsafe=True)


def healthy(folder: Path, generation: int = 1, layout: str = "usual") -> str:
    path = str(folder / f"disk{generation}{layout}.raw")
    write_sample(path, generation=generation, layout=layout, format="raw", size=SIZE)
    return path


def break_with(path: str, *names: str) -> list[str]:
    """Break a disk by several rules' hands, one after the other; return those whose hand still found something to break."""
    done = []
    for name in names:
        try:
            change(path, find_rule(name).break_)
        except BootmendError:
            continue  # an earlier fault leaves nothing of this kind to break
        done.append(name)
    return done


def look(path: str, *codes: str) -> Report:
    with Target(path) as target:
        return diagnose(target, codes=codes)


def roles_of(report: Report) -> dict[str, str]:
    return {rule: role for (rule, _), role in roles(report).items()}


# -- ranking ---------------------------------------------------------------------------------------------
def test_what_stops_the_machine_first_is_the_primary_cause(tmp_path: Path) -> None:
    path = healthy(tmp_path)
    break_with(path, IMC, "mbr-bootcode-damaged", "safeboot-set")
    report = look(path)
    assert [finding.rule for finding in report.findings] == ["mbr-bootcode-damaged", IMC, "safeboot-set"]
    assert roles_of(report) == {"mbr-bootcode-damaged": PRIMARY, IMC: CONTRIBUTING, "safeboot-set": UNRELATED}
    assert [confidence(finding, report) for finding in report.findings] == [CERTAIN, CERTAIN, POSSIBLE]


def test_a_code_that_was_seen_decides(tmp_path: Path) -> None:
    """A machine that showed 0x67 came past its boot code."""
    path = healthy(tmp_path)
    break_with(path, IMC, "mbr-bootcode-damaged", "safeboot-set")
    report = look(path, "0x00000067")
    assert report.findings[0].rule == IMC
    assert roles_of(report) == {IMC: PRIMARY, "mbr-bootcode-damaged": UNRELATED, "safeboot-set": UNRELATED}
    assert confidence(report.findings[0], report) == CERTAIN
    assert confidence(report.findings[1], report) == POSSIBLE


def test_a_status_code_is_explained_by_its_rule(tmp_path: Path) -> None:
    path = healthy(tmp_path)
    break_with(path, "bcd-no-bootmgr-object")
    report = look(path, "0xC0000034")
    assert report.unexplained == ()
    assert roles_of(report) == {"bcd-no-bootmgr-object": PRIMARY}


# -- faults behind faults ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("generation", "faults"),
    [
        (1, (IMC, "vbr-damaged")),
        (1, (IMC, "no-active-partition", "mbr-bootcode-damaged")),
        (1, ("bcd-missing", "vbr-damaged", "no-active-partition")),
        (2, (IMC, "esp-missing", "gpt-damaged")),
        (2, ("bootmgr-missing", "vbr-damaged")),
        (2, ("bcd-debug-flags", "bcd-no-bootmgr-object", "gpt-damaged")),
    ],
)
def test_what_comes_to_light_is_mended_too(tmp_path: Path, generation: int, faults: tuple[str, ...]) -> None:
    path = healthy(tmp_path, generation)
    assert break_with(path, *faults) == list(faults)
    broken = fingerprint(path)
    with Target(path) as target:
        plan = make_plan(target, REQUEST)
    outcome = apply_plan(plan, path)
    assert (outcome.exit_code, outcome.left) == (0, ())
    assert look(path).verdict == "healthy"
    assert {finding.rule for finding in plan.chosen} == set(faults)
    undo(find_run(path))
    assert fingerprint(path) == broken


def test_what_needs_consent_is_left_and_named(tmp_path: Path) -> None:
    path = healthy(tmp_path)
    break_with(path, "badmemory-list", "vbr-damaged")
    assert {finding.rule for finding in look(path).problems} == {"vbr-damaged"}
    with Target(path) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME))
    assert [finding.rule for finding in plan.left] == ["badmemory-list"]
    assert apply_plan(plan, path).exit_code == 1


# -- any combination ---------------------------------------------------------------------------------------
@settings(
    max_examples=fuzz_cases(10), deadline=None, derandomize=False, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from([(1, "usual"), (1, "single"), (2, "usual")]),
    names=st.lists(st.sampled_from(list(rule_places())), min_size=2, max_size=4, unique=True),
)
def test_any_combination_ends_healthy_or_says_what_is_left(kind: tuple[int, str], names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BOOTMEND_STATE_DIR"] = str(Path(folder) / "state")
        path = healthy(Path(folder), *kind)
        break_with(path, *names)
        before = fingerprint(path)
        with Target(path) as target:
            plan = make_plan(target, REQUEST)
        if plan.is_empty:
            assert all(finding.applicability is Applicability.MANUAL for finding in plan.report.problems)
            assert fingerprint(path) == before
            return
        outcome = apply_plan(plan, path)
        after = look(path)
        assert {finding.key for finding in after.problems} == {finding.key for finding in outcome.left}
        assert all(finding.applicability is Applicability.MANUAL for finding in outcome.left), "something could have been mended"
        assert after.verdict == ("problems" if outcome.left else "healthy")
        undo(find_run(path))
        assert fingerprint(path) == before
