"""Sample disks: what is written, byte by byte where a specification says so, and what is refused."""

from __future__ import annotations

import hashlib
import os
import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import ApplyError, RefusedError, UsageError
from bootmend.samples import FORMATS, LAYOUTS, Sample, parse_size, profile, write_sample
from bootmend.samples.containers import geometry
from bootmend.samples.templates import ARCHIVE, Templates

if TYPE_CHECKING:
    from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30
KINDS = [(1, "usual"), (1, "single"), (2, "usual")]


def read(path: Path | str, offset: int, length: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize(
    ("text", "size"),
    [("127G", 127 * GIB), ("4GiB", 4 * GIB), ("512m", 512 * MIB), ("1T", 1 << 40), ("1048576", MIB), (" 2 GB ", 2 * GIB)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1.5G", "1X", "1G!", "9" * 30])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        parse_size(text)


def test_the_package_stays_small() -> None:
    assert os.stat(ARCHIVE).st_size < 400_000


def test_there_is_a_template_for_every_partition() -> None:
    templates = Templates()
    wanted = {
        part.template: part.size
        for name in profile.PROFILES
        for window in profile.WINDOWS_SIZES
        for part in profile.parts(name, window)
    }
    wanted.pop(None)
    assert {name: templates.size(name) for name in templates.names()} == wanted


def test_a_template_is_sorted_and_inside_its_volume() -> None:
    templates = Templates()
    for name in templates.names():
        end = 0
        for offset, data in templates.extents(name):
            assert offset >= end
            end = offset + len(data)
        assert end <= templates.size(name)


@pytest.mark.parametrize(("generation", "layout"), KINDS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_of_127_gib_is_written_at_once_and_sparse(tmp_path: Path, generation: int, layout: str, form: str) -> None:
    path = tmp_path / "disk"
    begin = time.perf_counter()
    sample = write_sample(path, generation=generation, layout=layout, format=form)
    assert time.perf_counter() - begin < 1
    assert sample.size == 127 * GIB
    status = path.stat()
    if hasattr(status, "st_blocks"):
        assert status.st_blocks * 512 < 16 * MIB
    assert (form == "vhd-dynamic") == (status.st_size < GIB)


@pytest.mark.parametrize("form", FORMATS)
def test_a_sample_is_the_same_each_time(tmp_path: Path, form: str) -> None:
    one = write_sample(tmp_path / "one", size=GIB, format=form)
    two = write_sample(tmp_path / "two", size=GIB, format=form)
    assert one == two._replace(path=one.path)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def expected_windows(size: int) -> str:
    return "126g" if size >= 127 * GIB else "31g" if size >= 32 * GIB else "3g" if size >= 4 * GIB else "384m"


@pytest.mark.parametrize("size", [GIB, 2 * GIB, 4 * GIB, 32 * GIB, 127 * GIB, 500 * GIB])
@pytest.mark.parametrize(("generation", "layout"), KINDS)
def test_the_largest_windows_volume_that_fits_is_taken(tmp_path: Path, generation: int, layout: str, size: int) -> None:
    sample = write_sample(tmp_path / "disk", generation=generation, layout=layout, size=size)
    assert (tmp_path / "disk").stat().st_size == size
    windows = next(part for part in sample.parts if part.template and part.template.startswith("windows"))
    assert windows.template is not None
    assert windows.template.endswith(expected_windows(size))
    end = 0
    for part in sample.parts:
        assert part.offset >= end
        assert part.offset % MIB == 0
        end = part.end
    assert end + 33 * 512 < size


def test_the_master_boot_record(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "disk", size=4 * GIB)
    record = read(sample.path, 0, 512)
    assert record[510:] == b"\x55\xaa"
    assert struct.unpack_from("<I", record, 440) == (0x5EED0067,)
    assert sample.disk_id == "0x5eed0067"
    entries = [struct.unpack_from("<B3xB3xII", record, 446 + 16 * index) for index in range(4)]
    assert entries[0] == (0x80, 7, 2048, 500 * 2048)
    assert entries[1] == (0, 7, 501 * 2048, 3 * GIB // 512)
    assert entries[2:] == [(0, 0, 0, 0)] * 2
    single = write_sample(tmp_path / "single", size=4 * GIB, layout="single")
    assert struct.unpack_from("<B3xB3xII", read(single.path, 446, 16)) == (0x80, 7, 2048, 3 * GIB // 512)


def test_the_guid_partition_table_and_its_backup(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "disk", size=4 * GIB, generation=2)
    last = sample.size // 512 - 1
    assert struct.unpack_from("<BxxxBxxxII", read(sample.path, 446, 16)) == (0, 0xEE, 1, last)
    for own, other, table in ((1, last, 2), (last, 1, last - 32)):
        header = read(sample.path, own * 512, 92)
        fields = struct.unpack("<8sIIIIQQQQ16sQIII", header)
        assert fields[:3] == (b"EFI PART", 0x10000, 92)
        assert fields[3] == zlib.crc32(header[:16] + bytes(4) + header[20:])
        assert fields[5:9] == (own, other, 34, last - 33)
        assert fields[10:13] == (table, 128, 128)
        assert fields[13] == zlib.crc32(read(sample.path, table * 512, 16384))
    assert sample.disk_id == "{5eed0067-67ab-4c3e-9d10-00155d010067}"


@pytest.mark.parametrize(("generation", "layout"), KINDS)
def test_each_volume_begins_where_its_boot_sector_says(tmp_path: Path, generation: int, layout: str) -> None:
    sample = write_sample(tmp_path / "disk", size=4 * GIB, generation=generation, layout=layout)
    for part in sample.parts:
        if part.template:
            assert struct.unpack("<I", read(sample.path, part.offset + 0x1C, 4)) == (part.offset // 512,)
            if part.template != "esp":
                assert read(sample.path, part.offset, 512) == read(sample.path, part.end - 512, 512)


def checksum_of(data: bytes, offset: int) -> bool:
    stored: int = struct.unpack_from(">I", data, offset)[0]
    return stored == ~sum(data[:offset] + bytes(4) + data[offset + 4 :]) & 0xFFFFFFFF


def test_a_fixed_vhd_is_the_disk_and_a_footer(tmp_path: Path) -> None:
    raw = write_sample(tmp_path / "raw", size=GIB)
    fixed = write_sample(tmp_path / "vhd", size=GIB, format="vhd-fixed")
    footer = read(fixed.path, GIB, 1024)
    assert len(footer) == 512
    assert footer[:8] == b"conectix"
    assert struct.unpack_from(">QQQ", footer, 16)[0] == 0xFFFFFFFFFFFFFFFF
    assert struct.unpack_from(">QQ", footer, 40) == (GIB, GIB)
    assert struct.unpack_from(">I", footer, 60) == (2,)
    assert checksum_of(footer, 64)
    for part in raw.parts:
        assert read(fixed.path, part.offset, MIB) == read(raw.path, part.offset, MIB)


def test_a_dynamic_vhd_has_its_blocks_behind_bitmaps(tmp_path: Path) -> None:
    raw = write_sample(tmp_path / "raw", size=GIB)
    dynamic = write_sample(tmp_path / "vhd", size=GIB, format="vhd-dynamic")
    length = os.stat(dynamic.path).st_size
    footer, header = read(dynamic.path, length - 512, 512), read(dynamic.path, 512, 1024)
    assert footer == read(dynamic.path, 0, 512)
    assert struct.unpack_from(">Q", footer, 16) == (512,)
    assert struct.unpack_from(">QQ", footer, 40) == (GIB, GIB)
    assert struct.unpack_from(">I", footer, 60) == (3,)
    assert checksum_of(footer, 64)
    assert checksum_of(header, 36)
    assert struct.unpack_from(">8sQQIII", header) == (b"cxsparse", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, 512, 2 * MIB)
    table = struct.unpack(">512I", read(dynamic.path, 1536, 2048))
    allocated = [entry for entry in table if entry != 0xFFFFFFFF]
    assert len(set(allocated)) == len(allocated)
    for block, entry in enumerate(table):
        expected = read(raw.path, block * 2 * MIB, 2 * MIB)
        if entry == 0xFFFFFFFF:
            assert expected.count(0) == len(expected)
        else:
            assert read(dynamic.path, entry * 512, 512) == b"\xff" * 512
            assert read(dynamic.path, entry * 512 + 512, 2 * MIB) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(40 * MIB, (963, 5, 17)), (GIB, (2080, 16, 63)), (127 * GIB, (65278, 16, 255)), (2040 * GIB, (65535, 16, 255))],
)
def test_the_geometry_follows_the_specification(size: int, expected: tuple[int, int, int]) -> None:
    assert geometry(size) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"generation": 3},
        {"layout": "strange"},
        {"format": "vhdx"},
        {"generation": 2, "layout": "single"},
        {"size": GIB - MIB},
        {"size": GIB + 512},
        {"size": 3000 * GIB},
        {"size": 0},
    ],
)
def test_a_sample_that_does_not_exist_is_a_usage_error(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        write_sample(tmp_path / "disk", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "disk").exists()


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"precious")
    with pytest.raises(RefusedError, match="there already"):
        write_sample(path, size=GIB)
    assert path.read_bytes() == b"precious"
    sample = write_sample(path, size=GIB, overwrite=True)
    assert isinstance(sample, Sample)
    assert path.stat().st_size == GIB


def test_a_sample_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApplyError, match="cannot be written"):
        write_sample(tmp_path / "no folder" / "disk", size=GIB)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bootmend.samples.containers.Raw.finish", full)
    with pytest.raises(ApplyError, match="No space left"):
        write_sample(tmp_path / "disk", size=GIB)
    assert os.listdir(tmp_path) == []


def test_the_names_of_formats_and_layouts() -> None:
    assert tuple(FORMATS) == ("raw", "vhd-dynamic", "vhd-fixed")
    assert LAYOUTS == ("usual", "single")
