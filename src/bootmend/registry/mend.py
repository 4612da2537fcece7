"""Mending a damaged hive: what can be told for certain is set right, what is lost is named, all else stays as it is.

The order matters: first the frame (bins, cells), then what there is (keys, security, values), then the cells that nothing
refers to are freed, and only then anything is stored anew.  The rules are those of the checker
(``docs/formats/regf-invariants.md``), and the checker has the last word: what it still finds is returned.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import ReadError, RefusedError, UnsupportedError
from bootmend.registry.base import SECTOR, judge_version, parse_base
from bootmend.registry.cells import CELLS_START
from bootmend.registry.check import Violation, check_buffer
from bootmend.registry.commit import next_sequence, set_sequences
from bootmend.registry.editable import EditableCells
from bootmend.registry.editor import OLDEST_MINOR
from bootmend.registry.layout import (
    BASE_BINS_SIZE,
    BASE_CHECKSUM,
    BASE_ROOT,
    BASE_SEQUENCE_1,
    BASE_SIZE,
    NK_FLAGS,
    VK,
    VK_HEAD,
    VK_SIZE,
    KeyFlag,
)
from bootmend.registry.mend_frame import chain_end, mend_frame
from bootmend.registry.mend_ground import Ground
from bootmend.registry.mend_lists import let_go, mend_key, raise_largest, write_list
from bootmend.registry.mend_report import Repair, Report, shown
from bootmend.registry.mend_security import mend_security
from bootmend.registry.mend_tree import Node, Tree
from bootmend.registry.mend_values import Values, attach_orphans
from bootmend.registry.names import decode_name
from bootmend.registry.recover import FILE_LIMIT, is_dirty, log_sequence, recover
from bootmend.registry.space import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.registry.base import BaseBlock
    from bootmend.source import Source


class Mending(NamedTuple):
    """A mended hive.

    ``data`` is the whole file, clean; it equals the old one where nothing had to be done.  ``before`` is what the checker
    found, ``left`` what it still finds; ``repairs`` is all that was done and ``lost`` names what is gone.
    """

    data: bytes
    repairs: tuple[Repair, ...]
    lost: tuple[str, ...]
    before: tuple[Violation, ...]
    left: tuple[Violation, ...]


def mend(source: Source, logs: Sequence[Source] = (), *, room: int | None = None, without_logs: bool = False) -> Mending:
    """Return the hive in ``source`` mended; nothing is written.

    ``room`` is how long the file may become; without it, it keeps its length.  Time stamps of keys stay.  A dirty hive is
    recovered from its ``logs`` first; with ``without_logs`` it is mended as it lies, and what waits in its logs is lost.

    Raises:
        RefusedError: dirty, and its logs do not help; no root key; a version that is not edited; no room.
        ReadError: it is no hive.
    """
    report = Report()
    original = source.read_at(0, min(source.size, FILE_LIMIT))
    before = check_buffer(original)
    data = _clean_base(source, original, logs, report, without_logs=without_logs)
    _extend(data, report)
    limit = mend_frame(data, report)
    minor = parse_base(data[:SECTOR]).minor
    cells = EditableCells(data, limit, minor)
    ground = Ground(cells, report)
    _mend_tree(ground, _root(ground), max(room or 0, source.size))
    if not report.repairs and not report.lost:
        return Mending(original, (), (), tuple(before), tuple(before))
    return _finished(cells, report, before, log_sequence(logs))


def _finished(cells: EditableCells, report: Report, before: list[Violation], in_logs: int) -> Mending:
    data = cells.bytes
    base = parse_base(data[:SECTOR])
    sector = data[:SECTOR]
    sequence = next_sequence((base.sequence1, base.sequence2, in_logs))
    set_sequences(sector, sequence, sequence)
    data[:SECTOR] = sector
    return Mending(bytes(data), tuple(report.repairs), tuple(report.lost), tuple(before), tuple(check_buffer(data)))


# -- the base block ----------------------------------------------------------------------------------------
def _clean_base(source: Source, original: bytes, logs: Sequence[Source], report: Report, *, without_logs: bool) -> bytearray:
    """The bytes to begin with: recovered from the logs where the hive is dirty."""
    if not is_dirty(source):
        _judge(parse_base(original[:SECTOR]))
        return bytearray(original)
    if not without_logs:
        try:
            recovery = recover(source, logs)
        except (RefusedError, ReadError) as error:
            _refuse_dirty(original, error)
        else:
            for sentence in recovery.applied:
                report.repair("base-sequence", BASE_SEQUENCE_1, sentence)
            return bytearray(recovery.data)
    base = parse_base(original[:SECTOR])
    _judge(base)
    if base.sequence1 != base.sequence2:
        report.repair("base-sequence", BASE_SEQUENCE_1, f"its sequence numbers {base.sequence1} and {base.sequence2} are equal")
        report.lose("what waited in its logs, which are not applied")
    if not base.checksum_ok:
        report.repair("base-checksum", BASE_CHECKSUM, "the checksum of its base block is right")
    return bytearray(original)


def _judge(base: BaseBlock) -> None:
    """Refuse versions that are not edited."""
    judge_version(base)
    if base.minor < OLDEST_MINOR:
        raise UnsupportedError(f"hives of version 1.{base.minor} cannot be mended", at="base block")


def _refuse_dirty(original: bytes, error: RefusedError | ReadError) -> None:
    """A wrong checksum alone is no sign of changes that wait in logs: what the base block says is judged by what is there."""
    base = parse_base(original[:SECTOR]) if original.startswith(b"regf") else None
    if base is None or base.sequence1 != base.sequence2:
        raise RefusedError(
            f"it is dirty: {error.message}",
            hint="put its logs beside it; or give them up, and what waits in them, with --without-logs",
        ) from error


def _extend(data: bytearray, report: Report) -> None:
    """Believe the bins rather than the base block where it says that they end earlier and keys lie behind that."""
    stored = int.from_bytes(data[BASE_BINS_SIZE : BASE_BINS_SIZE + 4], "little")
    end = chain_end(data, 0)
    if not stored or stored >= end or chain_end(data[: BASE_SIZE + stored], 0) != stored:
        return
    longer = bytearray(data)
    longer[BASE_BINS_SIZE : BASE_BINS_SIZE + 4] = end.to_bytes(4, "little")
    found = Counter(violation.code for violation in check_buffer(data))
    if found["reference-outside"] and len(check_buffer(longer)) < found.total():
        data[:] = longer
        report.repair("base-bins-size", BASE_BINS_SIZE, f"the size of all bins is {end:#x}, not {stored:#x}")


def _root(ground: Ground) -> int:
    """The root key: where the base block says, else the only key that is flagged as one."""
    stored = ground.cells.number(BASE_ROOT)
    if ground.is_key(stored):
        return stored
    found = [
        offset
        for offset in ground.unowned()
        if ground.is_key(offset)
        and ground.has_name(offset)
        and ground.cells.short(offset + CELLS_START + NK_FLAGS) & KeyFlag.HIVE_ENTRY
    ]
    if len(found) != 1:
        raise RefusedError(
            "it has no root key, and without one nothing can be told", hint="restore it from a copy (RegBack, a shadow copy)"
        )
    ground.cells.put_number(BASE_ROOT, found[0])
    ground.report.repair("base-root", BASE_ROOT, f"the root key is at {found[0]:#x}, not at {stored:#x}")
    return found[0]


# -- the tree ----------------------------------------------------------------------------------------------
def _mend_tree(ground: Ground, root: int, room: int) -> None:
    nodes = Tree(ground, root).nodes
    mend_security(ground, nodes)
    for node in nodes:
        mend_key(ground, node)
    values = [Values(ground, node) for node in nodes]
    attach_orphans(ground, values)
    for each in values:
        each.settle()
    anew = [node for node in nodes if let_go(ground, node)]
    space = Space(ground.cells, room)
    _free_unowned(ground, space, nodes)
    for each in values:
        each.write(space)
    for node in anew:
        write_list(ground, space, node)
    for node in nodes:
        raise_largest(ground, node)


def _free_unowned(ground: Ground, space: Space, nodes: list[Node]) -> None:
    """Free the cells that nothing refers to, and name the keys and values in them."""
    offsets = ground.unowned()
    if not offsets:
        return
    paths = {node.offset: node.path for node in nodes}
    size = 0
    for offset in offsets:
        size += ground.room(offset) + 4
        if offset not in ground.named and (what := _what(ground, offset, paths)):
            ground.report.lose(f"{what}, which nothing refers to")
    for offset in offsets:
        space.free(offset)
    number = "1 cell" if len(offsets) == 1 else f"{len(offsets)} cells"
    ground.report.repair("cell-leaked", offsets[0], f"{number} of {size:,} bytes, which nothing refers to, are free")


def _what(ground: Ground, offset: int, paths: dict[int, str]) -> str:
    """The key or value in a cell, by name; "" for anything else."""
    start = offset + CELLS_START
    if ground.is_key(offset) and ground.has_name(offset):
        return f"the key {shown(_path(ground, offset, paths))}"
    if ground.room(offset) < VK_SIZE or ground.bytes[start : start + 2] != VK:
        return ""
    _, length, *_, flags, _ = VK_HEAD.unpack_from(ground.bytes, start)
    if VK_SIZE + length > ground.room(offset):
        return ""
    return f"a value {decode_name(ground.bytes[start + VK_SIZE : start + VK_SIZE + length], compressed=bool(flags & 1))!r}"


def _path(ground: Ground, offset: int, paths: dict[int, str]) -> str:
    """The path of a key that nothing refers to, by the parents that it and they name."""
    names: list[str] = []
    seen: set[int] = set()
    while offset not in paths and offset not in seen and ground.is_key(offset):
        seen.add(offset)
        names.append(ground.name_of(offset))
        offset = ground.parent_of(offset)
    start = paths.get(offset, "...")
    return "\\".join(filter(None, [start, *reversed(names)]))
