"""The HTTP source against a server of byte ranges: the right bytes, few requests, patience, and no secret in a message."""

from __future__ import annotations

import os
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.errors import MissingError, ReadError, RefusedError, TruncatedError, UnsupportedError, UsageError
from bootmend.source.http import BLOCK, CACHED_BLOCKS, LARGEST_REQUEST, READ_AHEAD, HttpSource
from bootmend.source.url import is_url, redact, split_url
from tests.source.range_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.source.range_server import RangeServer

DATA = random.Random(67).randbytes(3 << 20)


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with serving(DATA) as found:
        yield found


def opened(server: RangeServer, waits: list[float] | None = None, **more: Any) -> HttpSource:
    return HttpSource(server.url, sleep=(waits if waits is not None else []).append, **more)


def test_the_right_bytes(server: RangeServer) -> None:
    dice = random.Random(1)
    with opened(server) as source:
        assert source.size == len(DATA)
        for _ in range(200):
            offset = dice.randrange(len(DATA))
            length = min(dice.choice([0, 1, 512, 4096, BLOCK, 70_000, 300_000]), len(DATA) - offset)
            assert source.read_at(offset, length) == DATA[offset : offset + length]
        with pytest.raises(TruncatedError):
            source.read_at(len(DATA) - 1, 2)
    assert server.connections == 1


def test_what_is_kept_is_not_asked_for_again(server: RangeServer) -> None:
    with opened(server) as source:
        source.read_at(1_000_000, 5000)
        asked = source.requests
        source.read_at(1_000_100, 4000)
        assert source.requests == asked
        assert source.bytes_read <= 3 * BLOCK


def test_only_a_sequence_is_read_ahead_and_at_most_64_kib(server: RangeServer) -> None:
    with opened(server) as source:
        source.read_at(1 << 20, 512)
        assert source.bytes_read == 2 * BLOCK
        for index in range(64):
            source.read_at((1 << 20) + 512 * index, 512)
        source.read_at((1 << 20) + BLOCK, 512)
        assert source.bytes_read == 2 * BLOCK + READ_AHEAD
    sizes = [int(one["range"].split("-")[1]) - int(one["range"].split("-")[0][6:]) + 1 for _, one in server.asked]
    assert max(sizes) <= READ_AHEAD


def test_a_long_read_is_cut_and_not_kept() -> None:
    data = os.urandom(64) * ((2 * LARGEST_REQUEST + 512) // 64)
    with serving(data) as server, opened(server) as source:
        assert source.read_at(0, len(data)) == data
        assert source.requests == 4
        assert CACHED_BLOCKS * BLOCK == 64 << 20


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: RangeServer, status: int) -> None:
    answers = [status, status]
    server.before = lambda handler: bool(answers) and handler.answer(answers.pop())
    waits: list[float] = []
    with opened(server, waits) as source:
        assert source.read_at(0, 16) == DATA[:16]
    assert waits == [0.5, 1.0]


def test_the_server_says_how_long(server: RangeServer) -> None:
    later = {"Date": "Sun, 22 Nov 2026 10:00:00 GMT", "Retry-After": "Sun, 22 Nov 2026 10:00:07 GMT"}
    answers: list[dict[str, str]] = [later, {"Retry-After": "3"}, {"Retry-After": "9999"}]
    server.before = lambda handler: bool(answers) and _refuse(handler, answers.pop())
    waits: list[float] = []
    with opened(server, waits):
        assert waits == [60.0, 3.0, 7.0]


def _refuse(handler: Any, headers: dict[str, str]) -> bool:
    handler.send_response_only(429)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def test_connections_that_break_are_made_anew(server: RangeServer) -> None:
    broken = [0]

    def cut(handler: Any) -> bool:
        broken[0] += 1
        if broken[0] % 3 == 2:
            handler.answer(206, DATA[:100], {"Content-Range": f"bytes 0-{BLOCK - 1}/{len(DATA)}", "Content-Length": str(BLOCK)})
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return True
        return False

    server.before = cut
    with opened(server) as source:
        for offset in range(0, 10 * BLOCK, BLOCK):
            assert source.read_at(offset, BLOCK) == DATA[offset : offset + BLOCK]
        assert source.retries > 2


def test_in_the_end_it_gives_up(server: RangeServer) -> None:
    server.before = lambda handler: handler.answer(503)
    waits: list[float] = []
    with pytest.raises(ReadError, match="503"):
        opened(server, waits)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_change_while_reading_is_an_error(server: RangeServer) -> None:
    with opened(server) as source:
        server.etag = '"2"'
        with pytest.raises(ReadError, match="changed"):
            source.read_at(1 << 20, 16)
    assert server.asked[-1][1]["if-match"] == '"1"'


