"""A store that was being written when the machine stopped: what its log holds counts, and is kept by a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import Store
from bootmend.catalog.bcd import imc_config_init_failed as rule
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.errors import RefusedError
from bootmend.registry import Hive, check
from bootmend.source import MemorySource
from tests.catalog.conftest import change, folder, own_state
from tests.registry.raw_hive import dirty, new_log

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["folder", "own_state"]


@pytest.fixture
def pending(folder: Path) -> Path:
    """The fault is only in BCD.LOG so far: the store itself is dirty and still as it was before."""
    path = folder / "Boot" / "BCD"
    before = path.read_bytes()
    change(folder, rule.break_)
    after = path.read_bytes()
    hive = dirty(before, sequence=41)
    path.write_bytes(hive)
    (folder / "Boot" / "BCD.LOG").write_bytes(new_log(hive, 41, [before, after]))
    return folder


def test_what_the_log_holds_is_found(pending: Path) -> None:
    with Target(str(pending)) as target:
        report = diagnose(target)
    assert [finding.rule for finding in report.findings] == [rule.RULE.id]
    assert any("nothing was written" in remark for remark in report.remarks)


def test_a_repair_applies_the_log_first(pending: Path) -> None:
    path, log = pending / "Boot" / "BCD", pending / "Boot" / "BCD.LOG"
    before, log_before = path.read_bytes(), log.read_bytes()
    with Target(str(pending)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME))
    outcome = apply_plan(plan, str(pending))
    hive = Hive(MemorySource(path.read_bytes()))
    assert check(MemorySource(path.read_bytes())) == []
    assert hive.base.sequence1 == hive.base.sequence2 > 41
    loader = Store(hive).loaders()[0]
    assert loader.element("imchivename") is None
    assert log.read_bytes() == log_before
    undo(find_run(outcome.run_id))
    assert path.read_bytes() == before


def test_a_dirty_store_without_its_log_is_inconclusive_and_not_edited(pending: Path) -> None:
    (pending / "Boot" / "BCD.LOG").unlink()
    before = (pending / "Boot" / "BCD").read_bytes()
    with Target(str(pending)) as target:
        report = diagnose(target)
        assert (report.verdict, report.exit_code) == ("inconclusive", 3)
        with pytest.raises(RefusedError):
            make_plan(target, Request(made_at=SAMPLE_TIME, serial_console=True))
    assert (pending / "Boot" / "BCD").read_bytes() == before
