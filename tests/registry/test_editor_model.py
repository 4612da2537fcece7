"""Random edits against a model: after every commit the hive holds what a dictionary says, and no cell changed unasked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootmend.errors import RefusedError
from bootmend.registry import HiveEditor, check_buffer
from bootmend.source import MemorySource

from ..support import fuzz_cases, needs
from .editing import NOW, Tree, cells_of, tree, written
from .raw_hive import store

SYSTEM_PYTHON = "/usr/bin/python3"
NAMES = ["a", "B", "\xe9", "\xc9x", "\u0416", "\u0131", "\U00010400", "key with blanks", "x" * 40, "25000004"]
LENGTHS = [0, 1, 4, 5, 8, 30, 200, 4100, 16344, 16345, 40_000]


class Model:
    """The hive as a dictionary, edited in step with it."""

    def __init__(self, data: bytes, random: Random) -> None:
        self.random = random
        self.tree: Tree = tree(data)
        self.upper = {_upper(path): path for path in self.tree}

    def step(self, edit: HiveEditor) -> None:
        """One random operation on both; where the hive has no room, on neither."""
        operation = self.random.choice([self.set_value, self.set_value, self.delete_value, self.create_key, self.delete_key])
        operation(edit)

    def path(self) -> str:
        return self.random.choice(list(self.tree))

    def set_value(self, edit: HiveEditor) -> None:
        path = self.path()
        values = self.tree[path]
        name = self.random.choice([*NAMES, "", *values])
        kind, length = self.random.choice([1, 3, 4, 7]), self.random.choice(LENGTHS)
        data = self.random.randbytes(length)
        try:
            edit.set_value(self.other_case(path), name, kind, data)
        except RefusedError:
            return
        stored = next((known for known in values if _upper(known) == _upper(name)), name)
        values[stored] = (kind, data)

    def delete_value(self, edit: HiveEditor) -> None:
        path = self.path()
        if self.tree[path]:
            name = self.random.choice(list(self.tree[path]))
            edit.delete_value(path, name)
            del self.tree[path][name]

    def create_key(self, edit: HiveEditor) -> None:
        path = "\\".join(filter(None, [self.path(), self.random.choice(NAMES), self.random.choice([*NAMES, "", ""])]))
        try:
            edit.create_key(path)
        except RefusedError:
            return
        stored = ""
        for name in path.split("\\"):
            wanted = f"{stored}\\{name}" if stored else name
            stored = self.upper.setdefault(_upper(wanted), wanted)
            self.tree.setdefault(stored, {})

    def delete_key(self, edit: HiveEditor) -> None:
        path = self.path()
        below = [each for each in self.tree if each.startswith(path + "\\")]
        if not path or len(below) > 40:
            return
        edit.delete_key(self.other_case(path), recursive=True)
        for each in [path, *below]:
            del self.tree[each]
            del self.upper[_upper(each)]

    def other_case(self, path: str) -> str:
        return "".join(char.swapcase() if char.isascii() else char for char in path)


def _upper(text: str) -> str:
    """Upper case for the names used here, where Windows has the same: not for the dotless i and beyond U+FFFF."""
    return "".join(char if char in "\u0131\U00010400\U00010428" else char.upper() for char in text)


def edited(data: bytes, seed: int, steps: int, commits: int = 4) -> tuple[bytes, Tree]:
    model = Model(data, Random(seed))
    room = len(data) + 40 * 4096
    for _ in range(commits):
        edit = HiveEditor(MemorySource(data), now=NOW, room=room)
        for _ in range(steps // commits):
            model.step(edit)
        data = written(data, edit.commit())
        assert tree(data) == model.tree
    return data, model.tree


@pytest.mark.parametrize("minor", [3, 5])
@settings(max_examples=fuzz_cases(6), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_random_edits_do_what_the_model_does(minor: int, seed: int) -> None:
    edited(bytes(store(minor, tail=9000).data), seed, 60)


@settings(max_examples=fuzz_cases(20), deadline=None)
@given(seed=st.integers(0, 1 << 32), minor=st.sampled_from([3, 5]))
def test_a_single_edit_changes_only_cells_of_what_it_names(seed: int, minor: int) -> None:
    data = bytes(store(minor, tail=9000).data)
    model = Model(data, Random(seed))
    before = tree(data)
    edit = HiveEditor(MemorySource(data), now=NOW, room=len(data) + 40 * 4096)
    model.step(edit)
    result = written(data, edit.commit())
    after = tree(result)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    old, new = cells_of(data), cells_of(result)
    keys = {cell: content for cell, content in old.items() if content[4:6] == b"nk"}
    touched = [cell for cell in keys if new.get(cell) != keys[cell]]
    # a created or deleted tree touches its own keys and their parent, a value touches its key
    parents = {path.rpartition("\\")[0] for path in changed}
    assert len(touched) <= len(changed | parents)


@pytest.mark.parametrize("minor", [3, 5])
def test_a_key_gone_and_back_costs_no_space(minor: int) -> None:
    data = bytes(store(minor, tail=9000).data)
    for number in range(30):
        edit = HiveEditor(MemorySource(data), now=NOW)
        edit.create_key("Objects\\new\\below")
        edit.set_value("Objects\\new\\below", "v", 3, bytes(100 + number % 7))
        data = written(data, edit.commit())
        edit = HiveEditor(MemorySource(data), now=NOW)
        edit.delete_key("Objects\\new", recursive=True)
        data = written(data, edit.commit())
    assert check_buffer(data) == []
    assert data[40:44] == bytes(store(minor).data)[40:44]  # no bin was added


@pytest.mark.oracle
@pytest.mark.parametrize(("minor", "seed"), [(3, 1), (3, 2), (5, 3), (5, 4)])
def test_hivex_reads_the_outcome(minor: int, seed: int, tmp_path: Path) -> None:
    needs("hivexsh")
    data, expected = edited(bytes(store(minor, tail=9000).data), seed, fuzz_cases(200))
    assert hivex_tree(data, tmp_path) == {_upper(path): values for path, values in expected.items()}


@pytest.mark.oracle
@pytest.mark.parametrize(("minor", "seed"), [(3, 5), (5, 6)])
def test_dissect_reads_the_outcome(minor: int, seed: int) -> None:
    data = bytes(store(minor, tail=9000).data)
    edit = HiveEditor(MemorySource(data), now=NOW)
    for path, name in [(path, name) for path, values in tree(data).items() for name in values if not values[name][1]]:
        edit.delete_value(path, name)  # stored as no cell at all, which dissect cannot read
    data, expected = edited(written(data, edit.commit()), seed, fuzz_cases(120))
    assert dissect_tree(data) == {
        path: {name or "(Default)": raw for name, (_, raw) in values.items()} for path, values in expected.items()
    }


def hivex_tree(data: bytes, folder: Path) -> Tree:
    """What hivex reads, which only the system's Python has."""
    path = folder / "hive"
    path.write_bytes(data)
    script = Path(__file__).with_name("hivex_dump.py")
    found = subprocess.run([SYSTEM_PYTHON, script, path], capture_output=True, check=False)
    if b"No module named 'hivex'" in found.stderr:
        pytest.skip("the system's Python has no hivex")
    assert found.returncode == 0, found.stderr
    lines = map(json.loads, found.stdout.splitlines())
    return {_upper(path): {name: (kind, bytes.fromhex(raw)) for name, kind, raw in values} for path, values in lines}


def dissect_tree(data: bytes) -> dict[str, dict[str, bytes]]:
    from io import BytesIO

    regf = pytest.importorskip("dissect.regf")
    found: dict[str, dict[str, bytes]] = {}
    pending = [("", regf.RegistryHive(BytesIO(data)).root())]
    while pending:
        path, key = pending.pop()
        found[path] = {value.name: value.data for value in key.values()}
        pending += [(f"{path}\\{child.name}" if path else child.name, child) for child in key.subkeys()]
    return found
