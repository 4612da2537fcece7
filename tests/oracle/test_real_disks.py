"""The main job on disks made by others: real stores and hives, broken by hivex, repaired by us, judged by everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from bootmend.bcd import enum_text
from bootmend.engine.diagnose import Report, diagnose
from bootmend.engine.plan import Request, make_plan
from bootmend.engine.repair import apply_plan, find_run, undo
from bootmend.engine.sample import SAMPLE_TIME
from bootmend.engine.target import Target
from bootmend.machine import volume_text
from tests.catalog.disks import fingerprint
from tests.oracle.disks import as_raw, checker_lines, elements, extract, make_disks, readers_agree, real_file
from tests.support import shared_data

if TYPE_CHECKING:
    from pathlib import Path

DRIVERS = "inaccessible-boot-device"
"""Found on some of the made disks, too: their few services are not those of a Windows that could start."""
pytestmark = pytest.mark.oracle
IMC = {"21000138", "22000137"}


class Case(NamedTuple):
    """A disk to be made."""

    generation: int
    layout: str
    store: str
    image_format: str


CASES = (
    Case(1, "usual", "TechInTech_boot-bcd*", "vhd-dynamic"),
    Case(1, "usual", "mhkarimi1383_bcd_*", "vhd-fixed"),
    Case(1, "single", "trolldbois_sample-bcd-1*", "raw"),
    Case(2, "usual", "mkorman90_regipy*", "vhd-dynamic"),
    Case(2, "usual", "AdrianAmerico_efi-microsoft-boot*", "raw"),
    Case(2, "usual", "F4nnnnn_efi-microsoft-boot*", "vhd-fixed"),
)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


def look(path: str) -> Report:
    with Target(path) as target:
        return diagnose(target)


def store_place(path: str) -> dict[str, int]:
    with Target(path) as target:
        volume = target.machine.stores[0].volume
        assert volume.partition is not None
        return {"offset": volume.partition.offset, "size": volume.partition.size}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"gen{case.generation}-{case.layout}-{case.image_format}")
def test_real_stores_on_real_file_systems(case: Case, tmp_path: Path) -> None:
    store = real_file(tmp_path, "bcd", case.store)
    system = real_file(tmp_path, "hives", "regipy_SYSTEM.xz")
    options = ["--gen", str(case.generation), "--layout", case.layout, "--bcd", store, "--system", system, "--pad-mb", "1"]
    if case.image_format != "vhd-dynamic":  # the checker reads these from end to end
        options += ["--size-gib", "1.5"]
    (tmp_path / "disk").mkdir()
    image = make_disks(tmp_path / "disk", *options, image_format=case.image_format)
    place = store_place(image)
    original = fingerprint(image)
    before_lines = checker_lines(image)
    before = elements(extract(as_raw(image, tmp_path), case.generation, place, tmp_path))

    report = look(image)
    assert [finding.rule for finding in report.problems if finding.rule != DRIVERS] == ["imc-config-init-failed"]
    assert not report.inconclusive
    with Target(image) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, serial_console=True))
    outcome = apply_plan(plan, image)
    assert look(image).verdict == "healthy"

    hive = extract(as_raw(image, tmp_path), case.generation, place, tmp_path)
    readers_agree(hive)
    assert checker_lines(image) == before_lines
    after = elements(hive)
    named = {"16000020", "26000020", "25000004", "260000b0", "15000022", "15000023"}
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {key.rpartition("\\")[2] for key, _ in changed if not key.endswith("description")} <= IMC | named
    assert not any(key.rpartition("\\")[2] in IMC for key, _ in after)
    assert before.keys() - after.keys() == {key for key in before if key[0].rpartition("\\")[2] in IMC}

    undo(find_run(outcome.run_id))
    assert fingerprint(image) == original


def test_the_seed_disk(tmp_path: Path) -> None:
    """The article's own machine: its store, its single partition; its steps 5, 6 and 9."""
    image = make_disks(tmp_path, "--gen", "1", "--layout", "seed", "--size-gib", "1.5")
    report = look(image)
    assert [finding.rule for finding in report.findings] == ["imc-config-init-failed"]
    assert report.findings[0].details["loader"] == "{3d2f1a60-67ab-11ee-9b1c-00155d010067}"
    assert any("{bootmgr} is unknown" in remark for remark in report.remarks)

    printed = (shared_data("bcd") / "enum_outputs" / "ws2016_store_enum_imc.txt").read_text()
    # make_disks.py writes the loader's locale as en-us, the article prints en-US.
    printed = printed.replace("{<IDENTIFIER>}", "{X}").replace("{current}", "{X}").replace("en-US", "en-us")
    assert enum(image) == printed

    with Target(image) as target:
        plan = make_plan(target, Request(made_at=SAMPLE_TIME, serial_console=True))
    original = fingerprint(image)
    before = elements(extract(image, 1, store_place(image), tmp_path))
    outcome = apply_plan(plan, image)
    after = elements(extract(image, 1, store_place(image), tmp_path))
    loader = "objects\\{3d2f1a60-67ab-11ee-9b1c-00155d010067}\\elements\\"
    bootmgr = "objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\elements\\"
    ems = "objects\\{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}\\elements\\"
    yes = (3, "01")
    expected = before | {
        (bootmgr + "26000020", "Element"): yes,
        (bootmgr + "25000004", "Element"): (3, (5).to_bytes(8, "little").hex()),
        (bootmgr + "16000020", "Element"): yes,
        (loader + "260000b0", "Element"): yes,
        (ems + "15000022", "Element"): (3, (1).to_bytes(8, "little").hex()),
        (ems + "15000023", "Element"): (3, (115200).to_bytes(8, "little").hex()),
    }
    del expected[loader + "21000138", "Element"], expected[loader + "22000137", "Element"]
    assert after == expected
    undo(find_run(outcome.run_id))
    assert fingerprint(image) == original


def enum(image: str) -> str:
    """``/enum`` of the first store, the loader's id masked as the article masks it."""
    with Target(image) as target:
        machine = target.machine
        text = enum_text(machine.stores[0].store, resolver=lambda device: volume_text(machine, device))
    return text.lstrip("\n").replace("{3d2f1a60-67ab-11ee-9b1c-00155d010067}", "{X}")
