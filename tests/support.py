"""What many tests share: where third-party data lie, which tools are there, how much to fuzz."""

from __future__ import annotations

import lzma
import os
import shutil
from gzip import decompress as gunzip
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_folder(name: str) -> Path | None:
    """The folder of third-party material beside the checkout, or None where it is absent."""
    for base in filter(None, (os.environ.get("BOOTMEND_SHARED"), str(ROOT.parent / "shared"))):
        folder = Path(base) / name
        if folder.is_dir():
            return folder
    return None


def shared_data(name: str) -> Path:
    """The folder ``data/name`` of third-party material; skips the test where it is absent."""
    folder = shared_folder("data")
    if folder is None or not (folder / name).is_dir():
        pytest.skip(f"third-party test data not present: data/{name}")
    return folder / name


def shared_files(name: str, pattern: str = "*") -> list[Path]:
    """Files of ``data/name`` for parametrising; empty where the folder is absent."""
    folder = shared_folder("data")
    return sorted(path for path in (folder / name).glob(pattern) if path.is_file()) if folder else []


def unpacked(path: Path) -> bytes:
    """The bytes of a file, decompressed by its suffix."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else gunzip(data) if path.suffix == ".gz" else data


def needs(*tools: str) -> None:
    """Skip the test unless every named program is installed; fail it where BOOTMEND_NO_SKIP says that all must be."""
    for tool in tools:
        if shutil.which(tool) is None:
            refuse = pytest.fail if os.environ.get("BOOTMEND_NO_SKIP") else pytest.skip
            refuse(f"{tool} is not installed")


def fuzz_cases(count: int) -> int:
    """How many cases a fuzz test runs: ``count``, times the environment's BOOTMEND_FUZZ."""
    return count * int(os.environ.get("BOOTMEND_FUZZ", "1"))
