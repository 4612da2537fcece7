"""Saved sessions and damaged file systems: when to speak, when to be silent, and what is never done."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bootmend.catalog.disk import hibernation_resume_failure, ntfs_corruption
from bootmend.engine.diagnose import diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.sample import SAMPLE_TIME, make_sample
from bootmend.engine.target import Target
from bootmend.errors import RefusedError
from bootmend.model import Applicability, Severity
from bootmend.operations import SetElement
from bootmend.samples import write_sample
from tests.catalog.conftest import change, edit
from tests.catalog.disks import SIZE
from tests.support import needs

if TYPE_CHECKING:
    from pathlib import Path

    from bootmend.engine.diagnose import Report

SESSION = "\\hiberfil.sys"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A healthy machine with one volume."""
    path = tmp_path / "disk.raw"
    write_sample(path, generation=1, layout="single", format="raw", size=SIZE)
    return path


def look(path: Path, *codes: str) -> Report:
    with Target(str(path)) as target:
        return diagnose(target, codes=codes)


def save_session(path: Path, signature: bytes) -> None:
    change(path, lambda workspace: workspace.create_file(1, SESSION, signature.ljust(65536, b"\1")))


# -- saved sessions ---------------------------------------------------------------------------------------------
def test_fast_startup_is_no_fault(disk: Path) -> None:
    save_session(disk, b"HIBR")
    assert look(disk).findings == ()


@pytest.mark.parametrize("code", ["0xC0000411", "0x000000A0"])
def test_a_whole_session_is_offered_where_a_failed_resume_was_seen(disk: Path, code: str) -> None:
    save_session(disk, b"HIBR")
    (offer,) = look(disk, code).offers
    assert (offer.rule, offer.severity, offer.applicability) == (
        hibernation_resume_failure.RULE.id,
        Severity.NOTE,
        Applicability.UNSAFE,
    )


def test_a_session_that_was_discarded_before_is_none(disk: Path) -> None:
    save_session(disk, bytes(4))
    assert look(disk, "0xC0000411").offers == ()


def test_a_session_is_nobody_s_to_discard_without_consent(disk: Path) -> None:
    save_session(disk, b"RSTR")
    with Target(str(disk)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME))
    assert plan.is_empty
    assert [finding.rule for finding in plan.left] == ["hibernation-resume-failure"]


def test_only_the_first_sector_of_the_session_is_written(disk: Path) -> None:
    save_session(disk, b"RSTR")
    with Target(str(disk)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True))
    assert [(one.before, one.after) for one in plan.changes] == [("RSTR", "discarded")]
    assert plan.bytes_changed == 512


def test_the_boot_manager_is_told_not_to_resume(disk: Path) -> None:
    save_session(disk, b"RSTR")
    edit(disk, SetElement(1, "\\Boot\\BCD", "{bootmgr}", "resume", value=True))
    with Target(str(disk)) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True))
    assert {(one.name, one.after) for one in plan.changes} == {("signature", "discarded"), ("resume", None)}


# -- damaged file systems ---------------------------------------------------------------------------------------
def test_no_file_is_made_on_a_volume_that_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    make_sample("ntfs-corruption", str(path), generation=1, layout="single", image_format="raw", size=SIZE)
    with pytest.raises(RefusedError):
        change(path, lambda workspace: workspace.create_file(1, "\\new.txt", b"new"))


def test_an_unreadable_mft_is_named_and_hides_the_rest(disk: Path) -> None:
    def wipe(workspace: object) -> None:
        volume = workspace.machine.volumes[0]  # type: ignore[attr-defined]
        boot = volume.tree.boot
        workspace.write_volume(1, boot.mft * boot.cluster, bytes(8 * boot.record))  # type: ignore[attr-defined]

    change(disk, wipe)
    report = look(disk)
    assert [finding.rule for finding in report.findings] == [ntfs_corruption.RULE.id]
    assert report.findings[0].hides
    assert report.findings[0].applicability is Applicability.MANUAL


@pytest.mark.oracle
def test_another_program_sees_the_mark(disk: Path, tmp_path: Path) -> None:
    """The mark that ``break_`` sets is the one that ntfs-3g reads."""
    needs("ntfsinfo", "dd")
    make_sample("ntfs-corruption", str(tmp_path / "ill.raw"), generation=1, layout="single", image_format="raw", size=SIZE)
    for path, dirty in ((disk, False), (tmp_path / "ill.raw", True)):
        volume = tmp_path / "volume"
        with Target(str(path)) as target:
            source = target.machine.volumes[0].source
            assert source is not None
            start = target.machine.volumes[0].partition.offset  # type: ignore[union-attr]
        subprocess.run(
            ["dd", f"if={path}", f"of={volume}", "bs=1M", f"skip={start >> 20}", "conv=sparse", "status=none"],
            check=True,
            timeout=60,
        )
        shown = subprocess.run(["ntfsinfo", "-m", "-f", str(volume)], capture_output=True, text=True, timeout=60, check=False)
        assert ("DIRTY" in shown.stdout.upper()) is dirty, shown.stdout + shown.stderr
        volume.unlink()
