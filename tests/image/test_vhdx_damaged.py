"""VHDX whose structures are damaged, missing or not known: what stands in, and what is an error."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import BootmendError, CorruptError, TruncatedError, UnsupportedError
from bootmend.image import blocks, vhdx_disk, vhdx_table
from tests.image import vhdx_writer
from tests.image.test_vhdx import noise, opened, small
from tests.image.vhdx_writer import BAT_AT, FULL, HEADERS, KIB, METADATA_AT, MIB, Vhdx, child_of


def changed(at: int, value: bytes, vhdx: Vhdx | None = None) -> bytes:
    data = bytearray((vhdx or small()).build())
    data[at : at + len(value)] = value
    return bytes(data)


def test_the_header_with_the_higher_number_counts() -> None:
    """The other one names a log that is not there: whoever takes it fails."""
    vhdx = small()
    data = changed(HEADERS[0], vhdx_writer.header(6, log=b"L" * 16), vhdx)
    assert opened(data).read_at(0, vhdx.size) == vhdx.surface()
    with pytest.raises(CorruptError, match="no sequence of entries"):
        opened(changed(HEADERS[0], vhdx_writer.header(8, log=b"L" * 16), vhdx))


@pytest.mark.parametrize("at", HEADERS)
def test_one_damaged_header_is_no_harm(at: int) -> None:
    vhdx = small()
    assert opened(changed(at + 100, b"X")).read_at(0, vhdx.size) == vhdx.surface()


def test_two_damaged_headers_are_an_error() -> None:
    data = bytearray(small().build())
    data[HEADERS[0] + 9] ^= 1
    data[HEADERS[1] + 2000] ^= 1
    with pytest.raises(CorruptError, match="both headers"):
        opened(bytes(data))


def test_two_headers_of_one_number() -> None:
    twin = vhdx_writer.header(7)
    vhdx = small()
    assert opened(changed(HEADERS[0], twin)).read_at(0, vhdx.size) == vhdx.surface()  # as Disk2vhd writes them
    with pytest.raises(CorruptError, match="which one counts"):
        opened(changed(HEADERS[0], vhdx_writer.header(7, data_guid=bytes(16))))


def test_the_second_region_table_stands_in() -> None:
    vhdx = small()
    image = opened(changed(192 * KIB + 60_000, b"X"))
    assert image.read_at(0, vhdx.size) == vhdx.surface()
    assert any("region table" in remark for remark in image.remarks)
    data = bytearray(changed(192 * KIB + 4, b"XXXX"))
    data[256 * KIB] = 0
    with pytest.raises(CorruptError, match="both copies"):
        opened(bytes(data))


def test_what_is_required_and_not_known_is_named() -> None:
    unknown = vhdx_writer.guid("11112222-3333-4444-5555-666677778888")
    for vhdx in (small(regions=((unknown, 8 * MIB, MIB, 1),)), small(items=((unknown, b"x", 4),))):
        with pytest.raises(UnsupportedError, match="11112222-3333-4444-5555-666677778888"):
            opened(vhdx.build())
    for vhdx in (small(regions=((unknown, 8 * MIB, MIB, 0),)), small(items=((unknown, b"x", 3),))):
        assert opened(vhdx.build()).read_at(0, vhdx.size) == vhdx.surface()
    with pytest.raises(UnsupportedError, match="version 2"):
        opened(changed(HEADERS[1], vhdx_writer.header(9, version=2)))
    with pytest.raises(UnsupportedError, match="log version 1"):
        opened(changed(HEADERS[1], vhdx_writer.header(9, log=b"L" * 16, log_version=1)))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"block_size": 3 * MIB}, "block size"),
        ({"block_size": 512 * KIB}, "block size"),
        ({"block_size": 512 * MIB}, "block size"),
        ({"sector": 1024}, "sector size"),
        ({"size": 1000}, "disk of 1000 bytes"),
        ({"size": 0}, "disk of 0 bytes"),
    ],
)
def test_impossible_metadata(more: dict[str, int], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vhdx, "ratio", 4096)  # so that the writer lays out what cannot be
    with pytest.raises(CorruptError, match=words):
        opened(Vhdx(**({"size": MIB} | more)).build())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (METADATA_AT, b"X", "signature"),
        (METADATA_AT + 10, b"\xff\xff", "65535 items"),
        (METADATA_AT + 10, b"\x01\x00", "is missing"),
        (METADATA_AT + 32 + 16, b"\x00\x00\x00\x00", "cannot lie"),
        (METADATA_AT + 32 + 16, b"\xff\xff\xff\x7f", "cannot lie"),
        (METADATA_AT + 32 + 20, b"\x04\x00\x00\x00", "only 4 bytes"),
        (METADATA_AT + 32 + 20, b"\xff\xff\xff\xff", "cannot lie"),
    ],
)
def test_a_damaged_metadata_table(at: int, value: bytes, words: str) -> None:
    with pytest.raises(CorruptError, match=words):
        opened(changed(at, value))


def region_tables(bat: tuple[int, int], metadata: tuple[int, int]) -> bytes:
    """The file with other regions than it was laid out with."""
    data = bytearray(small().build())
    names = ("2DC27766-F623-4200-9D64-115E9BFD4A08", "8B7CA206-4790-4B9A-B8FE-575F050F886E")
    table = struct.pack("<4sIII", b"regi", 0, 2, 0)
    for name, (at, size) in zip(names, (bat, metadata), strict=True):
        table += vhdx_writer.guid(name) + struct.pack("<QII", at, size, 1)
    data[192 * KIB : 256 * KIB] = vhdx_writer.summed(table.ljust(64 * KIB, b"\0"))
    return bytes(data)


@pytest.mark.parametrize(
    ("bat", "metadata", "error", "words"),
    [
        ((BAT_AT + 512, MIB), (METADATA_AT, MIB), CorruptError, "impossible"),
        ((0, MIB), (METADATA_AT, MIB), CorruptError, "impossible"),
        ((BAT_AT, 0), (METADATA_AT, MIB), CorruptError, "impossible"),
        ((METADATA_AT, MIB), (METADATA_AT, MIB), CorruptError, "over one another"),
        ((MIB, MIB), (METADATA_AT, MIB), CorruptError, "over one another"),  # the log
        ((1 << 40, MIB), (METADATA_AT, MIB), TruncatedError, "cut short"),
        ((BAT_AT, MIB), (1 << 40, MIB), TruncatedError, "cut short"),
    ],
)
def test_regions_where_none_can_be(
    bat: tuple[int, int], metadata: tuple[int, int], error: type[BootmendError], words: str
) -> None:
    with pytest.raises(error, match=words):
        opened(region_tables(bat, metadata))


def test_a_table_too_short_for_the_disk() -> None:
    data = bytearray(Vhdx(size=1 << 40).build())
    small_table = vhdx_writer.region_table(MIB)
    data[192 * KIB : 256 * KIB] = small_table
    with pytest.raises(CorruptError, match="room for 131072 entries"):
        opened(bytes(data))


@pytest.mark.parametrize("entry", [0, MIB, METADATA_AT, BAT_AT, 1 << 40, 21 * MIB], ids=hex)
def test_a_block_that_lies_where_none_can(entry: int) -> None:
    vhdx = small()
    image = opened(changed(BAT_AT + 8 * 5, struct.pack("<Q", entry | FULL)))
    with pytest.raises(CorruptError, match="block 5"):
        image.read_at(5 * MIB, 512)
    assert image.read_at(0, 4096) == vhdx.surface()[:4096]
    with pytest.raises(CorruptError, match="block 5"):
        image.write_at(0, b"x")


@pytest.mark.parametrize("number", [0, 2, 3])
def test_blocks_over_one_another(number: int) -> None:
    vhdx = small()
    vhdx.build()
    data = changed(BAT_AT + 8 * 5, struct.pack("<Q", vhdx.placed[number] | FULL))
    with pytest.raises(CorruptError, match="over one another"):
        opened(data).read_at(0, vhdx.size)
    with pytest.raises(CorruptError, match="lies over"):
        opened(data).write_at(0, b"x")


def test_more_blocks_than_the_file_has_room_for() -> None:
    vhdx = Vhdx(size=64 * MIB, full={0: noise(MIB)})
    data = bytearray(vhdx.build())
    data[BAT_AT : BAT_AT + 512] = struct.pack("<Q", vhdx.placed[0] | FULL) * 64
    with pytest.raises(CorruptError, match="do not fit"):
        opened(bytes(data)).write_at(0, b"x")


def test_an_impossible_state() -> None:
    with pytest.raises(CorruptError, match="impossible state 4"):
        opened(changed(BAT_AT + 8, b"\x04")).read_at(MIB, 512)


def test_caches_are_bounded_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhdx_table, "_PAGE", 16)
    monkeypatch.setattr(vhdx_table, "_MAX_PAGES", 2)
    monkeypatch.setattr(blocks, "_MAX_TOUCHED", 3)
    monkeypatch.setattr(vhdx_disk, "_MAX_BITMAP_PAGES", 1)
    base = Vhdx(size=12 * MIB, full={block: noise(MIB, block) for block in range(12)})
    child = Vhdx(size=12 * MIB, parent=child_of("b"))
    child.partial = {block: {number: noise(512, number) for number in range(0, 2048, 97)} for block in range(12)}
    image = opened(child.build(), base.build())
    for _ in range(2):
        assert image.read_at(0, image.size) == child.surface(base.surface())


@pytest.mark.parametrize("length", [600, 64 * KIB + 4095, 129 * KIB, 200 * KIB, METADATA_AT + 100, BAT_AT + 8])
def test_every_truncation_of_the_structures_is_noticed(length: int) -> None:
    with pytest.raises((TruncatedError, CorruptError)):
        opened(small().build()[:length])


def test_a_truncated_block_is_noticed_when_it_is_read() -> None:
    vhdx = small()
    data = vhdx.build()
    image = opened(data[:-MIB])
    with pytest.raises(CorruptError, match="past the end"):
        image.read_at(0, 512)
