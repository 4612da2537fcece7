"""A hive and a dictionary are edited in step, by hypothesis; after every commit everybody agrees on what there is.

After each commit: the checker finds nothing; our reader, hivex, dissect.regf and python-registry read exactly the
dictionary; every cell of what was not named is where it was, byte for byte; the hive has got another bin only when no
free cell was large enough, and its file more bytes only when those behind the last bin did not suffice.

The short run makes some hundreds of operations; ``BOOTMEND_FUZZ=25`` makes more than 10,000.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bootmend.registry import HiveEditor, check_buffer
from bootmend.registry.mend import mend
from bootmend.registry.space import Space
from bootmend.source import MemorySource
from tests.registry.anatomy import Anatomy, Part, free_cells
from tests.registry.editing import NOW, Tree, tree, written
from tests.registry.raw_hive import store
from tests.registry.readers import Readers, upper
from tests.support import fuzz_cases, needs, shared_data, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.oracle

NAMES = [
    "a",
    "B",
    "\xe9",
    "\xc9x",
    "\u0416",
    "\u0131",
    "\U00010400",
    "key with blanks",
    "x" * 40,
    "25000004",
    "Element",
    "y" * 255,
]
LENGTHS = [0, 1, 4, 5, 8, 30, 200, 4100, 16344, 16345, 40_000]
KINDS = [0, 1, 2, 3, 7]
names = st.sampled_from(NAMES) | st.text("abAB01 \xe4\xc4\u0436\u0416", min_size=1, max_size=12)
numbers = st.integers(0, (1 << 32) - 1)
MOST_BELOW = 60
"""No larger tree is deleted at once, or there would soon be nothing left."""
ROOM = 64 * 4096


class Start(NamedTuple):
    """Where a run begins: the hive, how many runs, their length, and how many operations at most go into one commit."""

    name: str
    examples: int
    steps: int
    every: int


STARTS = [
    Start("made, version 1.3", 8, 30, 8),
    Start("made, version 1.5", 8, 30, 8),
    Start("regipy_BCD.xz", 8, 30, 8),
    Start("yarp_OffHive", 8, 30, 8),
    Start("hivex_minimal", 8, 30, 8),
    Start("regipy_ntuser_software_partial.xz", 1, 30, 60),
    Start("regipy_SYSTEM.xz", 1, 20, 80),
]


def starting_hive(name: str) -> bytes:
    """The hive, sound, and without empty data that are marked as having a cell, which dissect.regf cannot read."""
    if name.startswith("made"):
        data = bytes(store(int(name[-1]), tail=9000).data)
    else:
        data = unpacked(shared_data("hives") / name)
        data = mend(MemorySource(data)).data if check_buffer(data) else data
    edit = HiveEditor(MemorySource(data), now=NOW)
    for path, values in tree(data).items():
        for value in [value for value, (_, raw) in values.items() if not raw]:
            edit.delete_value(path, value)
    return written(data, edit.commit())


class Machine(RuleBasedStateMachine):
    """One hive and its dictionary.  Subclasses say which, and who reads it."""

    data: bytes
    before: Tree
    anatomy: Anatomy
    readers: Readers
    every: int
    count: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.tree = {path: dict(values) for path, values in self.before.items()}
        self.stored = {upper(path): path for path in self.tree}
        self.often = self.every
        self._begin()

    def _begin(self) -> None:
        self.edit = HiveEditor(MemorySource(self.data), now=NOW, room=len(self.data) + ROOM)
        self.pending = 0
        self.named: set[tuple[str, str]] = set()
        self.relisted: set[str] = set()
        self.made: set[str] = set()

    # -- operations ---------------------------------------------------------------------------------

    @rule(number=numbers, name=names, kind=st.sampled_from(KINDS), length=st.sampled_from(LENGTHS), existing=st.booleans())
    def set_value(self, number: int, name: str, kind: int, length: int, existing: bool) -> None:
        path = self._path(number)
        values = self.tree[path]
        if existing and values:
            name = sorted(values)[number % len(values)]
        stored = next((known for known in values if upper(known) == upper(name)), name)
        raw = (number.to_bytes(4, "little") * (length // 4 + 1))[:length]
        if self._did("set", lambda: self.edit.set_value(swapped(path), name, kind, raw)):
            if values.get(stored) != (kind, raw):
                self.named.add((upper(path), stored))
            values[stored] = (kind, raw)

    @rule(number=numbers, several=st.dictionaries(names, st.binary(max_size=40), max_size=4))
    def set_values(self, number: int, several: dict[str, bytes]) -> None:
        path = self._path(number)
        values = self.tree[path]
        wanted = {upper(name): (name, raw) for name, raw in several.items()}
        if self._did("set many", lambda: self.edit.set_values(path, [(name, 3, raw) for name, raw in wanted.values()])):
            for name, raw in wanted.values():
                stored = next((known for known in values if upper(known) == upper(name)), name)
                self.named.add((upper(path), stored))
                values[stored] = (3, raw)

    @rule(number=numbers)
    def delete_value(self, number: int) -> None:
        path = next((path for path in self._paths_from(number) if self.tree[path]), None)
        if path is not None:
            name = sorted(self.tree[path])[number % len(self.tree[path])]
            if self._did("delete value", lambda: self.edit.delete_value(path, name.swapcase() if name.isascii() else name)):
                self.named.add((upper(path), name))
                del self.tree[path][name]

    @rule(number=numbers, below=st.lists(names, min_size=1, max_size=3))
    def create_key(self, number: int, below: list[str]) -> None:
        path = "\\".join(filter(None, [self._path(number), *below]))
        if self._did("create key", lambda: self.edit.create_key(path)):
            stored = ""
            for name in path.split("\\"):
                wanted = f"{stored}\\{name}" if stored else name
                if upper(wanted) not in self.stored:
                    self.relisted.add(upper(stored))
                    self.made.add(upper(wanted))
                    self.stored[upper(wanted)] = wanted
                    self.tree[wanted] = {}
                stored = self.stored[upper(wanted)]

    @rule(number=numbers)
    def delete_key(self, number: int) -> None:
        path = self._path(number)
        below = [each for each in self.tree if each.startswith(path + "\\")]
        if path and len(below) <= MOST_BELOW and self._did(
            "delete key", lambda: self.edit.delete_key(swapped(path), recursive=True)
        ):  # fmt: skip
            self.relisted.add(upper(path.rpartition("\\")[0]))
            for each in [path, *below]:
                del self.tree[each]
                del self.stored[upper(each)]

    # -- what must hold -----------------------------------------------------------------------------

    @initialize(share=st.integers(1, 4))
    def choose_how_often(self, share: int) -> None:
        self.often = max(1, self.every // share)

    @invariant()
    def commit_now_and_then(self) -> None:
        if self.pending >= self.often:
            self.commit()

    def commit(self) -> None:
        data = written(self.data, self.edit.commit())  # this asserts that the checker finds nothing
        anatomy = Anatomy(data)
        assert tree(data) == self.tree
        self.readers.check(data, self.tree)
        self._others_untouched({upper(path): part for path, part in self.anatomy.keys.items()}, anatomy)
        assert len(data) >= len(self.data)
        self.count["commits"] += 1
        self.data, self.anatomy = data, anatomy
        self._begin()

    def teardown(self) -> None:
        if self.pending:
            self.commit()

    def _others_untouched(self, before: dict[str, Part], anatomy: Anatomy) -> None:
        changed = {path for path, _ in self.named} | self.relisted
        for path, now in ((upper(path), part) for path, part in anatomy.keys.items()):
            if path in self.made or path not in before:
                continue
            was = before[path]
            assert now.node[0] == was.node[0], path
            assert (now.class_name, now.security) == (was.class_name, was.security), path
            if path not in changed:
                assert now == was, path
                continue
            if path not in self.relisted:
                assert now.subkey_lists == was.subkey_lists, path
            for name in was.values.keys() & now.values.keys():
                assert (path, name) in self.named or now.values[name] == was.values[name], (path, name)
        for offset, record in anatomy.security.items():  # links to neighbours and the count of users may change
            known = self.anatomy.security.get(offset, record)
            assert (record[:8], record[20:]) == (known[:8], known[20:])

    # -- choosing ------------------------------------------------------------------------------------

    def _path(self, number: int) -> str:
        return next(self._paths_from(number))

    def _paths_from(self, number: int) -> Iterator[str]:
        paths = list(self.tree)
        start = number * 2654435761 % len(paths)  # spread: hypothesis likes small numbers
        yield from paths[start:]
        yield from paths[:start]

    def _did(self, what: str, action: Callable[[], object]) -> bool:
        """Do it; where it is refused for want of room or for too long a path, it must have changed nothing."""
        from bootmend.errors import RefusedError

        self.count[what] += 1
        self.pending += 1
        try:
            action()
        except RefusedError:
            self.count["refused"] += 1
            return False
        return True


def swapped(path: str) -> str:
    """The path with the case of its ASCII letters the other way round."""
    return "".join(char.swapcase() if char.isascii() else char for char in path)


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts new bins, and looks whether each was needed."""
    count: Counter[str] = Counter()
    add_bin = Space._add_bin

    def watched(space: Space, size: int) -> int:
        length = len(space.cells.bytes)
        assert max(free_cells(space.cells.bytes), default=0) < size
        held = 4096 + space._starts[-1]
        found = add_bin(space, size)
        count["bins"] += 1
        assert len(space.cells.bytes) == max(length, 4096 + space._starts[-1])
        assert 4096 + space._starts[-1] - held == -(-(32 + size) // 4096) * 4096
        return found

    monkeypatch.setattr(Space, "_add_bin", watched)
    return count


@pytest.mark.parametrize("start", STARTS, ids=[start.name for start in STARTS])
def test_edits_in_step_with_a_dictionary(
    start: Start, growth: Counter[str], record_property: Callable[[str, object], None]
) -> None:
    needs("hivexsh")
    data = starting_hive(start.name)
    count: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        readers = Readers(Path(folder))
        fixed: dict[str, Any] = {"data": data, "before": tree(data), "anatomy": Anatomy(data), "readers": readers}
        machine = type("ThisMachine", (Machine,), {**fixed, "every": start.every, "count": count})
        large = len(data) > 1 << 20
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=fuzz_cases(start.examples) + 1,  # the first is always the empty one
                    stateful_step_count=start.steps,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate,) if large else (Phase.generate, Phase.shrink),
                ),
            )
        finally:
            readers.close()
    operations = sum(number for what, number in count.items() if what not in {"commits", "refused"})
    record_property("operations", operations)
    sys.stdout.write(f"{start.name}: {operations} operations, {count['commits']} commits, {growth['bins']} new bins\n")
    assert operations >= fuzz_cases(start.examples)
    assert count["commits"] > fuzz_cases(start.examples) // 2  # some examples happen to draw nothing that can be done
