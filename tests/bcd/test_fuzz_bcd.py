"""Broken device values, element values and stores: only our errors, never a hang."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.bcd import Store, StoreEditor, enum_text, parse_device, store_to_json
from bootmend.bcd.commands import CommandError, Surroundings, parse, run
from bootmend.bcd.values import decode, encode
from bootmend.errors import BootmendError
from bootmend.registry import Hive, HiveEditor
from bootmend.source import MemorySource
from tests.bcd.stores import LOADER, NOW, boot, editable, hive_bytes, locate, mbr, ramdisk, seed_objects, vhd
from tests.support import fuzz_cases

PARTITION = mbr(0x5EED0067, 0x100000)[1]
DEVICES = [
    boot()[1],
    PARTITION,
    locate(0x12000002)[1],
    ramdisk(PARTITION[16:], "\\boot.wim", b"\1" * 16)[1],
    vhd(PARTITION[16:], "\\clone3\\clone3.vhd"),
]
STORE = hive_bytes(seed_objects())


@settings(max_examples=fuzz_cases(300), deadline=None)
@given(st.binary(max_size=300))
def test_random_device_values_survive(raw: bytes) -> None:
    assert parse_device(raw).serialise() == raw


@settings(max_examples=fuzz_cases(300), deadline=None)
@given(st.sampled_from(DEVICES), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), st.integers(0, 400))
def test_damaged_device_values_survive(device: bytes, changes: list[tuple[int, int]], length: int) -> None:
    raw = bytearray(device[:length])
    for place, byte in changes:
        if place < len(raw):
            raw[place] = byte
    assert parse_device(bytes(raw)).serialise() == bytes(raw)


@settings(max_examples=fuzz_cases(300), deadline=None)
@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 12), st.binary(max_size=64))
def test_element_values_decode_and_come_back(element: int, kind: int, raw: bytes) -> None:
    value, remark = decode(element, kind, raw)
    if remark:
        assert value == raw
    elif element >> 24 & 0xF in (1, 7):
        assert encode(element, value) == (kind, raw)


@pytest.mark.parametrize("seed", range(fuzz_cases(200)))
def test_damaged_stores_give_only_our_errors(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(STORE)
    for _ in range(chance.choice((1, 2, 5, 20, 80))):
        place = chance.randrange(4096 if chance.random() < 0.9 else 0, len(data))
        data[place] = chance.choice((0, 0xFF, chance.randrange(256), data[place] ^ 1 << chance.randrange(8)))
    begun = time.monotonic()
    try:
        store = Store(Hive(MemorySource(bytes(data)), dirty="accept"))
        enum_text(store)
        enum_text(store, "ALL", True)
        store_to_json(store)
    except BootmendError:
        pass
    try:
        editor = StoreEditor(HiveEditor(MemorySource(bytes(data)), now=NOW))
        editor.delete_element(LOADER, "imchivename")
        editor.hive.commit()
    except BootmendError:
        pass
    assert time.monotonic() - begun < 5


WORDS = st.one_of(
    st.sampled_from([
        "/set", "/deletevalue", "/enum", "/displayorder", "/ems", "/emssettings", "/dbgsettings", "/create", "/copy", "/delete",
        "/default", "/store", "/v", "/d", "/addlast", "/remove", "{bootmgr}", "{default}", "{current}", LOADER, "nx", "device",
        "OptIn", "on", "EMSPORT:1", "NET", "locate", "ramdisk=[boot]\\x,{bootmgr}", "allowedinmemorysettings", "custom:28000001",
    ]),
    st.text(max_size=12),
)  # fmt: skip


@settings(max_examples=fuzz_cases(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WORDS, max_size=6))
def test_any_words_give_an_exit_code(words: list[str]) -> None:
    store = editable(seed_objects())
    try:
        result = run(parse(words), store, Surroundings(new_id=lambda: "{5d2f1a60-67ab-11ee-9b1c-00155d010067}"))
    except CommandError:
        return
    assert result.exit_code in (0, 1, 2)
    assert result.text.endswith("\n") or not result.text
    if result.exit_code:
        assert result.edits == ()
