"""Where an edit puts things: lists of every size, free space, the length of the file, the steps of a commit."""

from __future__ import annotations

import random
import struct

import pytest

from bootmend.errors import RefusedError
from bootmend.registry import Commit, Hive, HiveEditor, check_buffer, recover
from bootmend.source import MemorySource, Source

from .editing import NOW, Tree, cells_of, editor, key_fields, tree, written
from .raw_hive import NIL, K, RawHive, dirty, log_base, new_log, store, summed

OBJECT = "Objects\\{00000001-1111-2222-3333-444444444444}"
FIVE = ["26000020", "25000004", "26000022", "15000007", "16000049"]


def list_kinds(data: bytes, cell: int = 32) -> list[tuple[bytes, int]]:
    """The kinds and lengths of a key's list and its leaves."""
    offset = key_fields(data, cell)["list"]
    if offset == NIL:
        return []
    kind, count = struct.unpack_from("<2sH", data, 4096 + offset + 4)
    kinds = [(kind, count)]
    if kind == b"ri":
        leaves = struct.unpack_from(f"<{count}I", data, 4096 + offset + 8)
        kinds += [struct.unpack_from("<2sH", data, 4096 + leaf + 4) for leaf in leaves]
    return kinds


# -- lists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minor", "kind", "leaf"), [(3, b"lf", b"li"), (4, b"lf", b"li"), (5, b"lh", b"lh"), (6, b"lh", b"lh")])
def test_lists_grow_from_a_leaf_to_an_index(minor: int, kind: bytes, leaf: bytes) -> None:
    data = bytes(RawHive(K("root"), minor=minor).data)
    names = [f"{number:04}" for number in range(1200)]
    random.Random(minor).shuffle(names)
    for part, limit in ((names[:1], 1), (names[1:507], 507), (names[507:508], 508), (names[508:], 1200)):
        edit = editor(data, 1 << 20)
        for name in part:
            edit.create_key(name)
        data = written(data, edit.commit())
        kinds = list_kinds(data)
        if limit <= 507:
            assert kinds == [(kind, limit)]
        else:
            assert kinds[0][0] == b"ri"
            assert {kind for kind, _ in kinds[1:]} == {leaf}
            assert sum(count for _, count in kinds[1:]) == limit
            assert max(count for _, count in kinds[1:]) <= (1014 if leaf == b"li" else 507)
    assert [key.name for key in Hive(MemorySource(data)).root.subkeys()] == sorted(names)


@pytest.mark.parametrize("minor", [3, 5])
def test_lists_shrink_to_nothing(minor: int) -> None:
    names = [f"{number:03}" for number in range(100)]
    data = bytes(RawHive(K("root", children=[K(name) for name in names]), minor=minor, leaf=12).data)
    random.Random(1).shuffle(names)
    while names:
        edit = editor(data)
        for name in [names.pop() for _ in range(min(7, len(names)))]:
            edit.delete_key(name)
        data = written(data, edit.commit())
        assert [key.name for key in Hive(MemorySource(data)).root.subkeys()] == sorted(names)
    assert list_kinds(data) == []


def test_a_long_leaf_that_is_there_is_accepted_and_split_when_it_grows() -> None:
    names = [f"{number:04}" for number in range(0, 1600, 2)]
    data = bytes(RawHive(K("root", children=[K(name) for name in names]), minor=5, leaf=1000).data)
    edit = editor(data, 1 << 20)
    edit.delete_key("0100")
    data = written(data, edit.commit())
    assert list_kinds(data) == [(b"lh", 799)]
    edit = editor(data, 1 << 20)
    edit.create_key("0101")
    assert list_kinds(written(data, edit.commit())) == [(b"ri", 2), (b"lh", 400), (b"lh", 400)]


# -- free space ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", [3, 5])
def test_the_same_five_elements_a_hundred_times_grow_nothing(minor: int) -> None:
    data = bytes(store(minor).data)
    for _ in range(100):
        edit = editor(data)
        for element in FIVE:
            edit.create_key(f"{OBJECT}\\Elements\\{element}")
            edit.set_value(f"{OBJECT}\\Elements\\{element}", "Element", 3, bytes(8))
        data = written(data, edit.commit())
        edit = editor(data)
        for element in FIVE:
            edit.delete_key(f"{OBJECT}\\Elements\\{element}")
        data = written(data, edit.commit())
    assert len(data) == len(store(minor).data)


