"""``bootmend screenshot``: formats, exit codes, standard input, many pictures."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import jsonschema
import pytest

from bootmend.cli.screenshot import UNREAD, command
from bootmend.errors import MissingError, UsageError
from tests.cli.running import spawn
from tests.screen.pages import CLASSIC

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "src/bootmend/schemas/reading.schema.json"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = command.main(args=list(map(str, arguments)), prog_name="screenshot", standalone_mode=False)
    caught = capsys.readouterr()
    return code, caught.out, caught.err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "serial.log"
    path.write_text(CLASSIC, encoding="utf-8")
    return path


def test_for_people(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    code, out, _ = run(capsys, log)
    assert code == 0
    assert "0x0000007B INACCESSIBLE_BOOT_DEVICE" in out
    assert "bootmend check DISK --code 0x0000007B" in out
    assert "bootmend explain 0x0000007B" in out


def test_json_by_its_schema(capsys: pytest.CaptureFixture[str], log: Path, request: pytest.FixtureRequest) -> None:
    code, out, _ = run(capsys, log, log, "--format", "json")
    schema = json.loads((request.config.rootpath / SCHEMA).read_text("utf-8"))
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert code == 0
    assert [reading["stop_code"] for reading in document["readings"]] == ["0x0000007B"] * 2


def test_a_line_for_each(capsys: pytest.CaptureFixture[str], log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("nothing that is known\n")
    code, out, err = run(capsys, log, other, "--format", "jsonl")
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["stop", "unknown"]
    assert (code, "1 of 2" in err) == (UNREAD, True)


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CLASSIC.encode())))
    code, out, _ = run(capsys, "-", "--format", "json")
    assert (code, json.loads(out)["readings"][0]["stop_code"]) == (0, "0x0000007B")


def test_frames_become_one_reading(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for number in (10, 20):
        (tmp_path / f"{number}.log").write_text(f"Working on updates\n{number}% complete\n")
    code, out, _ = run(capsys, tmp_path / "10.log", tmp_path / "20.log", "--frames", "--format", "json")
    readings = json.loads(out)["readings"]
    assert (code, len(readings), readings[0]["percentage"]) == (0, 1, 20)


def test_what_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        run(capsys, tmp_path / "none.png")
    with pytest.raises(UsageError, match="folder"):
        run(capsys, tmp_path)


def test_control_characters_never_reach_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(CLASSIC.replace("storport.sys", "stor\x9bport.sys").replace("*** STOP", "*** \u202eSTOP"), encoding="utf-8")
    assert not {"\x9b", "\u202e"} & set(run(capsys, path)[1])


def test_screen_is_the_same_command(log: Path, tmp_path: Path) -> None:
    """By its short name, too, it goes by its own: in the file of settings, in the environment, in its help."""
    settings = tmp_path / "config.toml"
    settings.write_text('[screenshot]\nformat = "json"\n', encoding="utf-8")
    by_file = spawn("screen", log, BOOTMEND_CONFIG=str(settings))
    assert by_file.json["readings"][0]["stop_code"] == "0x0000007B"
    by_variable = spawn("screen", log, BOOTMEND_SCREENSHOT_FORMAT="jsonl")
    assert by_variable.json["state"] == "stop"
    assert "Usage: bootmend screenshot" in spawn("screen", "--help").out


def test_the_short_name_is_completed_as_the_long_one() -> None:
    from click.shell_completion import BashComplete

    from bootmend.cli.main import cli

    complete = BashComplete(cli, {}, "bootmend", "_BOOTMEND_COMPLETE")
    names = {word: {item.value for item in complete.get_completions([word], "--f")} for word in ("screen", "screenshot")}
    assert names["screen"] == names["screenshot"] >= {"--frames", "--format"}
    assert [item.value for item in complete.get_completions([], "scre")] == ["screenshot"]
