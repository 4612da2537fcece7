"""The disk as a page blob: read over HTTP by the plain commands, and counted; filled page by page."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from bootmend.cloud.azure.blob import fill, joined, page_ranges, pieces, without
from bootmend.engine.diagnose import diagnose
from bootmend.engine.remote import RemoteTarget, open_target
from bootmend.errors import CloudError
from tests.cli.running import spawn
from tests.cloud.arm.scene import SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.arm.azurite import Blobs

oracle = pytest.mark.oracle
MOST_REQUESTS, MOST_BYTES = 60, 3 << 20


@oracle
@pytest.mark.parametrize("disk", ["ill1", "ill2", "well1", "well2"])
def test_a_blob_of_127_gib_is_diagnosed_with_few_requests(blobs: Blobs, disk: str) -> None:
    with open_target(blobs.sas(disk)) as target:
        assert isinstance(target, RemoteTarget)
        report = diagnose(target)
        assert target.remote.size == SIZE + 512
        assert target.remote.requests <= MOST_REQUESTS
        assert target.remote.bytes_read <= MOST_BYTES
    rules = {finding.rule for finding in report.problems}
    assert ("imc-config-init-failed" in rules) is disk.startswith("ill")
    assert "sig=" not in report.path


@oracle
def test_the_commands_take_a_url_and_never_show_its_signature(blobs: Blobs, tmp_path: Path) -> None:
    url = blobs.sas("ill1")
    state = str(tmp_path / "state")
    expired = blobs.sas("ill1", seconds=-60)
    answers = [
        spawn("check", url, BOOTMEND_STATE_DIR=state),
        spawn("check", url, "--format", "json", BOOTMEND_STATE_DIR=state),
        spawn("plan", url, "-o", str(tmp_path / "plan.json"), BOOTMEND_STATE_DIR=state),
        spawn("repair", url, "--yes", BOOTMEND_STATE_DIR=state),
        spawn("check", expired, BOOTMEND_STATE_DIR=state),
        spawn("check", url.replace("ill1", "none"), BOOTMEND_STATE_DIR=state),
    ]
    assert [answer.code for answer in answers] == [1, 1, 1, 2, 3, 3]
    kept = (tmp_path / "plan.json").read_text()
    for text in [kept, *(answer.out + answer.err for answer in answers)]:
        assert "sig=" not in text
        assert "se=" not in text


@oracle
def test_a_filled_blob_is_the_source_with_our_pages(blobs: Blobs) -> None:
    size = (64 << 20) + 512
    dice = random.Random(2)
    for name in ("from", "to"):
        blobs.create(name, size)
    source, target = blobs.blob("from"), blobs.blob("to")
    for offset, length in ((0, 512), (4096, 8192), (5 << 20, (4 << 20) + 1024), (size - 512, 512)):
        data = b"conectix" + bytes(504) if offset == size - 512 else dice.randbytes(length)
        source.upload_page(data, offset, length)
    target.upload_page(b"x" * 4096, 1 << 20, 4096)  # left by an earlier attempt
    target.upload_page(b"x" * 4096, 8192, 4096)
    ours = dice.randbytes(512)
    told: list[tuple[int, int]] = []
    done = fill(blobs.sas("from"), blobs.sas("to", write=True), size, {4608: ours, 33 << 20: ours}, lambda *now: told.append(now))
    assert done.way == "client"  # Azurite cannot copy pages from a URL
    expected = {offset: source.download_blob(offset, length).readall() for offset, length in blobs.ranges("from")}
    assert page_ranges(blobs.sas("to")) == joined([*blobs.ranges("from"), (33 << 20, 512)])
    for offset, data in expected.items():
        found = bytearray(blobs.read("to", offset, len(data)))
        if offset == 4096:
            assert found[512:1024] == ours
            found[512:1024] = data[512:1024]
        assert found == data
    assert told[-1][0] == told[-1][1]


@oracle
def test_what_is_no_vhd_is_not_copied(blobs: Blobs) -> None:
    for name in ("raw", "target"):
        blobs.create(name, 1 << 20)
    with pytest.raises(CloudError, match="footer"):
        fill(blobs.sas("raw"), blobs.sas("target", write=True), 1 << 20, {}, lambda *_: None)
    assert page_ranges(blobs.sas("target")) == []


def test_ranges_as_sets_of_bytes() -> None:
    """Checked against sets, which cannot be wrong."""
    dice = random.Random(3)

    def some() -> list[tuple[int, int]]:
        return [(dice.randrange(60), dice.randrange(1, 12)) for _ in range(dice.randrange(6))]

    def numbers(ranges: list[tuple[int, int]]) -> set[int]:
        return {number for start, length in ranges for number in range(start, start + length)}

    for _ in range(500):
        one, other = joined(some()), joined(some())
        assert numbers(without(one, other)) == numbers(one) - numbers(other)
        assert numbers(joined([*one, *other])) == numbers(one) | numbers(other)
        assert all(a + length < b for (a, length), (b, _) in pairwise(one))


def test_pieces_are_what_one_request_may_put() -> None:
    found = list(pieces([(512, 9 << 20), (100 << 20, 512)]))
    assert [length for _, length in found] == [4 << 20, 4 << 20, 1 << 20, 512]
    assert found[1] == (512 + (4 << 20), 4 << 20)
