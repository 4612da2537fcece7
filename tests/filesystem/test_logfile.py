"""An unfinished $LogFile: what Windows would still do, and which files may be written all the same."""

from __future__ import annotations

import random

import pytest

from bootmend.errors import BootmendError, CorruptError, UnsupportedError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.source import MemorySource
from tests.filesystem.build_log import CLEAN, PAGE, LogBuilder, operation
from tests.filesystem.build_ntfs import DATA, Attr, NtfsBuilder
from tests.support import fuzz_cases

NOTHING = operation(0x1B, 0x01)
"""ForgetTransaction, with a compensation as its undo: what ends every transaction."""
PAGES = 64


class Disk:
    """A volume with \\Boot\\BCD (clusters) and \\Boot\\small (resident), into which logs are put."""

    def __init__(self) -> None:
        builder = NtfsBuilder(clusters=1024)
        builder.log = b"\xff" * (PAGES * PAGE)
        builder.fanout = 4
        self.boot = builder.add_directory("Boot")
        self.data = builder.clustered(DATA, b"B" * 16384, pieces=2)
        self.bcd = builder.add("Boot\\BCD", self.data)
        builder.add("Boot\\small", Attr(DATA, b"resident"))
        for index in range(8):
            builder.add(f"Boot\\other{index}", Attr(DATA, b""))
        self.image = builder.finish()
        self.log_at = builder.log_lcn * 4096
        self.mft = builder.mft_places
        self.index_lcn = builder.index_places[self.boot][0] // 4096

    def record_at(self, number: int) -> tuple[int, int]:
        """The cluster of a file record and its place there in 512 bytes."""
        return self.mft[number * 1024 // 4096], number * 1024 % 4096 // 512

    def kinds(self, log: bytes, path: str = "\\Boot\\BCD") -> list[str]:
        return [obstacle.kind for obstacle in self.tree(log).open(path).obstacles()]

    def tree(self, log: bytes) -> NtfsTree:
        return NtfsTree(MemorySource(self.image[: self.log_at] + log + self.image[self.log_at + len(log) :]))


@pytest.fixture(scope="module")
def disk() -> Disk:
    return Disk()


def log_of(*operations: bytes, version: int = 2, flags: int = 0, start: int | None = None, in_use: int = 0) -> bytes:
    builder = LogBuilder(version=version, start=start, pages=PAGES)
    oldest = builder.add(NOTHING)
    for one in operations:
        builder.add(one)
    builder.add(NOTHING)
    return builder.build(oldest, builder.restart(), flags=flags, in_use=in_use)


def on_record(disk: Disk, number: int, redo: int = 0x07, undo: int = 0x07) -> bytes:
    lcn, block = disk.record_at(number)
    return operation(redo, undo, (lcn,), vcn=number // 4, block=block, payload=b"x" * 40)


# -- finished or not ----------------------------------------------------------------------------------


def test_an_emptied_log_is_finished(disk: Disk) -> None:
    log = b"\xff" * (PAGES * PAGE)
    assert not disk.tree(log).log.unfinished
    assert disk.kinds(log) == disk.kinds(log, "\\Boot\\small") == []


@pytest.mark.parametrize("version", [1, 2])
def test_a_log_closed_cleanly_is_finished(disk: Disk, version: int) -> None:
    log = log_of(on_record(disk, disk.bcd), version=version, flags=CLEAN)
    assert not disk.tree(log).log.unfinished
    assert disk.kinds(log) == disk.kinds(log, "\\Boot\\small") == []


def test_a_log_without_client_is_finished(disk: Disk) -> None:
    log = log_of(on_record(disk, disk.bcd), in_use=0xFFFF)
    assert not disk.tree(log).log.unfinished
    assert disk.kinds(log) == []


@pytest.mark.parametrize("version", [1, 2])
def test_a_stopped_machine_with_nothing_to_do_is_no_obstacle(disk: Disk, version: int) -> None:
    log = log_of(version=version)
    assert disk.tree(log).log.unfinished
    assert disk.kinds(log) == []


def test_the_dirty_flag_alone_is_no_obstacle() -> None:
    builder = NtfsBuilder()
    builder.volume_flags = 1
    builder.add("file", builder.clustered(DATA, b"data"))
    tree = NtfsTree(MemorySource(builder.finish()))
    assert tree.dirty
    assert tree.open("file").obstacles() == []


# -- what records touch -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("redo", [0x02, 0x03, 0x05, 0x06, 0x07, 0x09, 0x0B, 0x25])
def test_a_change_of_the_file_record_is_an_obstacle(disk: Disk, version: int, redo: int) -> None:
    log = log_of(on_record(disk, disk.bcd, redo), version=version)
    assert disk.kinds(log) == ["dirty-log"]


def test_the_sentence_says_what_is_the_matter(disk: Disk) -> None:
    (obstacle,) = disk.tree(log_of(on_record(disk, disk.bcd))).open("\\Boot\\BCD").obstacles()
    assert "\\Boot\\BCD" in obstacle.sentence
    assert "$LogFile" in obstacle.sentence
    assert "file record" in obstacle.sentence


def test_a_change_of_the_record_beside_it_in_the_same_cluster_is_none(disk: Disk) -> None:
    beside = disk.bcd + 1 if disk.bcd % 4 < 3 else disk.bcd - 2
    assert disk.record_at(beside)[0] == disk.record_at(disk.bcd)[0]
    assert disk.kinds(log_of(on_record(disk, beside))) == []


def test_an_operation_on_whole_clusters_touches_all_records_there(disk: Disk) -> None:
    beside = disk.bcd + 1 if disk.bcd % 4 < 3 else disk.bcd - 2
    assert disk.kinds(log_of(on_record(disk, beside, 0x08, 0x08))) == ["dirty-log"]


def test_an_undo_counts_as_a_redo_does(disk: Disk) -> None:
    assert disk.kinds(log_of(on_record(disk, disk.bcd, 0x00, 0x03))) == ["dirty-log"]


def test_a_change_of_the_directory_record_is_an_obstacle(disk: Disk) -> None:
    assert disk.kinds(log_of(on_record(disk, disk.boot, 0x0C, 0x0D))) == ["dirty-log"]


def test_a_change_of_the_directory_index_is_an_obstacle(disk: Disk) -> None:
    (obstacle,) = disk.tree(log_of(operation(0x14, 0x14, (disk.index_lcn,)))).open("\\Boot\\BCD").obstacles()
    assert obstacle.kind == "dirty-log"
    assert "directory" in obstacle.sentence


@pytest.mark.parametrize("run", [0, 1])
def test_a_change_of_clusters_of_the_file_is_an_obstacle(disk: Disk, run: int) -> None:
    lcn = disk.data.runs[run][0] or 0
    assert disk.kinds(log_of(operation(0x08, 0x08, (lcn + 1,)))) == ["dirty-log"]
    assert disk.kinds(log_of(operation(0x15, 0x16, (500, lcn + 1)))) == ["dirty-log"]


def test_changes_elsewhere_are_none(disk: Disk) -> None:
    assert disk.kinds(log_of(operation(0x15, 0x16, (900,)), operation(0x08, 0x00, (901, 902)))) == []


def test_a_resident_file_cannot_be_told_apart_from_metadata(disk: Disk) -> None:
    assert disk.kinds(log_of(), "\\Boot\\small") == ["dirty-log"]


def test_what_is_older_than_the_oldest_needed_record_does_not_count(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    builder.add(on_record(disk, disk.bcd))
    oldest = builder.add(NOTHING)
    assert disk.kinds(builder.build(oldest, builder.restart())) == []


def test_what_came_after_the_restart_area_was_written_counts(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    restart = builder.restart()
    builder.add(on_record(disk, disk.bcd))
    assert disk.kinds(builder.build(oldest, restart, current=restart)) == ["dirty-log"]


# -- the ring of pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_records_go_on_after_the_end_of_the_ring(disk: Disk, version: int) -> None:
    filler = [operation(0x08, 0x08, (900,), payload=bytes(700))] * 12
    log = log_of(*filler, on_record(disk, disk.bcd), version=version, start=PAGES - 1)
    assert disk.kinds(log) == ["dirty-log"]
    assert disk.kinds(log_of(*filler, version=version, start=PAGES - 1)) == []


@pytest.mark.parametrize("size", [3000, 4000, 9000, 20000])
def test_records_may_span_pages(disk: Disk, size: int) -> None:
    dumps = [operation(0x1F, payload=bytes(size + 8 * step)) for step in range(5)]
    assert disk.kinds(log_of(*dumps, on_record(disk, disk.bcd), start=40)) == ["dirty-log"]
    assert disk.kinds(log_of(*dumps, start=40)) == []


@pytest.mark.parametrize("version", [1, 2])
def test_a_page_that_only_its_copy_has_is_read_there(disk: Disk, version: int) -> None:
    builder = LogBuilder(version=version, pages=PAGES)
    oldest = builder.add(NOTHING)
    while builder.page == builder.first:
        builder.add(operation(0x08, 0x08, (900,), payload=bytes(700)))
    builder.add(on_record(disk, disk.bcd))
    log = builder.build(oldest, builder.restart(), only_in_copy=builder.page)
    assert disk.kinds(log) == ["dirty-log"]


def test_an_older_copy_does_not_hide_the_page(disk: Disk) -> None:
    old = LogBuilder(pages=PAGES)
    old.add(NOTHING)
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    builder.add(on_record(disk, disk.bcd))
    log = bytearray(builder.build(oldest, builder.restart()))
    log[2 * PAGE : 3 * PAGE] = old.encode_page(old.first, home=old.first)
    assert disk.kinds(bytes(log)) == ["dirty-log"]


def test_the_newer_restart_page_counts(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    restart = builder.restart()
    open_log = builder.build(oldest, restart, older_second=True)
    clean = builder.build(oldest, restart, flags=CLEAN, older_second=True)
    assert disk.tree(open_log[:PAGE] + clean[PAGE:]).log.unfinished
    assert not disk.tree(clean[:PAGE] + open_log[PAGE:]).log.unfinished


@pytest.mark.parametrize("torn", [0, 1])
def test_one_restart_page_is_enough(disk: Disk, torn: int) -> None:
    log = bytearray(log_of())
    log[torn * PAGE + 1022] ^= 0xFF
    assert disk.tree(bytes(log)).log.unfinished
    assert disk.kinds(bytes(log)) == []


# -- logs that cannot be read ---------------------------------------------------------------------------


def test_without_a_restart_page_nothing_is_written(disk: Disk) -> None:
    log = bytearray(log_of())
    log[1022] ^= 0xFF
    log[PAGE + 1022] ^= 0xFF
    with pytest.raises(CorruptError, match=r"\$LogFile: torn"):
        _ = disk.tree(bytes(log)).log
    assert disk.kinds(bytes(log)) == ["dirty-log"]
    assert disk.kinds(bytes(PAGES * PAGE)) == ["dirty-log"]


def test_a_torn_page_before_the_newest_record_stops_everything(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    for _ in range(12):
        builder.add(operation(0x08, 0x08, (900,), payload=bytes(700)))
    log = bytearray(builder.build(oldest, builder.restart()))
    assert disk.kinds(bytes(log)) == []
    log[builder.first + 510] ^= 0xFF
    assert disk.kinds(bytes(log)) == ["dirty-log"]


def test_a_torn_page_after_the_newest_known_record_is_the_end(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    restart = builder.restart()
    while builder.page == builder.first:
        builder.add(operation(0x08, 0x08, (900,), payload=bytes(700)))
    log = bytearray(builder.build(oldest, restart, current=restart))
    log[builder.page + 510] ^= 0xFF
    assert disk.kinds(bytes(log)) == []


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (operation(0x26, 0x00), UnsupportedError),
        (operation(0x00, 0x7777), UnsupportedError),
        (operation(0x07, 0x07, (1 << 40,)), CorruptError),
        (operation(0x07, 0x07, (5,), count=9), CorruptError),
        (b"short", CorruptError),
    ],
)
def test_records_that_make_no_sense_are_an_obstacle(disk: Disk, record: bytes, error: type[BootmendError]) -> None:
    log = log_of(record)
    with pytest.raises(error):
        _ = disk.tree(log).log.touched
    (obstacle,) = disk.tree(log).open("\\Boot\\BCD").obstacles()
    assert obstacle.kind == "dirty-log"
    assert "cannot be read" in obstacle.sentence


def test_a_record_of_an_unknown_type_is_an_obstacle(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    oldest = builder.add(NOTHING)
    builder.add(NOTHING, kind=7)
    assert disk.kinds(builder.build(oldest, builder.restart())) == ["dirty-log"]


def test_a_client_that_never_made_a_checkpoint_is_an_obstacle(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    builder.add(NOTHING)
    assert disk.kinds(builder.build(0, 0)) == ["dirty-log"]


def test_an_oldest_record_that_is_not_there_is_an_obstacle(disk: Disk) -> None:
    builder = LogBuilder(pages=PAGES)
    builder.add(NOTHING)
    assert disk.kinds(builder.build(builder.lsns[0] - 64, builder.restart())) == ["dirty-log"]


def test_damaged_logs_give_an_answer_or_our_error(disk: Disk) -> None:
    source = random.Random(3)
    good = log_of(on_record(disk, disk.bcd), *[operation(0x08, 0x08, (900,), payload=bytes(300))] * 30)
    for _ in range(fuzz_cases(150)):
        log = bytearray(good)
        for _ in range(source.randint(1, 8)):
            area = source.choice([0x200, PAGE * 2, PAGE * 37])
            at = source.randrange(area) if area < PAGE * 37 else source.randrange(PAGE * 34, area)
            log[at] = source.choice([0, 0xFF, source.randrange(256)])
        assert set(disk.kinds(bytes(log))) <= {"dirty-log"}
