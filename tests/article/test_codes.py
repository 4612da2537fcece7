"""Names of codes; expected values are those of Microsoft's bug check reference and ntstatus.h."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bootmend
from bootmend.article.codes import CodeInfo, all_codes, lookup
from tests.support import shared_folder

IMC = CodeInfo("0x00000067", "CONFIG_INITIALIZATION_FAILED")


@pytest.mark.parametrize(
    "text",
    [
        "0x67",
        "67",
        "0x00000067",
        "00000067",
        "0X67",
        "67h",
        "CONFIG_INITIALIZATION_FAILED",
        "config initialization failed",
        "Config Initialization Failed",
        " config-initialization-failed ",
        "Stop code: CONFIG INITIALIZATION FAILED",
        "*** STOP: 0x00000067 (0xC0000034, 0x0, 0x0, 0x0)",
        "WindowsStopError-0x00000067-CONFIG_INITIALIZATION_FAILED",
    ],
)
def test_every_way_to_ask(text: str) -> None:
    assert lookup(text) == [IMC]


@pytest.mark.parametrize(
    ("text", "code", "name", "kind"),
    [
        ("7B", "0x0000007B", "INACCESSIBLE_BOOT_DEVICE", "stop"),
        ("0xc000000e", "0xC000000E", "STATUS_NO_SUCH_DEVICE", "status"),
        ("c000000f", "0xC000000F", "STATUS_NO_SUCH_FILE", "status"),
        ("0xC0000225", "0xC0000225", "STATUS_NOT_FOUND", "status"),
        ("0xC0000428", "0xC0000428", "STATUS_INVALID_IMAGE_HASH", "status"),
        ("0xC000021A", "0xC000021A", "WINLOGON_FATAL_ERROR", "stop"),
        ("STATUS_SYSTEM_PROCESS_TERMINATED", "0xC000021A", "WINLOGON_FATAL_ERROR", "stop"),
        ("system process terminated", "0xC000021A", "WINLOGON_FATAL_ERROR", "stop"),
        ("no such device", "0xC000000E", "STATUS_NO_SUCH_DEVICE", "status"),
        ("0xC0210000", "0xC0210000", "STATUS_FVE_LOCKED_VOLUME", "status"),
        ("BAD_SYSTEM_CONFIG_INFO", "0x00000074", "BAD_SYSTEM_CONFIG_INFO", "stop"),
    ],
)
def test_codes_and_names(text: str, code: str, name: str, kind: str) -> None:
    assert [(info.code, info.name, info.kind) for info in lookup(text)] == [(code, name, kind)]


@pytest.mark.parametrize("text", ["", " ", "0x", "0x123456789", "zzz", "0x00099999", "stop code", "é", "x" * 10_000])
def test_what_is_no_code(text: str) -> None:
    assert lookup(text) == []


def test_some_words_of_a_name() -> None:
    assert "0x0000007B" in [info.code for info in lookup("inaccessible boot")]
    assert len(lookup("error")) == 0
    assert 1 < len(lookup("driver")) <= 20


def test_the_table_is_whole_and_in_order() -> None:
    codes = all_codes()
    for kind in ("stop", "status"):
        numbers = [int(info.code, 16) for info in codes if info.kind == kind]
        assert numbers == sorted(set(numbers))
    assert len({info.code for info in codes}) == len(codes)


def test_it_agrees_with_the_reference() -> None:
    folder = shared_folder("reference")
    if folder is None:
        pytest.skip("the reference is not present")
    rows = [line.split("\t") for line in (folder / "bugchecks.tsv").read_text().splitlines() if not line.startswith("#")]
    ours = {info.code: info for info in all_codes()}
    assert len(rows) == 536
    assert all(ours[row[0]].name == row[1] for row in rows)
    failures = [json.loads(line) for line in (folder / "boot_errors.jsonl").read_text().splitlines()]
    wanted = {code.upper().replace("0X", "0x") for failure in failures for code in failure["codes"] if code.startswith("0x")}
    assert wanted - set(ours) <= {"0x1000007E"}
    full = {name for failure in failures for name in failure["names"] if name.startswith("STATUS_") and " " not in name}
    assert full <= {name for info in ours.values() for name in (info.name, *info.aliases)}


def test_it_works_from_a_zip(tmp_path: Path) -> None:
    package = Path(bootmend.__file__).parent
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for path in [package / "__init__.py", package / "errors.py", *(package / "article").iterdir()]:
            if path.is_file():
                bundle.write(path, f"bootmend/{path.relative_to(package)}")
    script = "from bootmend.article.codes import lookup; print(lookup('67')[0].name)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "CONFIG_INITIALIZATION_FAILED"
