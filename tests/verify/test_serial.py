"""The serial console, played over TCP, a Unix socket and a terminal: who answers, and who does not."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import MissingError, ReadError, UsageError
from bootmend.verify.serial import Prompt, news_of, probe_serial, prompt_of
from tests.verify.bootsectors import SAC
from tests.verify.servers import playing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: what Windows' console says when it comes up, and what it sends around it (VT-UTF8)
HELLO = SAC.encode() + b"SAC>\r\nEVENT: The CMD command is now available.\r\nSAC>"
DRAWN = b"\x1b[0;37;40m\x1b[2J\x1b[1;1H" + HELLO + b"\x1b[K"


def console(reply: bytes, seen: list[bytes], *, unasked: bytes = b"") -> Callable[[socket.socket], None]:
    """Says something, and the reply to each carriage return, until the other side hangs up."""

    def play(connection: socket.socket) -> None:
        connection.sendall(unasked)
        with suppress(OSError):
            while data := connection.recv(64):
                seen.append(data)
                connection.sendall(reply * data.count(b"\r"))

    return play


@pytest.mark.parametrize(
    ("reply", "prompt", "passed"),
    [
        (b"\r\nSAC>", Prompt.SAC, True),
        (b"\r\n\x1b[0mSAC>\x1b[K ", Prompt.SAC, True),
        (b"\r\n!SAC>", Prompt.STOPPED, False),
        (b"\r\nC:\\Windows\\system32>", Prompt.COMMAND_PROMPT, True),
        (b"\r\nUsername: ", Prompt.SIGN_IN, True),
        (b"\r\nubuntu login: ", Prompt.OTHER, False),
        (b"\r\nNOT A SAC> prompt", Prompt.OTHER, False),
    ],
)
def test_who_answers(reply: bytes, prompt: Prompt, *, passed: bool) -> None:
    seen: list[bytes] = []
    with playing(console(reply, seen)) as port:
        answer = probe_serial(f"127.0.0.1:{port}", timeout=2)
    assert (answer.prompt, answer.passed) == (prompt, passed)
    assert answer.sentence
    assert set(b"".join(seen)) == {ord("\r")}  # nothing else is ever typed


def test_nobody_answers() -> None:
    with playing(console(b"", [])) as port:
        answer = probe_serial(f"tcp:127.0.0.1:{port}", timeout=1)
    assert (answer.prompt, answer.passed, answer.text) == (Prompt.SILENT, False, b"")
    assert 0.9 < answer.seconds < 2


def test_a_prompt_that_is_followed_by_more_is_not_the_end() -> None:
    """The console is talking: a stop after the prompt is what counts."""

    def play(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"\r\nSAC>")
        time.sleep(0.1)
        connection.sendall(b"\r\n*** STOP: 0x0000007B\r\n!SAC>")
        connection.recv(1)

    with playing(play) as port:
        assert probe_serial(f"127.0.0.1:{port}", timeout=3).prompt is Prompt.STOPPED


def test_what_the_console_says_of_its_own_accord() -> None:
    with playing(console(b"\r\nSAC>", [], unasked=DRAWN)) as port:
        answer = probe_serial(f"127.0.0.1:{port}", timeout=3)
    assert answer.passed
    assert answer.news == "Windows has come far enough to offer command prompts"
    assert answer.text.startswith(DRAWN[:20])


@pytest.mark.parametrize(
    ("text", "news"),
    [
        (SAC.encode(), "Windows is starting: its console is up"),
        (HELLO, "Windows has come far enough to offer command prompts"),
        (HELLO + SAC.encode(), "Windows is starting: its console is up"),
        (b"login:", ""),
        (b"", ""),
    ],
)
def test_the_last_news_count(text: bytes, news: str) -> None:
    assert news_of(text) == news


def test_a_line_that_floods_is_bounded() -> None:
    def play(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"x" * 65536)

    with playing(play) as port:
        answer = probe_serial(f"127.0.0.1:{port}", timeout=20)
    assert answer.prompt is Prompt.OTHER
    assert len(answer.text) < (1 << 20) + 8192


def test_a_line_that_is_cut() -> None:
    with playing(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as port:
        assert probe_serial(f"127.0.0.1:{port}", timeout=5).prompt is Prompt.SILENT


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "serial"
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                console(b"\r\nSAC>", seen)(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        assert probe_serial(str(path), timeout=5).passed
        thread.join()
    assert seen


@contextmanager
def pseudo_terminal(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A terminal of which the other end plays a console."""
    ours, theirs = os.openpty()
    seen: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while data := os.read(ours, 64):
                seen.append(data)
                os.write(ours, reply * data.count(b"\r"))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(theirs), seen
    finally:
        os.close(theirs)
        thread.join(5)
        os.close(ours)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_is_raw_meanwhile_and_put_back() -> None:
    import termios

    with pseudo_terminal(b"\r\nSAC>") as (name, seen):
        with open(name, "rb", buffering=0) as terminal:
            before = termios.tcgetattr(terminal)
            answer = probe_serial(name, timeout=5)
            assert termios.tcgetattr(terminal) == before
        assert answer.passed
        assert set(b"".join(seen)) == {ord("\r")}  # a cooked terminal would have made it a newline
        assert b"SAC>" in answer.text


def test_what_is_no_line(tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    log.write_bytes(b"SAC>")
    with pytest.raises(MissingError, match="no socket, terminal or pipe"):
        probe_serial(str(log))
    with pytest.raises(MissingError, match="there is no socket"):
        probe_serial(str(tmp_path / "none"))
    with pytest.raises(UsageError):
        probe_serial("tcp:host:none")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ReadError, match="cannot be opened"):
        probe_serial(f"127.0.0.1:{port}")
    with pytest.raises(ReadError, match="no terminal"):
        probe_serial("/dev/null")


@pytest.mark.parametrize("text", [b"SAC>", b"\r\nSAC> ", b"noise\r\n  SAC>\0", b"\nSAC>\r\n"])
def test_prompts(text: bytes) -> None:
    assert prompt_of(text) is Prompt.SAC


@pytest.mark.parametrize("text", [b"SAC", b"MOSAC>", b"SAC>ch", b"the SAC> prompt"])
def test_no_prompts(text: bytes) -> None:
    assert prompt_of(text) is Prompt.OTHER
