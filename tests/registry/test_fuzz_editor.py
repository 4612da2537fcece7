"""Edits of damaged hives: an error of ours, or a hive with no new violation; never a write after an error."""

from __future__ import annotations

from random import Random
from time import process_time

import pytest

from bootmend.errors import BootmendError, RefusedError
from bootmend.registry import Hive, HiveEditor, check_buffer, new_violations
from bootmend.source import MemorySource

from ..support import fuzz_cases
from .editing import NOW
from .raw_hive import store
from .test_fuzz_reader import mutated

FIXTURES = {minor: bytes(store(minor, tail=5000).data) for minor in (3, 5, 6)}


def random_edits(edit: HiveEditor, paths: list[str], random: Random) -> None:
    for _ in range(6):
        path = random.choice(paths)
        before = bytes(edit._buffer.bytes)
        try:
            operation = random.randrange(4)
            if operation == 0:
                edit.set_value(
                    path, random.choice(["", "KeyName", "new"]), 3, random.randbytes(random.choice([0, 3, 9, 500, 20_000]))
                )
            elif operation == 1:
                edit.create_key(f"{path}\\{random.choice(['a', 'zz', 'plain', '0007x'])}")
            elif operation == 2:
                edit.delete_key(path, recursive=True)
            else:
                edit.delete_value(path, random.choice(["", "KeyName", "Element"]))
        except BootmendError:
            assert bytes(edit._buffer.bytes) == before


def survives(data: bytes, paths: list[str], random: Random) -> None:
    source = MemorySource(data)
    try:
        edit = HiveEditor(source, now=NOW, room=len(data) + 8 * 4096)
    except BootmendError:
        return
    random_edits(edit, paths, random)
    try:
        commit = edit.commit()
    except RefusedError:
        return
    file = MemorySource(data + bytes(commit.size - len(data)), writable=True)
    commit.write(file)
    if commit.changed:
        codes = [violation.code for violation in check_buffer(file.data)]
        assert len(codes) <= len(check_buffer(data))
        assert not [
            each for each in new_violations((), check_buffer(file.data)) if each.code in ("base-sequence", "base-checksum")
        ]


@pytest.mark.parametrize("minor", FIXTURES)
@pytest.mark.parametrize("part", range(3))
def test_edits_of_mutated_hives(minor: int, part: int) -> None:
    random = Random(10 * minor + part)
    paths = [path for path, _ in Hive(MemorySource(FIXTURES[minor])).walk()]
    started = process_time()
    for _ in range(fuzz_cases(60)):
        survives(mutated(FIXTURES[minor], random), paths, random)
    assert process_time() - started < 2 * fuzz_cases(60)
