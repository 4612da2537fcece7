"""The reader, on hives made byte by byte from the specification."""

from __future__ import annotations

import struct

import pytest

from bootmend.errors import CorruptError, RefusedError, TruncatedError, UnsupportedError
from bootmend.registry import Hive, Key, KeyFlag, is_hive
from bootmend.source import MemorySource, Source

from .raw_hive import DESCRIPTOR, NIL, STAMP, K, RawHive, dirty, store, summed

VERSIONS = [3, 5]


def opened(raw: RawHive) -> Hive:
    return Hive(MemorySource(bytes(raw.data)))


def found(hive: Hive, path: str) -> Key:
    key = hive.key(path)
    assert key is not None, path
    return key


def poke(raw: RawHive, cell: int, offset: int, form: str, *values: int | bytes) -> None:
    """Change bytes of a finished hive: ``offset`` counts from the cell's data."""
    struct.pack_into(form, raw.data, 4096 + cell + 4 + offset, *values)


class Counting(Source):
    """Notes which bytes were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: set[int] = set()
        self.reads = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        self.check_range(offset, length)
        self.asked.update(range(offset // 4096, (offset + max(length, 1) - 1) // 4096 + 1))
        self.reads += 1
        return self.data[offset : offset + length]


# -- names and places -------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", VERSIONS)
def test_every_key_has_its_path_and_all_are_walked_in_order(minor: int) -> None:
    raw = store(minor)
    walked = [path for path, _ in opened(raw).walk()]
    assert sorted(walked) == sorted(raw.where.keys() - {path for path in raw.where if ":" in path})
    assert [path for path in walked if path.count("\\") == 0] == ["", "Description", "Many", "Objects", "Odd"]
    assert walked[3:33] == [f"Many\\{number:04}" for number in range(30)]


@pytest.mark.parametrize("minor", VERSIONS)
def test_every_key_and_value_stands_in_its_cell(minor: int) -> None:
    raw = store(minor)
    hive = opened(raw)
    for where, cell in raw.where.items():
        path, _, name = where.partition(":")
        key = found(hive, path)
        assert key.path == path
        if ":" in where:
            value = key.value(name)
            assert value is not None
            assert (value.name, value.offset) == (name, cell)
        else:
            assert key.offset == cell


@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("odd\\\xe4RGER", "Odd\\\xc4rger"),
        ("ODD\\\u0450YRILLIC", "Odd\\\u0400yrillic"),
        ("many\\0017", "Many\\0017"),
        ("\\Objects\\", "Objects"),
    ],
)
def test_names_are_found_whatever_their_case(minor: int, asked: str, stored: str) -> None:
    assert found(opened(store(minor)), asked).path == stored


@pytest.mark.parametrize("minor", VERSIONS)
@pytest.mark.parametrize("path", ["Nothing", "Many\\0030", "Many\\0017\\x", "Odd\\plain\u0130", "Nothing\\below"])
def test_what_is_not_there_is_none(minor: int, path: str) -> None:
    assert opened(store(minor)).key(path) is None


def test_the_root_has_no_path_and_no_parent() -> None:
    root = opened(store()).root
    assert (root.name, root.path, root.parent) == ("NewStoreRoot", "", None)
    assert KeyFlag.HIVE_ENTRY in root.flags


def test_properties_of_a_key() -> None:
    raw = store()
    key = found(opened(raw), "Description")
    assert key.class_name == "4d36e968"
    assert key.security == DESCRIPTOR
    assert key.written == STAMP
    assert key.value_count == sum(where.startswith("Description:") for where in raw.where)
    assert key.subkey_count == 0
    assert found(opened(store()), "Odd").class_name is None


def test_equal_names_of_pairs_of_units() -> None:
    raw = RawHive(K("root", children=[K("\U00010400x"), K("\ue000x")]))
    hive = opened(raw)
    assert {key.name for key in hive.root.subkeys()} == {"\U00010400x", "\ue000x"}
    assert found(hive, "\U00010400X").name == "\U00010400x"
    assert hive.key("\U00010428x") is None  # its upper case in Unicode, but not to Windows


# -- lists --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minor", "leaf", "kind"), [(3, 507, b"lf"), (3, 4, b"ri"), (5, 507, b"lh"), (5, 4, b"ri")])
def test_kinds_of_lists(minor: int, leaf: int, kind: bytes) -> None:
    raw = RawHive(K("root", children=[K(f"k{number:02}") for number in range(10)]), minor=minor, leaf=leaf)
    assert raw.data[4096 + raw.lists[""] + 4 :][:2] == kind
    hive = opened(raw)
    assert [key.name for key in hive.root.subkeys()] == [f"k{number:02}" for number in range(10)]
    assert all(hive.key(f"K{number:02}") for number in range(10))


@pytest.mark.parametrize("minor", VERSIONS)
def test_a_stale_hint_or_hash_does_not_hide_a_key(minor: int) -> None:
    raw = RawHive(K("root", children=[K("alpha"), K("beta")]), minor=minor)
    poke(raw, raw.lists[""], 4 + 8 + 4, "<I", 0x12345678)
    assert found(opened(raw), "BETA").name == "beta"


def test_a_wrong_order_does_not_hide_a_key() -> None:
    raw = RawHive(K("root", children=[K("alpha"), K("beta")]), minor=3)
    first, hint1, second, hint2 = struct.unpack_from("<I4sI4s", raw.data, 4096 + raw.lists[""] + 8)
    poke(raw, raw.lists[""], 4, "<I4sI4s", second, hint2, first, hint1)
    assert [key.name for key in opened(raw).root.subkeys()] == ["beta", "alpha"]
    assert found(opened(raw), "alpha")


def test_a_long_list_without_hashes_is_searched_by_halving() -> None:
    raw = RawHive(K("root", children=[K(f"{number:05}") for number in range(5000)]), minor=3, leaf=900)
    hive = opened(raw)
    assert found(hive, "03333").name == "03333"
    assert hive.key("03333x") is None
    assert hive.key("99999") is None


def test_volatile_leftovers_are_ignored() -> None:
    raw = store()
    poke(raw, raw.where["Odd"], 24, "<I", 7)
    poke(raw, raw.where["Odd"], 32, "<I", 0x12345678)
    assert [key.name for key in found(opened(raw), "Odd").subkeys()] == ["plain", "\xc4rger", "\u0400yrillic"]


def test_an_empty_list_that_was_left_behind_is_no_subkey() -> None:
    raw = store()
    poke(raw, raw.where["Odd"], 20, "<I", 0)
    assert list(found(opened(raw), "Odd").subkeys()) == []
    assert opened(raw).key("Odd\\plain") is None


def test_a_predefined_handle_is_no_number_of_values() -> None:
    raw = store()
    poke(raw, raw.where["Description"], 2, "<H", 0x60)
    poke(raw, raw.where["Description"], 36, "<I", 0x80000002)
    key = found(opened(raw), "Description")
    assert list(key.values()) == []
    assert key.value_count == 0


# -- the base block -----------------------------------------------------------------------------------


def test_the_base_block_is_parsed() -> None:
    base = opened(store(5, sequence=77)).base
    assert (base.sequence1, base.sequence2, base.major, base.minor, base.type) == (77, 77, 1, 5, 0)
    assert (base.written, base.name, base.checksum_ok, base.dirty, base.flags) == (STAMP, "\\??\\C:\\fixture", True, False, 0)


def test_flags_are_believed_only_with_their_mark() -> None:
    raw = store()
    struct.pack_into("<I", raw.data, 144, 1)
    summed(raw.data)
    assert not opened(raw).base.transaction_locked
    struct.pack_into("<4s", raw.data, 164, b"rmtm")
    summed(raw.data)
    assert opened(raw).base.transaction_locked


def test_bytes_behind_the_bins_are_no_concern() -> None:
    raw = store(tail=5000)
    assert found(opened(raw), "Objects")


@pytest.mark.parametrize("change", ["sequence", "checksum"])
def test_a_dirty_hive_is_refused_unless_accepted(change: str) -> None:
    data = dirty(store().data, sequence=9) if change == "sequence" else bytearray(store().data)
    if change == "checksum":
        data[508] ^= 1
    with pytest.raises(RefusedError, match="dirty"):
        Hive(MemorySource(bytes(data)))
    hive = Hive(MemorySource(bytes(data)), dirty="accept")
    assert hive.dirty
    assert found(hive, "Objects")


def test_a_clean_hive_is_not_dirty() -> None:
    assert not opened(store()).dirty


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", TruncatedError, "is empty"),
        (b"regf", TruncatedError, "only 4 bytes"),
        (bytes(8192), CorruptError, "not a registry hive"),
        (bytes(summed(bytearray(store().data[:28] + b"\x06" + store().data[29:]))), UnsupportedError, "transaction log"),
        (bytes(summed(bytearray(store().data[:24] + b"\x07" + store().data[25:]))), UnsupportedError, "1.7"),
        (bytes(summed(bytearray(store().data[:32] + b"\x02" + store().data[33:]))), CorruptError, "format 2"),
        (bytes(summed(bytearray(store().data[:40] + b"\x01" + store().data[41:]))), CorruptError, "hive bins"),
        (bytes(store().data[:-1]), TruncatedError, "its file only"),
    ],
)
def test_what_is_no_hive_is_said(data: bytes, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Hive(MemorySource(data))


def test_what_begins_as_a_hive() -> None:
    data = bytes(store().data)
    assert is_hive(MemorySource(data))
    assert not is_hive(MemorySource(data[:4000]))
    assert not is_hive(MemorySource(bytes(8192)))
    assert not is_hive(MemorySource(data[:28] + b"\6" + data[29:]))


# -- lazy reading -------------------------------------------------------------------------------------


def large() -> RawHive:
    children = [K(f"key{number:04}", [("v", 3, bytes([number % 256]) * 900)]) for number in range(300)]
    return RawHive(K("root", children=children), minor=5)


def test_one_value_costs_a_few_pages() -> None:
    source = Counting(bytes(large().data))
    value = found(Hive(source), "key0123").value("v")
    assert value is not None
    assert value.data == bytes([123]) * 900
    assert len(source.asked) < 12 < source.size // 4096
    assert source.reads < 12


def test_a_page_is_read_once() -> None:
    source = Counting(bytes(large().data))
    hive = Hive(source)
    found(hive, "key0123")
    reads = source.reads
    found(hive, "key0123")
    assert source.reads == reads


def test_loading_reads_the_rest_and_changes_nothing() -> None:
    source = Counting(bytes(large().data) + bytes(9000))
    hive = Hive(source)
    before = found(hive, "key0007")
    hive.load()
    assert found(hive, "key0007").path == before.path
    assert [value.data for value in before.values()] == [bytes([7]) * 900]
    assert max(source.asked) < (source.size - 9000 + 4095) // 4096


def test_lazy_and_whole_reading_give_the_same() -> None:
    data = bytes(large().data)
    lazy, whole = Hive(MemorySource(data)), Hive(MemorySource(data))
    whole.load()
    for name in ("key0000", "key0299"):
        assert [value.data for value in found(lazy, name).values()] == [value.data for value in found(whole, name).values()]
    assert sum(1 for _ in whole.walk()) == 301


# -- damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "offset", "form", "value", "text"),
    [
        ("Odd", 0, "<2s", b"xx", "not a key"),
        ("Odd", -4, "<i", 96, "free"),
        ("Odd", -4, "<i", -(1 << 30), "impossible size"),
        ("Odd", 72, "<H", 60000, "name does not fit"),
        ("Odd", 28, "<I", 0x7FFFFFF8, "leads nowhere"),
        ("Odd", 28, "<I", NIL, "leads nowhere"),
    ],
)
def test_a_broken_key_is_named(cell: str, offset: int, form: str, value: int | bytes, text: str) -> None:
    raw = store()
    poke(raw, raw.where[cell], offset, form, value)
    with pytest.raises(CorruptError, match=text) as caught:
        for _ in opened(raw).walk():
            pass
    assert caught.value.places[0].startswith("cell 0x")


@pytest.mark.parametrize(
    ("offset", "form", "value", "text"),
    [
        (0, "<2s", b"zz", "not a list"),
        (2, "<H", 60000, "do not fit"),
        (4, "<I", 4, "leads nowhere|not a key|free|fit"),
    ],
)
@pytest.mark.parametrize("minor", VERSIONS)
def test_a_broken_list_is_named(minor: int, offset: int, form: str, value: int | bytes, text: str) -> None:
    raw = store(minor)
    poke(raw, raw.lists["Odd"], offset, form, value)
    with pytest.raises(CorruptError, match=text):
        list(found(opened(raw), "Odd").subkeys())


def test_a_list_of_lists_of_lists_is_refused() -> None:
    raw = store()
    poke(raw, raw.lists["Many"], 4, "<I", raw.lists["Many"])
    with pytest.raises(CorruptError, match="list of lists"):
        list(found(opened(raw), "Many").subkeys())


def test_keys_in_a_circle_end_the_walk() -> None:
    raw = store()
    poke(raw, raw.lists["Odd"], 4, "<I", raw.where["Odd"])
    with pytest.raises(CorruptError, match=r"nested deeper|loop"):
        for _ in opened(raw).walk():
            pass


def test_many_keys_that_share_a_list_end_the_walk() -> None:
    raw = RawHive(K("root", children=[K(f"{number:03}") for number in range(400)]), minor=5)
    for number in range(400):
        poke(raw, raw.where[f"{number:03}"], 20, "<I", 400)
        poke(raw, raw.where[f"{number:03}"], 28, "<I", raw.lists[""])
    with pytest.raises(CorruptError, match="loop"):
        for _ in opened(raw).walk():
            pass


def test_a_security_record_that_is_none() -> None:
    raw = store()
    poke(raw, raw.where["Odd"], 44, "<I", raw.where["Odd"])
    with pytest.raises(CorruptError, match="not a security record"):
        _ = found(opened(raw), "Odd").security


def test_a_class_that_does_not_fit() -> None:
    raw = store()
    poke(raw, raw.where["Description"], 74, "<H", 5000)
    with pytest.raises(CorruptError, match="class name"):
        _ = found(opened(raw), "Description").class_name
