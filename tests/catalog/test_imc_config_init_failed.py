"""The states of an Initial Machine Configuration, kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootmend.bcd import LocateDevice, PartitionDevice
from bootmend.catalog.bcd import imc_config_init_failed as rule
from bootmend.engine.diagnose import Report, diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.errors import RefusedError
from bootmend.model import Applicability
from bootmend.operations import CreateObject, SetElement, SetValue
from bootmend.samples import write_sample
from tests.catalog.conftest import edit

if TYPE_CHECKING:
    from pathlib import Path

STORE = (1, "\\Boot\\BCD")
SYSTEM = (1, "\\Windows\\System32\\config\\SYSTEM")
LOCATE = LocateDevice("element", rule.IMC_HIVE_NAME)
NAME = SetElement(*STORE, "{default}", "imchivename", "\\IMC.hiv")
DEVICE = SetElement(*STORE, "{default}", "imcdevice", LOCATE)


def look(path: Path | str, *codes: str) -> Report:
    with Target(str(path)) as target:
        return diagnose(target, rules=[rule.RULE.id], codes=codes)


def state(path: Path | str) -> tuple[str, Applicability]:
    report = look(path)
    assert not report.inconclusive
    (finding,) = report.findings
    return finding.details["state"], finding.applicability


def a_hive(folder: Path) -> bytes:
    return (folder / "Windows/System32/config/SOFTWARE").read_bytes()


def test_no_reference_is_healthy(folder: Path) -> None:
    assert look(folder).verdict == "healthy"


def test_the_hive_is_absent(folder: Path) -> None:
    edit(folder, NAME, DEVICE)
    assert state(folder) == ("absent", Applicability.SAFE)
    (finding,) = look(folder).findings
    assert "\\IMC.hiv" in {one.where for one in finding.evidence}
    assert "{default} {" in finding.sentence


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "empty"), (b"no hive at all" * 100, "not-a-hive"), (b"regf" + bytes(8192), "not-a-hive")],
)
def test_the_file_is_no_hive(folder: Path, content: bytes, expected: str) -> None:
    edit(folder, NAME, DEVICE)
    (folder / "imc.HIV").write_bytes(content)
    found, applicability = state(folder)
    assert found in {expected, "damaged"}
    assert applicability is Applicability.SAFE


def test_a_damaged_hive_cannot_be_loaded(folder: Path) -> None:
    edit(folder, NAME, DEVICE)
    damaged = bytearray(a_hive(folder))
    damaged[0x1000:0x1400] = bytes(0x400)
    (folder / "IMC.hiv").write_bytes(damaged)
    assert state(folder) == ("damaged", Applicability.SAFE)


def test_a_valid_hive_without_its_registry_side_needs_consent(folder: Path) -> None:
    edit(folder, NAME, DEVICE)
    (folder / "IMC.hiv").write_bytes(a_hive(folder))
    assert state(folder) == ("unregistered", Applicability.UNSAFE)
    with Target(str(folder)) as target:
        assert make_plan(target, Request(made_at=SAMPLE_TIME)).is_empty
        assert not make_plan(target, Request(made_at=SAMPLE_TIME, unsafe=True)).is_empty


def test_all_there_is_healthy(folder: Path) -> None:
    edit(folder, NAME, DEVICE)
    (folder / "IMC.hiv").write_bytes(a_hive(folder))
    edit(folder, SetValue.dword(*SYSTEM, "ControlSet001\\Control\\InitialMachineConfig", "Sequence", 1))
    assert look(folder).verdict == "healthy"


@pytest.mark.parametrize("lonely", [NAME, DEVICE], ids=["only imchivename", "only imcdevice"])
def test_one_element_without_the_other(folder: Path, lonely: SetElement) -> None:
    edit(folder, lonely)
    assert state(folder) == ("incomplete", Applicability.SAFE)


def test_one_element_beside_a_valid_hive_needs_consent(folder: Path) -> None:
    edit(folder, NAME)
    (folder / "IMC.hiv").write_bytes(a_hive(folder))
    assert state(folder) == ("incomplete", Applicability.UNSAFE)


def test_each_loader_is_judged_on_its_own(folder: Path) -> None:
    other = "{11111111-2222-3333-4444-555555555555}"
    edit(
        folder,
        CreateObject(*STORE, other, 0x10200003),
        SetElement(*STORE, other, "description", "Second"),
        SetElement(*STORE, other, "imchivename", "\\gone.hiv"),
        SetElement(*STORE, other, "imcdevice", LOCATE),
    )
    (finding,) = look(folder).findings
    assert finding.details["loader"] == other
    assert f'"Second" {other}' in finding.sentence


def test_a_device_that_is_not_on_the_disk(tmp_path: Path) -> None:
    disk = str(tmp_path / "disk.raw")
    write_sample(disk, generation=1, layout="usual", format="raw", size=4 << 30)
    edit(disk, NAME, SetElement(*STORE, "{default}", "imcdevice", PartitionDevice("MBR", "0x12345678", 0x100000)))
    report = look(disk)
    (finding,) = report.findings
    assert finding.details["state"] == "absent"
    assert any("names nothing on this disk" in one.found for one in finding.evidence)


# -- 0x67 with nothing on the disk to explain it ---------------------------------------------------------
def test_an_unexplained_code_is_said_plainly_and_offers_the_second_stage(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report = look(folder, "0x00000067")
    assert (report.verdict, report.exit_code, report.unexplained) == ("unexplained", 1, ("0x00000067",))
    assert [offer.details["base"] for offer in report.offers] == ["ControlSet001\\Control\\InitialMachineConfig"]
    with Target(str(folder)) as target:
        assert make_plan(target, Request(made_at=SAMPLE_TIME, codes=("0x00000067",), unsafe=True)).is_empty
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_second_stage_is_a_plan_of_its_own(folder: Path) -> None:
    request = Request(made_at=SAMPLE_TIME, codes=("0x00000067",), offer=rule.RULE.id)
    with Target(str(folder)) as target:
        plan = make_plan(target, request)
    assert {(change.group, change.name, change.after) for change in plan.changes} == {
        ("ControlSet001\\Control\\InitialMachineConfig\\_Global", "ErrorControlPolicy", "0 (REG_DWORD)"),
        ("ControlSet001\\Control\\InitialMachineConfig\\System", "ErrorControlPolicy", "0 (REG_DWORD)"),
    }
    apply_plan(plan, str(folder))
    assert look(folder, "0x00000067").offers == ()


def test_the_control_set_is_that_of_the_offline_select(folder: Path) -> None:
    edit(
        folder,
        SetValue.dword(*SYSTEM, "Select", "Current", 2),
        SetValue.dword(*SYSTEM, "ControlSet002\\Control", "Anything", 1),
    )
    (offer,) = look(folder, "0x00000067").offers
    assert offer.details["base"].startswith("ControlSet002")


def test_no_offer_without_the_code_or_beside_a_finding(folder: Path) -> None:
    assert look(folder).offers == ()
    with Target(str(folder)) as target, pytest.raises(RefusedError, match="only where one of its stop codes was seen"):
        make_plan(target, Request(made_at=SAMPLE_TIME, offer=rule.RULE.id))
    edit(folder, NAME, DEVICE)
    assert look(folder, "0x00000067").offers == ()
    with Target(str(folder)) as target, pytest.raises(RefusedError, match="repair that first"):
        make_plan(target, Request(made_at=SAMPLE_TIME, codes=("0x00000067",), offer=rule.RULE.id))
