"""``bootmend verify`` on the command line: exit codes, JSON, words."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import spawn
from tests.cli.schema_check import validate
from tests.verify.servers import make_identity, playing, xrdp
from tests.verify.test_rdp import CONFIRM, saying
from tests.verify.test_serial import console

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.oracle
def test_rdp_verified(tmp_path: Path) -> None:
    with xrdp(tmp_path, make_identity(tmp_path, "/CN=vm01")) as port:
        human = spawn("verify", "rdp", f"127.0.0.1:{port}", "--expect", "vm01")
        json = spawn("verify", "rdp", f"127.0.0.1:{port}", "--expect", "vm01", "--format", "json")
        other = spawn("verify", "rdp", f"127.0.0.1:{port}", "--expect", "vm02")
        higher = spawn("verify", "rdp", f"127.0.0.1:{port}", "--level", "4")
    assert human.code == json.code == 0
    assert "RDP verified" in human.out
    assert "nobody signed in" in human.out
    document = validate(json.json, "rdp")
    assert (document["passed"], document["level"], document["matches"]) == (True, 3, True)
    assert other.code == higher.code == 8
    assert "RDP verified" not in other.out + higher.out
    assert "calls itself vm01" in other.out
    assert "up to level 3, not 4" in higher.out


def test_rdp_verified_is_said_of_nothing_less_than_an_answer() -> None:
    with playing(saying("")) as port:
        silent = spawn("verify", "rdp", f"127.0.0.1:{port}", "--timeout", "1")
    assert silent.code == 8
    assert "does not answer" in silent.out
    assert "verified" not in silent.out


def test_rdp_that_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = spawn("verify", "rdp", f"127.0.0.1:{port}", "--format", "json")
    assert answer.code == 3
    assert validate(answer.json, "rdp")["level"] == -1


def test_rdp_that_refuses_and_so_answers() -> None:
    with playing(saying(CONFIRM.replace("02 01 0800", "03 00 0800") + "05000000")) as port:
        answer = spawn("verify", "rdp", f"127.0.0.1:{port}", "--format", "jsonl")
    assert answer.code == 0
    assert validate(answer.json, "rdp")["failure"]["name"] == "HYBRID_REQUIRED_BY_SERVER"


def test_usage() -> None:
    assert spawn("verify", "rdp", "http://vm01").code == 2
    assert spawn("verify", "rdp", "vm01", "--level", "5").code == 2
    assert spawn("verify", "serial", "tcp:vm01:none").code == 2


@pytest.mark.parametrize(("reply", "code"), [(b"\r\nSAC>", 0), (b"\r\n!SAC>", 8), (b"\r\nlogin: ", 8), (b"", 3)])
def test_serial(reply: bytes, code: int) -> None:
    with playing(console(reply, [])) as port:
        answer = spawn("verify", "serial", f"127.0.0.1:{port}", "--timeout", "1.5", "--format", "json")
        human = spawn("verify", "serial", f"127.0.0.1:{port}", "--timeout", "1.5")
    assert answer.code == human.code == code
    document = validate(answer.json, "serial")
    assert document["passed"] is (code == 0)
    assert document["sentence"] in human.out


def test_terminal_sequences_of_a_strange_machine_do_not_reach_ours() -> None:
    with playing(console(b"\r\n\x1b]0;owned\x07\x1b[31mSAC>", [])) as port:
        answer = spawn("verify", "serial", f"127.0.0.1:{port}", "--timeout", "1.5", "--color", "never")
    assert "\x1b" not in answer.out
