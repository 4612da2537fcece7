"""What a disk may come from, and what is refused with a reason: streams, packed images."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import spawn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.running import Bootmend, MakeDisk


@pytest.mark.parametrize("command", [("check",), ("plan",), ("repair", "--yes"), ("disk", "info")])
def test_standard_input_is_refused(bootmend: Bootmend, command: tuple[str, ...]) -> None:
    said = bootmend(*command, "-", expect=2)
    assert "cannot be read from standard input" in said.err
    assert "save it to a file" in said.err


def test_a_file_called_like_it_is_a_file(bootmend: Bootmend, disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk(name="-")
    monkeypatch.chdir(path.parent)
    bootmend("check", "./-", expect=1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/stdin")
def test_a_pipe_is_refused() -> None:
    said = spawn("check", "/dev/stdin", stdin="x" * 4096)
    assert said.code == 2
    assert "neither a file nor a block device" in said.err


def zipped(data: bytes) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("disk.raw", data)
        return file.getvalue()


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (lambda data: gzip.compress(data, mtime=0), ("gzip", "gunzip --keep")),
        (lzma.compress, ("xz", "xz --decompress --keep")),
        (bz2.compress, ("bzip2", "bunzip2 --keep")),
        (zipped, ("zip", "unzip")),
    ],
)
def test_a_packed_image_is_named_with_what_unpacks_it(
    bootmend: Bootmend, tmp_path: Path, pack: Callable[[bytes], bytes], words: tuple[str, str]
) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(pack(bytes(range(256)) * 8192))
    before = path.read_bytes()
    for command in (("check",), ("repair", "--yes")):
        said = bootmend(*command, path, expect=3)
        assert all(word in said.err for word in words)
    assert path.read_bytes() == before