def test_free_cells_of_a_bin_become_one() -> None:
    data = bytes(RawHive(K("root", [(f"v{number}", 3, bytes(64)) for number in range(20)])).data)
    edit = editor(data)
    for number in random.Random(3).sample(range(20), 20):
        edit.delete_value("", f"v{number}")
    result = written(data, edit.commit())  # the check finds neighbours that are not one
    assert len(cells_of(result)) == 2


def fill(edit: HiveEditor) -> int:
    """Set values until there is no room; how many there are then."""
    for count in range(10_000):
        try:
            edit.set_value("", f"{count:04}", 3, bytes([count % 256]) * 20)
        except RefusedError:
            return count
    raise AssertionError("a hive of one page holds ten thousand values")


def test_a_hive_can_be_filled_to_the_last_byte() -> None:
    data = bytes(RawHive(K("root")).data)
    edit = editor(data)
    count = fill(edit)
    assert count > 40
    result = written(data, edit.commit())
    assert len(result) == len(data)
    assert len(tree(result)[""]) == count


def test_other_cells_stay_as_they_are() -> None:
    data = bytes(store(5).data)
    edit = editor(data)
    edit.set_value("Odd", "v", 3, b"something new")
    edit.create_key("Many\\new")
    edit.delete_key(f"{OBJECT}\\Elements\\11000001")
    before, after = cells_of(data), cells_of(written(data, edit.commit()))
    changed = [cell for cell in before if after.get(cell) != before[cell]]
    hive = Hive(MemorySource(data))
    paths = ("Odd", "Many", f"{OBJECT}\\Elements", f"{OBJECT}\\Elements\\11000001")
    named = {
        key_fields(data, key.offset)[name] for key in map(hive.key, paths) if key for name in ("list", "security", "value_list")
    }
    gone = hive.key(paths[-1])
    assert gone is not None
    values = {value.offset for value in gone.values()}
    data_cells = {struct.unpack_from("<I", data, 4096 + offset + 4 + 8)[0] for offset in values}
    leaves = {cell for cell in changed if before[cell][4:6] in (b"li", b"lh")}
    allowed = named | values | data_cells | leaves | {key.offset for key in map(hive.key, paths) if key}
    assert set(changed) <= allowed


# -- the length of the file -----------------------------------------------------------------------------


def test_the_tail_of_the_file_is_used_before_it_grows() -> None:
    data = bytes(store(tail=3 * 4096 + 100).data)
    edit = editor(data)
    edit.set_value("Odd", "v", 3, b"x" * 9000)
    result = written(data, edit.commit())
    assert len(result) == len(data)
    assert result[-100:] == data[-100:]
    with pytest.raises(RefusedError, match="may not grow"):
        editor(result).set_value("Odd", "w", 3, b"x" * 5000)


def test_the_file_grows_only_as_far_as_it_may() -> None:
    data = bytes(store().data)
    with pytest.raises(RefusedError, match="may not grow"):
        editor(data).set_value("Odd", "v", 3, b"x" * 9000)
    with pytest.raises(RefusedError, match="may not grow"):
        editor(data, len(data) + 8192).set_value("Odd", "v", 3, b"x" * 9000)
    edit = editor(data, len(data) + 3 * 4096)
    edit.set_value("Odd", "v", 3, b"x" * 9000)
    commit = edit.commit()
    assert commit.size == len(data) + 3 * 4096
    assert len(written(data, commit)) == commit.size
    with pytest.raises(RefusedError, match="needs a file"):
        commit.write(MemorySource(data, writable=True))


def test_a_new_bin_has_no_time_stamp() -> None:
    data = bytes(store(tail=4096).data)
    edit = editor(data)
    edit.set_value("Odd", "v", 3, b"x" * 4000)
    result = written(data, edit.commit())
    start = struct.unpack_from("<I", data, 40)[0]
    assert struct.unpack_from("<4sIIQQI", result, 4096 + start) == (b"hbin", start, 4096, 0, 0, 0)
    assert struct.unpack_from("<I", result, 40)[0] == start + 4096


# -- the commit -----------------------------------------------------------------------------------------


