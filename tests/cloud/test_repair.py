"""Whole rescues: the real command, the real libraries of Microsoft, a stand-in for the Resource Manager, a real Azurite."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.cloud.arm.state import GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.arm.scene import Scene
    from tests.cloud.conftest import Azure, MakeScene

pytestmark = pytest.mark.oracle
VM = ("-g", GROUP, "-n", "web01")
RULE = "imc-config-init-failed"
GOOD = {"deallocate": 1, "swap": 1, "start": 1, "create disks": 1, "upload closed": 1}


def content(scene: Scene, blob: str) -> str:
    """A hash of all that is allocated in a blob, with its place."""
    digest = hashlib.sha256()
    for start, length in scene.blobs.ranges(blob):
        data = scene.blobs.read(blob, start, length)
        digest.update(f"{start}".encode() + data)
    return digest.hexdigest()


def run_of(text: str) -> str:
    return text.split("(run ")[1][:8]


@pytest.mark.parametrize("generation", [1, 2])
def test_repair_and_undo(scene: MakeScene, azure: Azure, generation: int) -> None:
    cloud = scene(f"ill{generation}")
    before = content(cloud, cloud.disk("web01-os")["blob"])
    answer = azure(cloud, "repair", *VM, "--yes", expect=0)
    run = run_of(answer.out)
    new = cloud.disk(cloud.os_disk)
    assert cloud.os_disk == f"web01-os-br{run}-disk"
    assert "repaired, and booted" in answer.out
    assert {name: cloud.state.effects[name] for name in GOOD} == GOOD
    assert cloud.state.grants == set()
    original = cloud.disk("web01-os")
    for key in ("location", "zones", "sku"):
        assert new.get(key) in (original[key], {"name": original[key]["name"]} if key == "sku" else None), key
    for key in ("hyperVGeneration", "osType", "diskSizeBytes", "encryption"):
        assert new["properties"][key] == original["properties"][key]
    assert new["tags"] == {"team": "web", "bootmend-run": run}
    assert cloud.state.vms["web01"]["tags"] == {"team": "web"}
    assert content(cloud, original["blob"]) == before
    back = azure(cloud, "undo", run, "--yes", expect=0)
    assert "original disk is in the VM again" in back.out
    assert cloud.os_disk == "web01-os"
    assert cloud.state.vms["web01"]["power"] == "running"


def test_only_the_plan_is_changed(scene: MakeScene, azure: Azure, tmp_path: Path) -> None:
    """The new disk is the old one with the patches of the plan that was shown, and nothing else."""
    cloud = scene("ill2")
    azure(cloud, "plan", *VM, "-o", str(tmp_path / "plan.json"), expect=1)
    kept = json.loads((tmp_path / "plan.json").read_text())
    assert cloud.state.snapshots == {}
    azure(cloud, "apply", str(tmp_path / "plan.json"), "--yes", expect=0)
    old, new = cloud.disk("web01-os")["blob"], cloud.disk(cloud.os_disk)["blob"]
    differing = {
        offset
        for start, length in cloud.blobs.ranges(new)
        for offset in _differences(cloud.blobs.read(old, start, length), cloud.blobs.read(new, start, length), start)
    }
    allowed = {byte for one in kept["plan"]["patches"] for byte in range(one["offset"], one["offset"] + one["length"])}
    assert differing
    assert differing <= allowed


def _differences(before: bytes, after: bytes, start: int) -> list[int]:
    return [start + index for index, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]


def test_a_healthy_machine_is_left_alone(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("well1")
    cloud.state.screens["web01"] = (None, None)
    answer = azure(cloud, "repair", *VM, "--yes", expect=0)
    assert "no problem found" in answer.out
    assert cloud.state.effects["deallocate"] == cloud.state.effects["create disks"] == 0
    assert cloud.state.snapshots == {}
    assert cloud.state.vms["web01"]["tags"] == {"team": "web"}


def test_check_makes_and_removes_only_its_snapshot(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    answer = azure(cloud, "check", *VM, "--format", "json", expect=1)
    assert [one["rule"] for one in answer.json["findings"]] == ["imc-config-init-failed"]
    assert set(cloud.state.effects) == {"create snapshots", "grant snapshots", "delete snapshots"}
    assert cloud.state.snapshots == {}
    assert cloud.state.grants == set()


def test_dry_run_stops_at_consent(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    azure(cloud, "repair", *VM, "--dry-run", expect=1)
    assert cloud.state.vms["web01"]["power"] == "running"
    assert cloud.state.snapshots == {}
    assert len(cloud.state.disks) == 1


def test_without_consent_nothing_is_made(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    azure(cloud, "repair", *VM, expect=4)
    assert not cloud.state.requests


def test_a_machine_that_still_fails_gets_its_disk_back(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    cloud.state.on_swap = lambda _: None
    answer = azure(cloud, "repair", *VM, "--yes", "--swap-back", expect=8)
    assert "has its old disk again" in answer.out
    assert cloud.os_disk == "web01-os"
    assert cloud.state.vms["web01"]["power"] == "running"


def test_what_is_left_is_listed_and_deleted(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    run = run_of(azure(cloud, "repair", *VM, "--yes", expect=0).out)
    assert [*cloud.state.snapshots] == [f"web01-os-br{run}-snap"]
    answer = azure(cloud, "cleanup", "-g", GROUP, expect=4)
    assert f"web01-os-br{run}-snap" in answer.out
    azure(cloud, "cleanup", "-g", GROUP, "--yes", expect=0)
    assert cloud.state.snapshots == {}
    assert set(cloud.state.disks) == {"web01-os", cloud.os_disk.lower()}
    runs = azure(cloud, "runs", "--format", "json", expect=0).json["runs"]
    assert [(one["run"], one["outcome"], one["verdict"]) for one in runs] == [(run, "repaired", "booted")]


def test_the_classic_way(scene: MakeScene, azure: Azure) -> None:
    """A copy on another VM, and back; the copy is repaired here, as the other VM would."""
    cloud = scene("ill1")
    helper = cloud.state.add_vm("fixer", generation=1, blob="", size=1 << 35)
    helper["properties"]["storageProfile"]["osDisk"]["osType"] = "Windows"
    answer = azure(cloud, "attach", *VM, "--repair-vm", "fixer", "--yes", expect=0)
    assert "another one as soon as it is brought online" in answer.err
    (copy,) = [name for name in cloud.state.disks if name.endswith("-copy")]
    assert cloud.disk(copy)["managedBy"] == helper["id"]
    assert "/dev/disk/azure/scsi1/lun0" in answer.out
    assert cloud.state.snapshots == {}
    again = azure(cloud, "attach", *VM, "--repair-vm", "fixer", "--yes", expect=0)
    assert again.out == answer.out
    assert cloud.state.effects["attach"] == cloud.state.effects["create snapshots"] == 1
    azure(cloud, "swap", *VM, "--disk", copy, "--repair-vm", "fixer", "--yes", expect=0)
    assert cloud.os_disk == copy
    assert cloud.state.vms["web01"]["power"] == "running"
    assert helper["properties"]["storageProfile"]["dataDisks"] == []


def test_what_is_printed_for_programs_fits_its_schema(scene: MakeScene, azure: Azure, tmp_path: Path) -> None:
    from tests.cli.schema_check import validate

    cloud = scene("ill1")
    cloud.state.vms["web01"]["properties"]["diagnosticsProfile"] = {}
    report = tmp_path / "report.md"
    plan = tmp_path / "plan.json"
    azure(cloud, "plan", *VM, "-o", str(plan), expect=1)
    validate(json.loads(plan.read_text()), "azure-plan")
    answer = azure(
        cloud,
        "repair",
        *VM,
        "--yes",
        "--format",
        "json",
        "--enable-diagnostics",
        "--report",
        str(report),
        "--rule",
        RULE,
        expect=0,
    )
    validate(answer.json, "rescue")
    assert (answer.json["outcome"], answer.json["verdict"]) == ("repaired", "booted")
    assert [one["kind"] for one in answer.json["left_behind"]] == ["disks", "snapshots"]
    assert "0x67" in report.read_text()
    assert cloud.state.vms["web01"]["properties"]["diagnosticsProfile"] == {"bootDiagnostics": {"enabled": True}}
    back = azure(cloud, "undo", answer.json["run"], "--yes", "--format", "json", expect=0)
    validate(back.json, "rescue")
    validate(azure(cloud, "runs", "--format", "json", expect=0).json, "rescues")


def test_nobody_is_claimed_to_have_booted_who_was_not_seen(scene: MakeScene, azure: Azure) -> None:
    cloud = scene("ill1")
    cloud.state.on_swap = lambda _: cloud.state.screens.update(web01=(None, None))
    answer = azure(cloud, "repair", *VM, "--yes", "--rule", RULE, expect=0)
    assert "whether it boots could not be checked" in answer.out


def test_a_changed_plan_is_not_carried_out(scene: MakeScene, azure: Azure, tmp_path: Path) -> None:
    cloud = scene("ill1")
    plan = tmp_path / "plan.json"
    azure(cloud, "plan", *VM, "-o", str(plan), expect=1)
    kept = json.loads(plan.read_text())
    kept["plan"]["patches"][0]["after_sha256"] = "0" * 64
    plan.write_text(json.dumps(kept))
    azure(cloud, "apply", str(plan), "--yes", expect=4)
    assert cloud.state.vms["web01"]["power"] == "running"
    assert cloud.os_disk == "web01-os"
    plan.write_text("{}")
    azure(cloud, "apply", str(plan), "--yes", expect=2)
