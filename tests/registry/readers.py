"""What independent programs read in a hive, as one kind of dictionary: keys in upper case, values by name.

Their known faults, each measured on hives that Windows wrote, are masked here and nowhere else:
python-registry gives data of up to four bytes, which lie inside the value, by rules of its own, and of numbers as many
bytes as the type has; dissect.regf fails on empty data that are marked as having a cell; both show the default value
under a name of their own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.editing import Tree

SYSTEM_PYTHON = "/usr/bin/python3"
SHORT = 4
MASKED = b"?"
BYTES = {0, 1, 2, 3, 7}
"""Types whose data python-registry gives as they are."""


def upper(text: str) -> str:
    """Upper case for the names used in tests, where Windows has the same: not for the dotless i and beyond U+FFFF."""
    return "".join(char if char in "\u0131\U00010400\U00010428" else char.upper() for char in text)


def by_upper(tree: Tree) -> Tree:
    """The tree with its paths as the readers' are given here."""
    return {upper(path): values for path, values in tree.items()}


def short_masked(tree: Tree) -> Tree:
    """The tree without data that python-registry cannot be believed about."""
    return {
        path: {name: (kind, data if len(data) > SHORT and kind in BYTES else MASKED) for name, (kind, data) in values.items()}
        for path, values in tree.items()
    }


class Readers:
    """Those readers of hives that are installed; hivex lives in a process of its own, which only the system's Python can be."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hive read by others"
        script = __file__.replace("readers.py", "hivex_dump.py")
        self._hivex = subprocess.Popen(
            [SYSTEM_PYTHON, script, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.without_dissect = False

    def close(self) -> None:
        """End hivex's process."""
        self._hivex.communicate()

    def check(self, data: bytes, expected: Tree) -> None:
        """Every reader must find this tree and nothing else."""
        self.write(data)
        expected = by_upper(expected)
        assert self.hivex() == expected, "hivex"
        assert self.python_registry() == short_masked(expected), "python-registry"
        if not self.without_dissect:
            assert self.dissect() == expected, "dissect.regf"

    def write(self, data: bytes) -> None:
        """Put a hive where the readers look."""
        self._path.write_bytes(data)

    def hivex(self) -> Tree:
        """All that hivex reads."""
        assert self._hivex.stdin
        assert self._hivex.stdout
        try:
            self._hivex.stdin.write(f"{self._path}\n")
            self._hivex.stdin.flush()
        except BrokenPipeError:
            pytest.skip("the system's Python has no hivex")
        found: Tree = {}
        while True:
            line = self._hivex.stdout.readline()
            if not line:
                error = self._hivex.stderr.read() if self._hivex.stderr else ""
                if "No module named 'hivex'" in error or sys.platform == "win32":
                    pytest.skip("the system's Python has no hivex")
                pytest.fail(f"hivex: {error}")
            if line == "end\n":
                return found
            path, values = json.loads(line)
            found[upper(path)] = {name: (kind, bytes.fromhex(raw)) for name, kind, raw in values}

    def dissect(self) -> Tree:
        """All that dissect.regf reads."""
        regf = pytest.importorskip("dissect.regf")
        with self._path.open("rb") as file:
            found: Tree = {}
            pending = [("", regf.RegistryHive(file).root())]
            while pending:
                path, key = pending.pop()
                values = ((value.name if value.cell.NameLength else "", value) for value in key.values())
                found[upper(path)] = {name: (int(value.type), value.data) for name, value in values}
                pending += [(f"{path}\\{child.name}" if path else child.name, child) for child in key.subkeys()]
        return found

    def python_registry(self) -> Tree:
        """All that python-registry reads, short data masked."""
        registry = pytest.importorskip("Registry.Registry")
        found: Tree = {}
        pending = [("", registry.Registry(str(self._path)).root())]
        while pending:
            path, key = pending.pop()
            found[upper(path)] = {_name(value): (value.value_type(), _data(value)) for value in key.values()}
            pending += [(f"{path}\\{child.name()}" if path else child.name(), child) for child in key.subkeys()]
        return found


def _name(value: Any) -> str:
    return value.name() if value._vkrecord.has_name() else ""


def _data(value: Any) -> bytes:
    believed = value._vkrecord.data_length() > SHORT and value.value_type() in BYTES
    return bytes(value.raw_data()) if believed else MASKED


# -- programs that print text: only names can be compared, and only those that ASCII can tell ------------------


def ascii_names(tree: Tree) -> set[tuple[str, ...]]:
    """The paths of keys, and of values with :data:`VALUE` before their names, whose every character is printable ASCII."""
    found = set()
    for path, values in tree.items():
        parts = tuple(path.split("\\")) if path else ()
        found.add(parts)
        found |= {(*parts, VALUE + name) for name in values}
    return {parts for parts in found if all(part.isascii() and part.isprintable() for part in parts)}


VALUE = "value "
REGTREE_FAULTS = (b'assert failed: !strncmp(li.header, "li", 2)', b"data.length == sizeof(uint64_t)")


def reglookup_names(path: Path) -> set[tuple[str, ...]]:
    """What reglookup lists, of :func:`ascii_names`; it writes other characters as bytes of a width that it does not tell."""
    done = subprocess.run(["reglookup", str(path)], capture_output=True, check=True, timeout=60)
    found = set()
    for line in done.stdout.decode("latin-1").splitlines()[1:]:
        where, kind = line.split(",")[:2]
        if re.search("%(?!2[0-9A-F]|[357][BCDEF])", where):
            continue
        parts = [re.sub("%(..)", lambda code: chr(int(code[1], 16)), part) for part in where.lstrip("/").split("/")]
        if kind != "KEY":
            parts[-1] = VALUE + parts[-1]
        found.add(tuple(parts) if parts != [""] else ())
    return {parts for parts in found if all(part.isascii() and part.isprintable() for part in parts)}


def regtree_names(path: Path) -> set[tuple[str, ...]]:
    """What Samba's regtree lists, of :func:`ascii_names`; it leaves out keys with other characters, and all below them.

    Its assertions fail, on hives of Windows too, at lists of any lists but ``li`` ones and at numbers of an odd length.
    """
    done = subprocess.run(["regtree", "-s", "/dev/null", "-F", str(path)], capture_output=True, check=False, timeout=60)
    given_up = next((fault for fault in REGTREE_FAULTS if fault in done.stdout + done.stderr), None)
    if given_up is not None:
        pytest.skip(f"regtree gives up: {given_up.decode()}")
    assert done.returncode == 0, done.stderr
    found: set[tuple[str, ...]] = {()}
    parents: list[str] = []
    for line in done.stdout.decode("utf-8", "replace").split("\n")[1:]:
        value = re.match(r"( +?)(\S.*|) = (?:REG_[A-Z_]+|Unknown) : ", line)
        if value:
            found.add((*parents[: len(value[1]) - 1], VALUE + value[2]))
        elif line.startswith(" "):
            name = line.lstrip(" ")
            parents[len(line) - len(name) - 1 :] = [name]
            found.add(tuple(parents))
    return {parts for parts in found if all(part.isascii() and part.isprintable() for part in parts)}