class Recording(Source):
    """Notes writes and barriers."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.states: list[bytes] = [bytes(data)]
        self.barriers: list[int] = []

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write_at(self, offset: int, data: bytes) -> None:
        self.check_range(offset, len(data))
        self.data[offset : offset + len(data)] = data
        self.states.append(bytes(self.data))

    def barrier(self) -> None:
        self.barriers.append(len(self.states) - 1)


def committed() -> tuple[bytes, Recording, Tree]:
    data = bytes(store(5, sequence=40).data)
    edit = editor(data)
    edit.set_value("Odd", "v", 3, b"something new")
    edit.create_key("Many\\new")
    file = Recording(data)
    edit.commit().write(file)
    return data, file, tree(file.data)


def test_a_cut_between_writes_leaves_old_dirty_or_new() -> None:
    old, file, new = committed()
    assert tree(file.states[0]) == tree(old)
    for state in file.states[1:-1]:
        base = Hive(MemorySource(state), dirty="accept").base
        assert base.checksum_ok
        assert (base.sequence1, base.sequence2) == (41, 40)
    assert tree(file.states[-1]) == new
    assert not Hive(MemorySource(file.states[-1])).dirty
    assert file.barriers == [1, len(file.states) - 2, len(file.states) - 1]


def test_steps_are_whole_sectors_that_differ() -> None:
    data = bytes(store(5).data)
    edit = editor(data)
    edit.set_value("Odd", "v", 3, b"something new")
    first, pages, last = edit.commit().steps
    assert [(offset, len(piece)) for offset, piece in first + last] == [(0, 512), (0, 512)]
    for offset, piece in pages:
        assert offset % 512 == 0 < offset
        assert len(piece) % 512 == 0
        for at in range(0, len(piece), 512):
            assert data[offset + at : offset + at + 512] != piece[at : at + 512]


def test_the_base_block_keeps_what_is_not_ours() -> None:
    raw = store(5, sequence=7)
    raw.data[144:176] = bytes(range(32))
    raw.data[600:700] = b"g" * 100
    edit = editor(written(raw.data, _changed(raw.data)))
    assert bytes(edit._buffer.bytes[12:508]) == bytes(raw.data[12:508])
    assert bytes(edit._buffer.bytes[512:4096]) == bytes(raw.data[512:4096])


def _changed(data: bytes | bytearray) -> Commit:
    edit = editor(summed(bytearray(data)))
    edit.set_value("Odd", "v", 3, b"1")
    return edit.commit()


def test_sequence_numbers_exceed_those_of_all_logs() -> None:
    data = bytes(store(sequence=5).data)
    logs = [MemorySource(bytes(log_base(data, 6, number))) for number in (90, 70)]
    edit = HiveEditor(MemorySource(data), now=NOW, logs=logs)
    edit.set_value("Odd", "v", 3, b"1")
    base = Hive(MemorySource(written(data, edit.commit()))).base
    assert base.sequence1 == base.sequence2 > 90


def test_the_last_sequence_number_is_not_passed() -> None:
    edit = editor(store(sequence=0xFFFFFFFF).data)
    edit.set_value("Odd", "v", 3, b"1")
    with pytest.raises(RefusedError, match="come to their end"):
        edit.commit()


def test_a_commit_can_be_asked_for_again() -> None:
    data = bytes(store().data)
    source = MemorySource(data, writable=True)
    edit = HiveEditor(source, now=NOW)
    edit.set_value("Odd", "v", 3, b"1")
    first = edit.commit()
    assert edit.commit() == first
    first.write(source)
    assert not edit.commit().changed
    edit.set_value("Odd", "w", 3, b"2")
    second = edit.commit()
    second.write(source)
    assert check_buffer(source.data) == []
    assert tree(source.data)["Odd"].keys() >= {"v", "w"}
    assert Hive(source).base.sequence1 == 3


def test_a_bad_base_block_is_replaced_as_a_whole() -> None:
    before = bytes(store(3, sequence=8).data)
    edit = editor(before)
    edit.set_value("Odd", "logged", 3, b"by the log")
    after = written(before, edit.commit())
    broken = bytearray(dirty(before, sequence=9))
    broken[300] ^= 1
    logs = [MemorySource(new_log(before, 9, [before, after]))]
    file = Recording(bytes(broken))
    HiveEditor(MemorySource(bytes(broken)), now=NOW, logs=logs).commit().write(file)
    assert tree(file.data) == tree(recover(MemorySource(bytes(broken)), logs).data)
    for state in file.states[1:-1]:
        assert Hive(MemorySource(state), dirty="accept").base.dirty
