"""A real Azurite (Microsoft's storage emulator), and the page blobs in it that the stand-in's disks are made of."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite in the world has: it is part of its documentation."""
CONTAINER = "disks"
MOST = 4 << 20
SMALL_HOLE = 1 << 20


def find_azurite() -> str:
    """The program: BOOTMEND_AZURITE, a local installation, or the path; skips the test where there is none."""
    local = ROOT / ".venv" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    found = os.environ.get("BOOTMEND_AZURITE") or (str(local) if local.exists() else shutil.which("azurite-blob"))
    if not found or not shutil.which("node"):
        refuse = pytest.fail if os.environ.get("BOOTMEND_NO_SKIP") else pytest.skip
        refuse("azurite is not installed: npm install --prefix .venv/azurite azurite")
    return str(found)


@contextmanager
def running(folder: Path) -> Iterator[Blobs]:
    """An Azurite that keeps its data in a folder; stopped in the end."""
    pytest.importorskip("azure.storage.blob", reason="the extra azure is not installed")
    program = find_azurite()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [program, "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", str(folder)]
    process = subprocess.Popen(
        [*command, "--blobHost", "127.0.0.1", "--blobPort", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield Blobs(f"http://127.0.0.1:{port}/{ACCOUNT}")
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, "azurite ended"
        time.sleep(0.05)
    raise AssertionError("azurite does not answer")


class Blobs:
    """The page blobs of one container."""

    def __init__(self, url: str) -> None:
        from azure.storage.blob import BlobServiceClient

        self.url = url
        service: Any = BlobServiceClient(url, credential=KEY)
        self._container = service.get_container_client(CONTAINER)
        if not self._container.exists():
            self._container.create_container()

    def blob(self, name: str) -> Any:
        """A client of one; ``name@time`` is a snapshot."""
        base, _, snapshot = name.partition("@")
        return self._container.get_blob_client(base, snapshot=snapshot or None)

    def create(self, name: str, size: int) -> None:
        """An empty page blob."""
        self.blob(name).create_page_blob(size)

    def upload(self, name: str, path: Path) -> None:
        """A page blob with the data of a sparse file; its holes stay holes."""
        size = path.stat().st_size
        self.create(name, size)
        blob = self.blob(name)
        with path.open("rb") as file:
            for start, end in _data(file.fileno(), size):
                for offset in range(start, end, MOST):
                    file.seek(offset)
                    data = file.read(min(MOST, end - offset))
                    blob.upload_page(data + b"\0" * (-len(data) % 512), offset, len(data) + -len(data) % 512)

    def put(self, name: str, data: bytes) -> None:
        """A block blob."""
        self.blob(name).upload_blob(data, overwrite=True)

    def freeze(self, name: str) -> str:
        """A name for the pages as they are now."""
        return name if "@" in name else f"{name}@{self.blob(name).create_snapshot()['snapshot']}"

    def clone(self, source: str, target: str) -> None:
        """The same pages under another name."""
        reader = self.blob(source)
        self.create(target, reader.get_blob_properties().size)
        writer = self.blob(target)
        for start, length in self.ranges(source):
            for offset in range(start, start + length, MOST):
                size = min(MOST, start + length - offset)
                writer.upload_page(reader.download_blob(offset, size).readall(), offset, size)

    def ranges(self, name: str) -> list[tuple[int, int]]:
        """The allocated pages."""
        return [(one.start, one.end - one.start + 1) for one in self.blob(name).list_page_ranges() if not one.cleared]

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes."""
        return bytes(self.blob(name).download_blob(offset, length).readall())

    def size(self, name: str) -> int:
        """A blob's length."""
        return int(self.blob(name).get_blob_properties().size)

    def delete(self, name: str) -> None:
        """Delete one."""
        self.blob(name).delete_blob()

    def names(self) -> list[str]:
        """All there are."""
        return [one.name for one in self._container.list_blobs()]

    def sas(self, name: str, *, write: bool = False, seconds: float = 3600) -> str:
        """A signed URL, as Azure's disks give it."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        base, _, snapshot = name.partition("@")
        token = generate_blob_sas(
            ACCOUNT,
            CONTAINER,
            base,
            snapshot=snapshot or None,
            account_key=KEY,
            permission=BlobSasPermissions(read=True, write=write),
            start=datetime.now(UTC) - timedelta(days=1),
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )
        url = self.blob(name).url
        return f"{url}{'&' if '?' in url else '?'}{token}"


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The stretches that are no holes; a small hole between two is taken for data, which saves requests."""
    position = first = last = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:
            break
        position = os.lseek(descriptor, start, os.SEEK_HOLE)
        if last and start - last > SMALL_HOLE:
            yield first, last
            first = start
        last = position
    if last:
        yield first, last
