"""Differencing VHDs over their parents, against a writer made from the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.errors import CorruptError, MissingError
from bootmend.image import Opened, open_image
from bootmend.image.base import no_opener
from bootmend.source import MemorySource, Overlay, StepClock
from tests.image import vhd_writer
from tests.image.test_vhd import noise, opened, small
from tests.image.vhd_writer import UNIQUE_ID, Dynamic
from tests.support import fuzz_cases

if TYPE_CHECKING:
    from bootmend.image import Image, Opener, Reference


@pytest.mark.parametrize(
    ("locators", "texts", "named"),
    [
        ([], [], "parent.vhd"),
        ([b"W2ru"], ["..\\base.vhd".encode("utf-16-le")], "..\\base.vhd"),
        ([b"W2ru", b"W2ku"], ["base.vhd".encode("utf-16-le"), "C:\\vm\\base.vhd".encode("utf-16-le")], "base.vhd"),
        ([b"MacX"], [b"file://localhost/base.vhd"], "file://localhost/base.vhd"),
    ],
)
def test_a_differencing_disk_without_its_parent_names_it(locators: list[bytes], texts: list[bytes], named: str) -> None:
    table, tail, at = b"", b"", 2048
    for code, text in zip(locators, texts, strict=True):
        table += (
            code + vhd_writer.number(512, 4) + vhd_writer.number(len(text), 4) + bytes(4) + vhd_writer.number(at + len(tail), 8)
        )
        tail += text.ljust(512, b"\0")
    end = vhd_writer.footer(4096, 4)
    data = end + vhd_writer.header(1536, 1, 4096, parent="parent.vhd", locators=table) + b"\xff" * 512 + tail + end
    asked: list[Reference] = []

    def opener(reference: Reference) -> Opened:
        asked.append(reference)
        raise MissingError("not here")

    with pytest.raises(MissingError, match="not here"):
        open_image(MemorySource(data), opener)
    assert asked[0].names[0] == named
    assert asked[0].names[-1] == "parent.vhd"
    with pytest.raises(MissingError, match="its parent"):
        opened(data)


def over(child: Dynamic, parent: bytes) -> tuple[Image, Overlay]:
    overlay = Overlay(MemorySource(child.build()), "child", StepClock())
    return open_image(overlay, lambda reference: Opened(MemorySource(parent), reference.names[0], no_opener)), overlay


def child(**more: object) -> Dynamic:
    """Sectors of block 0 and 4 are the child's, all of block 2; the rest is the parent's."""
    vhd = small(parent="parent.vhd", unique_id=b"the child's id..", clear={0: {0, 3, 4, 7}, 4: {1}})
    for name, value in more.items():
        setattr(vhd, name, value)
    return vhd


def parent_of(size: int = 4 * 4096 + 1536) -> Dynamic:
    vhd = Dynamic(size=size, block_size=2048, order=[block for block in (3, 0, 1, 8, 6, 5) if block * 2048 < size])
    vhd.blocks = {block: noise(2048, 40 + block) for block in vhd.order or []}
    return vhd


@pytest.mark.parametrize("size", [4 * 4096 + 1536, 3 * 4096, 20 * 4096], ids=["equal", "smaller parent", "larger parent"])
def test_a_differencing_disk_shows_its_parent_below(size: int) -> None:
    parent = parent_of(size)
    image, _ = over(child(), parent.build())
    assert image.format == "VHD differencing"
    assert image.parent is not None
    surface = child().surface(parent.surface())
    assert image.read_at(0, image.size) == surface
    for start in range(0, image.size - 900, 733):
        assert image.read_at(start, 900) == surface[start : start + 900]
        pieces = [
            bytes(extent.length) if extent.source is None else extent.source.read_at(extent.offset, extent.length)
            for extent in image.locate(start, 900)
        ]
        assert b"".join(pieces) == surface[start : start + 900]


def test_a_fixed_disk_may_be_the_parent() -> None:
    data = noise(small().size, 9)
    image, _ = over(child(), vhd_writer.fixed(data))
    assert image.read_at(0, image.size) == child().surface(data)


def test_another_disk_by_the_parents_name_is_not_the_parent() -> None:
    with pytest.raises(CorruptError, match="another disk") as caught:
        over(child(parent_id=b"somebody else's."), parent_of().build())
    assert "--parent" in str(caught.value.hint)
    with pytest.raises(CorruptError, match="another disk"):
        over(child(), noise(8192))


def test_a_chain_of_checkpoints() -> None:
    base, middle = parent_of(), child(unique_id=b"the middle one..")
    top = child(parent_id=b"the middle one..", blocks={3: noise(4096, 70)}, order=[3], clear={3: {0, 1, 5}})
    below = iter([middle.build(), base.build()])

    def opener(reference: Reference) -> Opened:
        return Opened(MemorySource(next(below)), reference.names[0], opener)

    image = open_image(MemorySource(top.build()), opener)
    assert image.read_at(0, image.size) == top.surface(middle.surface(base.surface()))


def test_a_chain_without_end_is_an_error() -> None:
    loop = child(unique_id=UNIQUE_ID).build()
    with pytest.raises(CorruptError, match="endless"):
        open_image(MemorySource(loop), lambda reference: Opened(MemorySource(loop), reference.names[0], opener_of(loop)))


def opener_of(data: bytes) -> Opener:
    def opener(reference: Reference) -> Opened:
        return Opened(MemorySource(data), reference.names[0], opener)

    return opener


@settings(max_examples=fuzz_cases(60), deadline=None)
@given(writes=st.lists(st.tuples(st.integers(0, 4 * 4096 + 1535), st.binary(min_size=1, max_size=3000)), max_size=8))
def test_what_is_written_to_a_child_stays_in_the_child(writes: list[tuple[int, bytes]]) -> None:
    parent = parent_of()
    image, overlay = over(child(), parent.build())
    model = bytearray(child().surface(parent.surface()))
    for offset, data in writes:
        data = data[: image.size - offset]
        image.write_at(offset, data)
        model[offset : offset + len(data)] = data
        assert image.read_at(0, image.size) == bytes(model)
    after = MemorySource(overlay.read_at(0, overlay.size))
    again = open_image(after, opener_of(parent.build()))
    assert again.read_at(0, again.size) == bytes(model)


def test_writing_the_parents_own_bytes_is_no_write() -> None:
    parent = parent_of()
    image, overlay = over(child(), parent.build())
    image.write_at(3 * 4096, parent.surface()[3 * 4096 : 3 * 4096 + 2000])
    assert overlay.patches() == []


def test_a_header_whose_checksum_leaves_the_parent_out_is_a_remark() -> None:
    data = bytearray(child().build())
    dynamic = bytes(data[512:552]) + bytes(984)
    data[548:552] = vhd_writer.with_checksum(dynamic, 36)[36:40]
    image = open_image(MemorySource(bytes(data)), opener_of(parent_of().build()))
    assert image.read_at(0, image.size) == child().surface(parent_of().surface())
    assert any("leaves its parent out" in remark for remark in image.remarks)