def test_a_weak_tag_is_compared(server: RangeServer) -> None:
    server.etag = 'W/"1"'
    with opened(server) as source:
        source.read_at(1 << 20, 16)
        assert "if-match" not in server.asked[-1][1]
        server.etag = 'W/"2"'
        with pytest.raises(ReadError, match="changed"):
            source.read_at(2 << 20, 16)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (200, UnsupportedError, "ignores byte ranges"),
        (404, MissingError, "no such file"),
        (403, ReadError, "refuses"),
        (416, TruncatedError, "empty"),
        (400, ReadError, "400"),
    ],
)
def test_what_a_status_means(server: RangeServer, status: int, kind: type[ReadError], words: str) -> None:
    server.before = lambda handler: handler.answer(status, b"sig=SECRET")
    with pytest.raises(kind, match=words) as caught:
        opened(server)
    assert "SECRET" not in f"{caught.value!r} {caught.value} {caught.value.hint}"


def test_the_query_is_never_shown(server: RangeServer) -> None:
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(ReadError) as caught:
        HttpSource(url, sleep=lambda _: None)
    chain: list[BaseException | None] = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert "SECRET" not in " ".join(map(repr, chain))
    assert "disk.vhd" in str(caught.value)


def test_a_url_that_has_expired_is_asked_for_anew(server: RangeServer) -> None:
    def check(handler: Any) -> bool:
        if "sig=NEW" not in handler.path:
            handler.answer(403)
            return True
        return False

    server.before = check
    with opened(server, renew=lambda: server.url.replace("SECRET", "NEW")) as source:
        assert source.read_at(5, 5) == DATA[5:10]


def test_redirects_are_followed(server: RangeServer) -> None:
    def lead(handler: Any) -> bool:
        if handler.path.startswith("/disk.vhd"):
            handler.answer(302, b"", {"Location": "/elsewhere"})
            return True
        return False

    server.before = lead
    with opened(server) as source:
        assert source.read_at(7, 7) == DATA[7:14]
    server.before = lambda handler: handler.answer(302, b"", {"Location": "/elsewhere"})
    with pytest.raises(ReadError, match="302"):
        opened(server)


def test_bytes_of_another_place_are_not_believed(server: RangeServer) -> None:
    server.before = lambda handler: (
        handler.answer(206, b"x" * BLOCK, {"Content-Range": f"bytes 512-{511 + BLOCK}/{len(DATA)}"}) or True
    )
    with pytest.raises(ReadError, match="other bytes"):
        opened(server)


@pytest.mark.parametrize("header", ["", "bytes 0-1/*", "bytes */5", "chunks 0-1/2"])
def test_a_strange_range_is_not_believed(server: RangeServer, header: str) -> None:
    server.before = lambda handler: handler.answer(206, b"xx", {"Content-Range": header})
    with pytest.raises(UnsupportedError):
        opened(server)


def test_many_readers_at_once(server: RangeServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with opened(server) as source, ThreadPoolExecutor(40) as pool:
        offsets = list(range(0, len(DATA) - 4096, 33_333))
        found = pool.map(lambda offset: source.read_at(offset, 4096), offsets)
        assert list(found) == [DATA[offset : offset + 4096] for offset in offsets]
    assert server.connections <= 16


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.blob.core.windows.net/c/d?sv=1&sig=x%2By", "https://a.blob.core.windows.net/c/d?…"),
        ("see https://h/p?token=1#x and more", "see https://h/p?… and more"),
        ("https://user:word@h/p", "https://…@h/p"),
        ("a sig=abc&se=1", "a sig=…&se=1"),
        ("Authorization: Bearer eyJhbGciOiJub25lIn0.e30.x", "Authorization: Bearer …"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize("text", ["ftp://h/p", "https://", "https://user@h/p", "https://h:x/p", "https://h/ü", "https://[::1/p"])
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(UsageError):
        split_url(text)


def test_a_name_with_http_in_it_is_a_file() -> None:
    assert not is_url("http.vhd")
    assert not is_url("httpx://h/p")
    assert is_url("HTTPS://h/p")
    assert split_url("https://h/p").port == 443
    assert split_url("http://[::1]:81/p?q").target == "/p?q"


def test_from_an_encrypted_connection_to_an_open_one_nobody_is_led(server: RangeServer) -> None:
    with opened(server) as source:
        source.url = split_url("https://h/p")
        with pytest.raises(RefusedError):
            source._follow("http://h/p")
