"""The journal's form: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootmend.engine.journal import Hole, Journal, PatchSet, SourceRef, Witness, decode
from bootmend.errors import CorruptError
from bootmend.source import Patch
from tests.support import fuzz_cases

PATCHES = (Patch("a", 0, 5, b"12", b"34"), Patch("b", 0, 0, b"\0", b"\xff"), Patch("a", 2, 6, b"4", b"5"))
SOURCES = (SourceRef("a", "/disks/a.vhd", 100, 100), SourceRef("b", "/disks/b", 0, 1, made=True))
JOURNAL = Journal(
    id="7c1e",
    kind="apply",
    undoes="",
    started="2026-11-22T16:50:26.123456Z",
    version="1",
    target="/disks/a.vhd",
    patchset=PatchSet(SOURCES, PATCHES),
    witnesses=(Witness("a", "the partition table", 0, 5, "00", "11"),),
    holes_before=(Hole("b", 0, 4096),),
    holes_after=(),
    info={"summary": "ä \udce9"},
)


def test_what_goes_in_comes_out() -> None:
    text, parts = JOURNAL.encode()
    assert decode(text, b"".join(parts)) == JOURNAL
    assert b"".join(parts) == b"12340".replace(b"0", b"\0") + b"\xff" + b"45"


def test_the_inverse_turns_order_bytes_and_sizes() -> None:
    inverse = JOURNAL.patchset.inverse()
    assert inverse.patches == (Patch("a", 0, 6, b"5", b"4"), Patch("b", 2, 0, b"\xff", b"\0"), Patch("a", 2, 5, b"34", b"12"))
    assert inverse.sources[1] == SourceRef("b", "/disks/b", 1, 0, made=False, removed=True)
    assert inverse.inverse() == PatchSet(SOURCES, (PATCHES[0], PATCHES[1], PATCHES[2]))


@settings(max_examples=fuzz_cases(300), deadline=None)
@given(st.data())
def test_no_byte_of_the_sidecar_may_differ(data: st.DataObject) -> None:
    text, parts = JOURNAL.encode()
    sidecar = bytearray(b"".join(parts))
    sidecar[data.draw(st.integers(0, len(sidecar) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptError):
        decode(text, bytes(sidecar))


@settings(max_examples=fuzz_cases(400), deadline=None)
@given(st.data())
def test_damaged_text_gives_our_error_or_the_same_patches(data: st.DataObject) -> None:
    text, parts = JOURNAL.encode()
    damaged = bytearray(text)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        journal = decode(bytes(damaged), b"".join(parts))
    except CorruptError:
        return
    hashes = [(patch.before, patch.after) for patch in journal.patchset.patches]
    assert hashes == [(patch.before, patch.after) for patch in PATCHES]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "bootmend.journal/2"},
        {"sources": []},
        {"sources": [{"name": "a"}]},
        {"patches": [{"length": -1}]},
        {"patches": [{"length": 1 << 70, "source": "a", "step": 0, "offset": 0}]},
        {"patches": {}, "witnesses": 7},
        {"info": 5, "patches": None},
        {"sidecar_sha256": ""},
        {"holes_before": [["nobody", 0, 512]]},
        {"holes_after": [["a", -1, 512]]},
        {"witnesses": [{"source": "a", "what": "x", "offset": "0", "length": 1, "sha256": "", "before": ""}]},
    ],
)
def test_wrong_shapes_give_our_error(change: dict[str, object]) -> None:
    text, parts = JOURNAL.encode()
    with pytest.raises(CorruptError):
        decode(json.dumps(json.loads(text) | change).encode(), b"".join(parts))


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"[" * 100_000, b"\xff", b"1e999", b"{}"])
def test_what_is_no_journal_gives_our_error(text: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(text, b"")
