"""Diagnosing a disk of 127 GiB behind HTTP: requests and bytes, against a server of byte ranges in this process."""

from __future__ import annotations

import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, milliseconds, show, spent

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REQUESTS, MOST_BYTES = 60, 3 << 20
SIZE = 127 << 30


class Server(ThreadingHTTPServer):
    """One file, however large."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.file = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.file).st_size


class Handler(BaseHTTPRequestHandler):
    """RFC 9110, section 14."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        data = os.pread(self.server.file, last - first + 1, first)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{self.server.size}")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(data)


def measure() -> Iterator[Row]:
    from bootmend.engine.sample import make_sample

    with tempfile.TemporaryDirectory() as name:
        for generation in (1, 2):
            path = Path(name) / f"{generation}.vhd"
            make_sample("healthy", str(path), generation=generation, layout="usual", image_format="vhd-fixed", size=SIZE)
            yield from over_http(path, generation)


def over_http(path: Path, generation: int) -> Iterator[Row]:
    from bootmend.engine.diagnose import diagnose
    from bootmend.engine.remote import RemoteTarget, open_target

    server = Server(path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open_target(f"http://127.0.0.1:{server.server_address[1]}/disk.vhd") as target:
        assert isinstance(target, RemoteTarget)
        took = spent(lambda: diagnose(target))
        source = target.remote
    server.shutdown()
    server.server_close()
    what = f"check over HTTP, 127 GiB, generation {generation}"
    goal = f"{MOST_REQUESTS} requests, {MOST_BYTES >> 20} MiB"
    ours = f"{source.requests} requests, {source.bytes_read / (1 << 20):.2f} MiB, {milliseconds(took.wall)}"
    yield Row(what, ours, goal=goal, met=source.requests <= MOST_REQUESTS and source.bytes_read <= MOST_BYTES)


if __name__ == "__main__":
    show(measure)
