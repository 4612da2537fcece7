"""``bootmend check``: what it says, in which format, and that it leaves the disk alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bootmend.catalog import rule_places
from tests.catalog.disks import fingerprint
from tests.cli.running import IMC, LOADER
from tests.cli.schema_check import validate

if TYPE_CHECKING:
    from tests.cli.running import Bootmend, MakeDisk


def test_the_finding_names_what_is_wrong_and_what_to_type(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    before = fingerprint(str(path))
    said = bootmend("check", path, "--vm", "web01", expect=1)
    assert "dynamic VHD, 1 GiB · MBR, generation 1" in said.out
    assert f"✗ {IMC}   stops with 0x67 CONFIG_INITIALIZATION_FAILED" in said.out
    assert "{default}" in said.out
    assert LOADER in said.out
    assert "{current}" not in said.out
    for fact in ("locate=\\IMC.hiv", "imchivename", "not found on volume 1 and volume 2", "fix: safe", "undoable"):
        assert fact in said.out
    assert f"more: bootmend explain {IMC} --disk {path} --vm web01" in said.out
    assert f"next: stop the VM and keep a copy, then  bootmend repair {path} --vm web01" in said.out
    assert "Nothing was written." in said.out
    assert said.err == ""
    assert fingerprint(str(path)) == before


@pytest.mark.parametrize("gen", [1, 2])
@pytest.mark.parametrize("form", ["raw", "vhd-dynamic", "vhd-fixed"])
def test_a_healthy_disk(bootmend: Bootmend, disk: MakeDisk, gen: int, form: str) -> None:
    path = disk("healthy", gen=gen, form=form)
    said = bootmend("check", path, expect=0)
    assert f"✓ healthy: none of the {len(rule_places())} known problems is on this disk" in said.out
    assert "next:" not in said.out
    report = validate(bootmend("check", path, "--format", "json", expect=0).json, "report")
    assert report["verdict"] == "healthy"
    assert report["machine"]["generation"] == gen


def test_the_report_has_the_fixed_names(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    report = validate(bootmend("check", path, "--code", "0x67", "--format", "json", expect=1).json, "report")
    assert set(report) >= {"schema", "target", "machine", "findings", "verdict"}
    (finding,) = report["findings"]
    names = {"rule", "title", "severity", "applicability", "stop_codes", "sentence", "evidence", "operations"}
    assert set(finding) >= names
    assert all(set(fact) >= {"what", "where", "found", "expected"} for fact in finding["evidence"])
    assert finding["stop_codes"] == ["0x00000067"]
    assert finding["applicability"] == "safe"
    assert finding["operations"]
    assert report["target"]["path"] == str(path)
    assert report["verdict"] == "problems"
    assert report["codes"] == ["0x00000067"]
    assert report["unexplained"] == []


def test_jsonl_is_one_line(bootmend: Bootmend, disk: MakeDisk) -> None:
    said = bootmend("check", disk(), "--format", "jsonl", expect=1)
    assert said.out.count("\n") == 1
    validate(json.loads(said.out), "report")


@pytest.mark.parametrize(
    "spelling", ["0x67", "67", "67h", "0x00000067", "CONFIG_INITIALIZATION_FAILED", "config initialization failed"]
)
def test_a_code_that_nothing_explains(bootmend: Bootmend, disk: MakeDisk, spelling: str) -> None:
    path = disk("healthy")
    said = bootmend("check", path, "--code", spelling, expect=1)
    assert "0x67 was reported, but nothing on this disk explains it. Nothing was written." in said.out
    assert f"bootmend plan {path} --code 0x67 --offer {IMC}" in said.out
    report = validate(bootmend("check", path, "--code", spelling, "--format", "json", expect=1).json, "report")
    assert report["verdict"] == "unexplained"
    assert report["unexplained"] == ["0x00000067"]
    assert [offer["rule"] for offer in report["offers"]] == [IMC]


def test_only_the_rules_asked_for(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    said = bootmend("check", path, "--rule", "safeboot-set", expect=0)
    assert "✓ healthy: safeboot-set is not on this disk" in said.out
    said = bootmend("check", path, "--rule", IMC, expect=1)
    assert f"bootmend repair {path} --rule {IMC}" in said.out


def test_exit_zero(bootmend: Bootmend, disk: MakeDisk) -> None:
    assert "✗" in bootmend("check", disk(), "--exit-zero", expect=0).out


def test_markdown_and_html(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    page = bootmend("check", path, "--format", "md", expect=1).out
    assert page.startswith("# Boot report: ")
    assert f"### {IMC} (error, stops with 0x67)" in page
    assert LOADER in page
    assert "UTC" in page
    html = bootmend("check", path, "--vm", "<b>", "--format", "html", expect=1).out
    assert html.startswith("<!doctype html>")
    assert "<title>Boot report: &lt;b&gt;</title>" in html
    assert "<b>" not in html
    assert "<script" not in html
    assert "src=" not in html


def test_a_machine_in_a_directory(bootmend: Bootmend, disk: MakeDisk, tmp_path: object) -> None:
    from pathlib import Path

    from bootmend.engine.target import Target

    assert isinstance(tmp_path, Path)
    folder = tmp_path / "machine"
    with Target(str(disk())) as target:
        for volume in target.machine.volumes:
            for name in ("\\Boot\\BCD", "\\Windows\\System32\\config\\SYSTEM", "\\Windows\\System32\\config\\SOFTWARE"):
                if volume.tree.lookup(name):
                    file = folder.joinpath(*name.strip("\\").split("\\"))
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(volume.tree.read(name))
    said = bootmend("check", folder, expect=1)
    assert "a directory" in said.out
    assert IMC in said.out
    assert "--output NEW" not in said.out
    report = validate(bootmend("check", folder, "--format", "json", expect=1).json, "report")
    assert report["machine"]["scheme"] == "none"


def test_a_name_with_spaces_and_quotes_can_be_pasted(bootmend: Bootmend, disk: MakeDisk) -> None:
    import shlex

    path = disk(name="my disks/it's web 01.vhd")
    said = bootmend("check", path, "--vm", "web 01", expect=1)
    (line,) = [line for line in said.out.splitlines() if line.startswith("next:")]
    words = shlex.split(line.partition("then ")[2])
    assert words == ["bootmend", "repair", str(path), "--vm", "web 01"]
    assert bootmend(*words[1:], "--yes", expect=0)


def test_how_long_each_rule_took(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy")
    said = bootmend("check", path, "--timings", expect=0)
    assert "slowest rule: " in said.err
    assert all(rule in said.err for rule in rule_places())
    document = validate(bootmend("check", path, "--format", "json", expect=0).json, "report")
    assert {one["rule"] for one in document["timings"]} == {"(the disk)", *rule_places()}


@pytest.mark.parametrize(("gen", "other"), [(1, "2"), (2, "1")])
def test_a_machine_of_the_other_generation(bootmend: Bootmend, disk: MakeDisk, gen: int, other: str) -> None:
    path = disk("healthy", gen=gen)
    bootmend("check", path, "--generation", str(gen), expect=0)
    document = bootmend("check", path, "--generation", other, "--format", "json", expect=1).json
    (finding,) = validate(document, "report")["findings"]
    assert (finding["rule"], finding["applicability"]) == ("generation-mismatch", "manual")
    assert (finding["role"], finding["confidence"]) == ("primary", "certain")


def test_a_fault_that_hid_the_disk_leaves_no_doubt_when_it_is_mended(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy", form="raw")
    with path.open("r+b") as file:
        file.seek(510)
        file.write(bytes(2))
    assert "partition table: could not be judged" in bootmend("check", path, expect=1).out
    bootmend("repair", path, "--yes", expect=0)
    bootmend("check", path, expect=0)
