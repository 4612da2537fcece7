"""``--screenshot`` and ``--serial`` beside a disk: read by the product itself, from pictures and logs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import IMC, environment, spawn
from tests.cli.schema_check import validate
from tests.screen.pages import CLASSIC
from tests.support import shared_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk

CONFIG = CLASSIC.replace("0000007B", "00000067").replace("INACCESSIBLE_BOOT_DEVICE", "CONFIG_INITIALIZATION_FAILED")
EXPLAINED = f"The screen shows 0x67 CONFIG_INITIALIZATION_FAILED, and {IMC} on the disk explains it (code 0x67)."


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "serial.log"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def other_log(tmp_path: Path) -> Path:
    path = tmp_path / "other.log"
    path.write_text(CLASSIC, encoding="utf-8")
    return path


def screen_of(path: Path, text: str) -> Path:
    """A stop screen of Windows 7: 640 x 480, white on blue, in a fixed font."""
    pytest.importorskip("numpy")
    from tests.screen.drawing import draw, encoded, font

    frame = draw(text.splitlines(), font("vga 8x14"), size=(640, 480), colours=((0, 0, 128), (255, 255, 255)), at=(0, 14))
    path.write_bytes(encoded(frame))
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return screen_of(tmp_path / "web01.png", CONFIG)


def words(text: str) -> str:
    """Text without the breaks and blanks of its lines."""
    return " ".join(text.split())


# -- check ---------------------------------------------------------------------------------------
def test_a_log_is_explained_by_the_disk(bootmend: Bootmend, disk: MakeDisk, log: Path) -> None:
    out = bootmend("check", disk(), "--serial", log, expect=1).out
    assert EXPLAINED in words(out)
    assert out.index("✓ screen   0x67 CONFIG_INITIALIZATION_FAILED, certain") < out.index(f"✗ {IMC}")


def test_a_picture_is_explained_by_the_disk(bootmend: Bootmend, disk: MakeDisk, picture: Path) -> None:
    assert EXPLAINED in words(bootmend("check", disk(), "--screenshot", picture, expect=1).out)


def test_a_contradiction(bootmend: Bootmend, disk: MakeDisk, other_log: Path) -> None:
    out = words(bootmend("check", disk(), "--serial", other_log, expect=1).out)
    assert f"The screen shows 0x7B INACCESSIBLE_BOOT_DEVICE, but {IMC}, which was found on the disk, stops with 0x67" in out
    assert "look at:" in out
    assert out.count("0x7B") == 2  # the mark and the sentence; it is not said once more as a code that was reported


def test_nothing_explains_it(bootmend: Bootmend, disk: MakeDisk, other_log: Path) -> None:
    path = disk("healthy")
    out = bootmend("check", path, "--serial", other_log, expect=1).out
    assert "The screen shows 0x7B INACCESSIBLE_BOOT_DEVICE; nothing found on the disk explains it." in words(out)
    assert "No problem found that explains the screen." in out
    assert "storport.sys: the screen names it" in out
    bootmend("check", path, "--serial", other_log, "--exit-zero", expect=0)


@pytest.mark.parametrize("output_format", ["json", "jsonl"])
def test_json_has_the_screen(bootmend: Bootmend, disk: MakeDisk, picture: Path, log: Path, output_format: str) -> None:
    path = disk()
    document = bootmend("check", path, "--screenshot", picture, "--serial", log, "--format", output_format, expect=1).json
    screen = validate(document, "report")["screen"]
    assert (screen["relation"], screen["sentence"]) == ("explained", EXPLAINED)
    assert [one["rule"] for one in screen["explained_by"]] == [IMC]
    assert [one["file"] for one in screen["readings"]] == [str(picture), str(log)]
    validate({"schema": "bootmend.reading/1", "version": "0", "readings": screen["readings"]}, "reading")
    assert document["codes"] == ["0x00000067"]
    assert validate(bootmend("check", path, "--format", "json", expect=1).json, "report")["screen"] is None


def test_markdown_has_the_screen(bootmend: Bootmend, disk: MakeDisk, log: Path) -> None:
    page = bootmend("check", disk(), "--serial", log, "--format", "md", expect=1).out
    assert "## Screen" in page
    assert "explains it (code 0x67)." in page


def test_html_has_the_picture_and_its_boxes(bootmend: Bootmend, disk: MakeDisk, picture: Path) -> None:
    page = bootmend("check", disk(), "--screenshot", picture, "--format", "html", expect=1).out
    assert page.count('src="data:image/png;base64,') == 1
    assert 'class="box"' in page
    assert "stop code</text>" in page


def test_frames_of_one_machine(bootmend: Bootmend, disk: MakeDisk, picture: Path, tmp_path: Path) -> None:
    second = screen_of(tmp_path / "2.png", CONFIG)
    out = bootmend("check", disk(), "--screenshot", picture, "--screenshot", second, expect=1).out
    assert "note: the last two of 2 frames agree" in out


def test_a_code_named_and_a_code_seen(bootmend: Bootmend, disk: MakeDisk, other_log: Path) -> None:
    document = bootmend("check", disk(), "--code", "0x67", "--serial", other_log, "--format", "json", expect=1).json
    assert document["codes"] == ["0x00000067", "0x0000007B"]
    assert document["unexplained"] == ["0x0000007B"]


def test_a_screen_that_windows_has_started_behind(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = tmp_path / "sac.log"
    path.write_text("Computer is booting, SAC started and initialized.\r\n\r\nSAC>", encoding="utf-8")
    screen = bootmend("check", disk(), "--serial", path, "--format", "json", expect=1).json["screen"]
    assert screen["relation"] == "started"
    healthy = bootmend("check", disk("healthy", name="h.vhd"), "--serial", path, "--format", "json", expect=0).json["screen"]
    assert healthy["relation"] == "agreed"


# -- what is not there, or cannot be read --------------------------------------------------------
def test_a_name_that_is_wrong_is_said_before_the_disk_is_read(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    answer = bootmend("check", disk(), "--screenshot", tmp_path / "none.png", expect=3)
    assert "none.png" in answer.err
    assert answer.out == ""


def test_what_is_no_picture_does_not_keep_the_disk_from_being_checked(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"%PDF-1.7\n")
    target = disk()
    for output_format in ("human", "html", "md"):
        out = bootmend("check", target, "--screenshot", path, "--format", output_format, expect=1).out
        assert "The screen was not recognised; the disk was checked without it." in out
        assert "this is a PDF" in out
        assert IMC in out


def test_a_missing_extra_is_named_with_its_command(
    bootmend: Bootmend, disk: MakeDisk, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = disk()
    monkeypatch.setitem(sys.modules, "PIL", None)
    out = bootmend("check", target, "--screenshot", picture, expect=1).out
    assert "pip install 'bootmend[screen]'" in out
    assert f"✗ {IMC}" in out
    page = bootmend("check", target, "--screenshot", picture, "--format", "html", expect=1).out
    assert "cannot be shown here" in page


def test_without_a_screen_nothing_of_it_is_loaded(disk: MakeDisk) -> None:
    loaded = "[name for name in sys.modules if 'screen' in name or 'PIL' in name]"
    code = f"import sys; from bootmend.cli.main import run; run(sys.argv[1:]); print({loaded})"
    line = [sys.executable, "-c", code, "check", str(disk())]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment(), timeout=60)
    assert done.stdout.splitlines()[-1] == "['bootmend.cli.screens']"


# -- plan and repair -----------------------------------------------------------------------------
def test_a_plan_with_a_screen(bootmend: Bootmend, disk: MakeDisk, log: Path, tmp_path: Path) -> None:
    path, kept = disk(), tmp_path / "fix.plan"
    answer = bootmend("plan", path, "--serial", log, "-o", kept, expect=1)
    assert EXPLAINED in words(answer.out)
    document = validate(bootmend("plan", path, "--serial", log, "--format", "json", expect=1).json, "plan")
    assert document["screen"]["relation"] == "explained"
    assert document["request"]["codes"] == ["0x00000067"]
    bootmend("apply", kept, "--yes", expect=0)


def test_a_repair_with_a_screen(bootmend: Bootmend, disk: MakeDisk, other_log: Path, tmp_path: Path) -> None:
    path = disk()
    document = bootmend("repair", path, "--serial", other_log, "--yes", "--format", "json", expect=0).json
    assert validate(document, "outcome")["screen"]["relation"] == "contradicted"
    copy = tmp_path / "copy.vhd"
    human = bootmend("repair", disk(name="b.vhd"), "--serial", other_log, "--output", copy, "--yes", expect=0).out
    assert human.index("! screen") < human.index("Plan ")


def test_the_report_of_a_repair_says_how_to_take_it_back(bootmend: Bootmend, disk: MakeDisk) -> None:
    page = bootmend("repair", disk(), "--yes", "--vm", "web01", "--format", "html", expect=0).out
    run = bootmend("history", "--format", "json", expect=0).json["runs"][0]["id"]
    assert "Repaired: the fault is gone on the disk" in page
    assert page.count(f"bootmend undo {run}") >= 2
    assert page.count("✓ Done") >= 3  # looked at, deleted both elements, repaired
    assert page.count("<del>") == 2


def test_an_offer_needs_no_code_where_the_screen_shows_it(bootmend: Bootmend, disk: MakeDisk, log: Path) -> None:
    document = bootmend("check", disk("healthy"), "--serial", log, "--format", "json", expect=1).json
    assert document["unexplained"] == ["0x00000067"]
    assert document["screen"]["relation"] == "unexplained"


# -- others' pictures ----------------------------------------------------------------------------
@pytest.mark.oracle
@pytest.mark.parametrize("name", ["bootmgr_missing", "invalid_pt", "disk_read_error"])
def test_captured_screens_of_a_machine_whose_disk_is_healthy(bootmend: Bootmend, disk: MakeDisk, name: str) -> None:
    pytest.importorskip("numpy")
    picture = shared_data("screenshots") / "qemu" / f"{name}.png"
    screen = bootmend("check", disk("healthy"), "--screenshot", picture, "--format", "json", expect=1).json["screen"]
    assert screen["relation"] == "unexplained"


@pytest.mark.oracle
def test_a_real_stop_screen_beside_a_disk_with_another_fault(disk: MakeDisk) -> None:
    pytest.importorskip("rapidocr")
    picture = shared_data("screenshots") / "real" / "repnz_f8052d_bluescreen.png"
    answer = spawn("check", disk(), "--screenshot", picture, "--format", "html")
    assert "The screen shows 0xEF CRITICAL_PROCESS_DIED, but imc-config-init-failed" in answer.out
