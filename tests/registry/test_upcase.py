"""NT's upper case: what is known of it, and the $UpCase files of real volumes."""

from __future__ import annotations

import hashlib
import subprocess
from array import array
from typing import TYPE_CHECKING

import pytest

from bootmend.registry.upcase import upcase, upcase_table
from tests.support import needs, shared_data, unpacked

if TYPE_CHECKING:
    from pathlib import Path

#: SHA-256 of the $UpCase file that mkntfs and Windows 7 to 10 write
UPCASE_SHA256 = "41c26bc7a12bdaeb26025c93118697c7e3ef81ee048b00fe5cce2a472e0e0742"


def test_the_table_is_that_of_windows_7_and_later() -> None:
    assert len(upcase_table()) == 131072
    assert hashlib.sha256(upcase_table()).hexdigest() == UPCASE_SHA256


def test_the_table_and_the_function_agree() -> None:
    table = array("H", upcase_table())
    for unit in range(65536):
        assert upcase(chr(unit)) == chr(table[unit])


@pytest.mark.parametrize(
    ("text", "upper"),
    [
        ("", ""),
        ("ControlSet001", "CONTROLSET001"),
        ("{9dea862c-5cdd-4e70-acc1-f32b344d4795}", "{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}"),
        ("\xe4\xf6\xfc\xff", "\xc4\xd6\xdc\u0178"),
        ("\u0436\u03b1\u0561", "\u0416\u0391\u0531"),
        ("\uff41", "\uff21"),
    ],
)
def test_upper_case(text: str, upper: str) -> None:
    assert upcase(text) == upper


@pytest.mark.parametrize(
    "text",
    ["stra\xdfe"[4:5], "\u0131", "\xb5", "\u017f", "\u03c2", "\u1e9e", "\ufb01", "\U00010428", "\ud801", "\u10d0", "_", "\\"],
)
def test_what_windows_leaves_as_it_is(text: str) -> None:
    """No language's rules, no character that becomes two, nothing beyond U+FFFF."""
    assert upcase(text) == text


def upcase_file(volume: Path) -> bytes:
    return subprocess.run(["ntfscat", "-f", "-i", "10", str(volume)], check=True, capture_output=True, timeout=60).stdout


@pytest.mark.oracle
def test_the_table_is_that_of_mkntfs(tmp_path: Path) -> None:
    needs("mkntfs", "ntfscat")
    volume = tmp_path / "volume"
    with volume.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkntfs", "-F", "-Q", "-q", str(volume)], check=True, capture_output=True, timeout=60)
    assert upcase_file(volume) == upcase_table()


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "start"), [("dissect-ntfs-ntfs.bin.gz", 0), ("ntfs-lastaccess.raw.gz", 128 * 512)])
def test_the_table_is_that_of_a_volume_made_by_windows(tmp_path: Path, name: str, start: int) -> None:
    needs("ntfscat")
    volume = tmp_path / "volume"
    volume.write_bytes(memoryview(unpacked(shared_data("disks") / name))[start:])
    assert upcase_file(volume) == upcase_table()
