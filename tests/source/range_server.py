"""A plain server of byte ranges, with faults on demand and a record of what it was asked."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RangeServer(ThreadingHTTPServer):
    """Serves ``data``; ``before`` may answer a request in its own way (and return True)."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = data
        self.etag = '"1"'
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.before: Callable[[_Handler], bool] = lambda _: False

    @property
    def url(self) -> str:
        """Where the data are, with a query that must stay secret."""
        return f"http://127.0.0.1:{self.server_address[1]}/disk.vhd?sv=2024&sig=SECRET"

    def handle_error(self, request: object, client_address: object) -> None:
        """Broken connections are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RangeServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if not self.server.before(self):
            self.serve()

    def serve(self) -> None:
        """Answer as RFC 9110 says."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert match
        if self.headers.get("If-Match", self.server.etag) != self.server.etag:
            self.answer(412)
            return
        start, end = int(match[1]), min(int(match[2]), len(self.server.data) - 1)
        if start > end:
            self.answer(416)
            return
        headers = {"Content-Range": f"bytes {start}-{end}/{len(self.server.data)}", "ETag": self.server.etag}
        self.answer(206, self.server.data[start : end + 1], headers)

    def answer(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> bool:
        """One answer; true, for whoever answers in its own way."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return True


@contextmanager
def serving(data: bytes) -> Iterator[RangeServer]:
    """A server that answers in a thread."""
    server = RangeServer(data)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
