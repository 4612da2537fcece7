"""Servers to look at: a real xrdp, and one that plays whatever bytes a test gives it."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

XRDP = "xrdp" if shutil.which("xrdp") else "/usr/sbin/xrdp"
Play = "Callable[[socket.socket], None]"


class Identity(NamedTuple):
    """A certificate and its key, made by openssl."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_identity(folder: Path, subject: str, *names: str) -> Identity:
    needs("openssl")
    made = Identity(folder / "cert.pem", folder / "key.pem")
    more = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)] if names else []
    kind = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(made.key), "-out", str(made.certificate), "-days", "30"]
    subprocess.run(["openssl", "req", "-x509", *kind, "-subj", subject, *more], check=True, capture_output=True, timeout=60)
    return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def xrdp(folder: Path, identity: Identity, *, security_layer: str = "negotiate") -> Iterator[int]:
    """A real xrdp on loopback; gives its port."""
    needs(XRDP)
    port = free_port()
    settings = {
        "ini_version": "1",
        "fork": "true",
        "port": f"tcp://127.0.0.1:{port}",
        "security_layer": security_layer,
        "certificate": identity.certificate,
        "key_file": identity.key,
        "ssl_protocols": "TLSv1.2, TLSv1.3",
        "crypt_level": "high",
    }
    lines = ["[Globals]", *(f"{name}={value}" for name, value in settings.items())]
    lines += ["[Logging]", f"LogFile={folder / 'xrdp.log'}", "LogLevel=INFO", "[Xorg]", "name=Xorg", "lib=libxup.so"]
    (folder / "xrdp.ini").write_text("\n".join(lines) + "\n")
    command = [XRDP, "--nodaemon", "--config", str(folder / "xrdp.ini")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port, process)
            yield port
        finally:
            process.terminate()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, f"the server ended with {process.returncode}"
        time.sleep(0.1)
    raise AssertionError("the server does not listen")


@contextmanager
def playing(play: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that does ``play`` with every connection, one after another; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            server.settimeout(0.1)
            while not over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(10)
                        play(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            over.set()
            thread.join()
