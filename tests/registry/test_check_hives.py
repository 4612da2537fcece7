"""The checker against real hives, against purposely damaged ones, and against what another writer does to hives."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from bootmend.registry.check import check, check_buffer, new_violations
from bootmend.source import FileSource
from tests.registry.raw_hive import store
from tests.support import needs, shared_data, shared_files, shared_folder, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

SYSTEM_PYTHON = "/usr/bin/python3"

#: hives that their index calls clean although a rule is broken: made so on purpose, or so by Windows itself
BROKEN = {
    "regipy_corrupted_system_hive.xz": "bin-signature",
    "yarp_BadListHive.xz": "reference-twice",
    "yarp_BadSubkeyHive.xz": "reference-twice",
    "yarp_DeletedDataHiveTruncated.xz": "reference-outside",
    "yarp_DuplicateSubkeysHive.xz": "subkey-duplicate",
    "yarp_InvalidParentHive.xz": "key-parent",
    "yarp_TruncatedHive": "base-bins-size",
    "yarp_TruncatedNameHive.xz": "key-name",
    "yarp_WrongOrderHive.xz": "subkey-order",
    "ez_SAMBadHBinHeader.xz": "bin-signature",
    "ez_SECURITYNoRoot": "key-root-flag",
    "nthive_testhive.xz": "key-root-flag",
    "yarp_DeletedTreeNoRootFlagHive.xz": "key-root-flag",
    "yarp_DeletedTreePartialPathHive.xz": "key-root-flag",
    "yarp_HealedHive.xz": "cell-leaked",
    "yarp_NewDirtyHive1__RecoveredHive_Windows10.xz": "cell-leaked",
}


def index() -> list[dict[str, str]]:
    """The rows of the hives' index, or nothing where there is no such material."""
    folder = shared_folder("data")
    if folder is None or not (folder / "hives" / "index.tsv").is_file():
        return []
    with (folder / "hives" / "index.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


HIVES = [row for row in index() if row["kind"] != "LOG" and not row["state"].startswith("log")]


def hive(name: str) -> bytes:
    return unpacked(shared_data("hives") / name)


@pytest.mark.parametrize("row", HIVES, ids=[row["file"] for row in HIVES])
def test_every_hive_checks_as_its_index_says(row: dict[str, str]) -> None:
    codes = {violation.code for violation in check_buffer(hive(row["file"]))}
    if row["file"] in BROKEN:
        assert BROKEN[row["file"]] in codes
    elif row["state"].startswith("clean"):
        assert codes == set()
    elif row["state"].startswith("dirty"):
        assert codes & {"base-sequence", "base-checksum"}
    else:
        assert codes & {"base-truncated", "base-signature"}


def test_the_clean_hives_are_72_and_16_of_them_are_broken() -> None:
    """One more counts as sound here than with a check that takes every hint strictly: CompHive."""
    if not HIVES:
        pytest.skip("third-party test data not present: data/hives")
    clean = [row["file"] for row in HIVES if row["state"].startswith("clean")]
    assert len(clean) == 72
    assert set(clean) >= BROKEN.keys()


def test_the_hint_of_comp_hive_is_a_warning() -> None:
    found = [violation for violation in check_buffer(hive("yarp_CompHive.xz"), warnings=True) if violation.code == "list-hint"]
    assert [violation.severity for violation in found] == ["warning"]


STORES = shared_files("bcd", "*.bcd")


@pytest.mark.parametrize("path", STORES, ids=[path.name for path in STORES])
def test_every_real_store_is_sound(path: Path) -> None:
    with FileSource(path) as source:
        codes = {violation.code for violation in check(source)}
    assert ("base-type" in codes) if path.name.startswith("trolldbois_sample-bcd-2") else not codes  # an old transaction log


# -- another writer's damage --------------------------------------------------------------------------


def edited_by_hivex(tmp_path: Path, data: bytes, script: str) -> bytes:
    """Open the hive with hivex, run ``script`` with it as ``h``, commit."""
    if (
        not os.access(SYSTEM_PYTHON, os.X_OK)
        or subprocess.run([SYSTEM_PYTHON, "-c", "import hivex"], capture_output=True, check=False).returncode
    ):
        pytest.skip("hivex is not installed for the system's Python")
    path = tmp_path / "hive"
    path.write_bytes(data)
    code = f"import hivex, sys\nh = hivex.Hivex(sys.argv[1], write=True)\nroot = h.root()\n{script}\nh.commit(None)\n"
    subprocess.run([SYSTEM_PYTHON, "-c", code, str(path)], check=True, capture_output=True, timeout=60)
    return path.read_bytes()


def new_codes(before: bytes, after: bytes) -> set[str]:
    return {violation.code for violation in new_violations(check_buffer(before), check_buffer(after))}


EDITS = {
    "a long value without big data": (
        5,
        "h.node_set_value(root, {'key': 'long', 't': 3, 'value': b'x' * 20000})",
        {"big-data-signature"},
    ),
    "a value beside big data": (
        5,
        "k = h.node_get_child(root, 'Description')\nh.node_set_value(k, {'key': 'other', 't': 4, 'value': b'1234'})",
        {"big-data-signature", "cell-leaked"},
    ),
    "subkeys beyond ASCII": (
        5,
        "for name in ('\\xe4rger', '\\xff', '\\u0436', '\\u0137'): h.node_add_child(h.node_get_child(root, 'Objects'), name)",
        {"list-hash"},
    ),
    "a new list in an old hive": (3, "h.node_add_child(h.node_get_child(root, 'Description'), 'new')", {"list-kind"}),
    "all subkeys deleted": (
        3,
        "for child in h.node_children(h.node_get_child(root, 'Odd')): h.node_delete_child(child)",
        {"subkey-list"},
    ),
    "values rewritten": (
        3,
        """
k = h.node_get_child(root, 'Description')
for number in range(3):
    h.node_set_value(k, {'key': 'KeyName', 't': 3, 'value': b'x' * 40 * (number + 1)})
""",
        {"free-adjacent"},
    ),
}


#: edits that hivex gives up half-way, when cells have been freed already: who commits nevertheless has lost them
GIVEN_UP = {
    "a value too long for it": (
        3,
        "h.node_set_value(h.node_get_child(root, 'Description'), {'key': 'KeyName', 't': 3, 'value': b'x' * 9_000_000})",
        {"reference-no-cell"},
    ),
    "a subkey below a list of lists deleted": (
        3,
        "h.node_delete_child(h.node_children(h.node_get_child(root, 'Many'))[1])",
        {"reference-free"},
    ),
}


@pytest.mark.parametrize("name", GIVEN_UP)
def test_damage_of_edits_that_hivex_gives_up_is_named(tmp_path: Path, name: str) -> None:
    minor, script, expected = GIVEN_UP[name]
    before = bytes(store(minor).data)
    given_up = f"try:\n    {script}\nexcept RuntimeError:\n    pass\nelse:\n    raise SystemExit('it was done')"
    assert expected <= new_codes(before, edited_by_hivex(tmp_path, before, given_up))


def test_many_subkeys_added_by_hivex_leave_free_cells_side_by_side(tmp_path: Path) -> None:
    before = bytes(store(5).data)
    script = "for number in range(300): h.node_add_child(h.node_get_child(root, 'Objects'), f'n{number}')"
    assert "free-adjacent" in new_codes(before, edited_by_hivex(tmp_path, before, script))


@pytest.mark.parametrize("name", EDITS)
def test_damage_done_by_hivex_is_named(tmp_path: Path, name: str) -> None:
    minor, script, expected = EDITS[name]
    before = bytes(store(minor).data)
    assert expected <= new_codes(before, edited_by_hivex(tmp_path, before, script))


def test_damage_done_by_reged_is_named(tmp_path: Path) -> None:
    """It forgets to count the new key at its security record, and the lengths of the values at their key."""
    needs("reged")
    before = bytes(store(3).data)
    (tmp_path / "hive").write_bytes(before)
    lines = ["Windows Registry Editor Version 5.00", "", "[HKEY_LOCAL_MACHINE\\X\\Objects\\new]", '"text"="some text"', "", ""]
    (tmp_path / "import.reg").write_bytes("\r\n".join(lines).encode())
    command = ["reged", "-C", "-I", "hive", "HKEY_LOCAL_MACHINE\\X", "import.reg"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=60).returncode == 2  # written
    codes = new_codes(before, (tmp_path / "hive").read_bytes())
    assert codes == {"largest-value-name", "largest-value-data", "security-references"}


def test_a_harmless_edit_by_hivex_adds_nothing(tmp_path: Path) -> None:
    """It stores a value of at most four bytes inside the value, and lists of one key are not touched."""
    before = bytes(store(3).data)
    script = "h.node_set_value(h.node_get_child(root, 'Objects'), {'key': 'a', 't': 4, 'value': b'1234'})"
    assert new_codes(before, edited_by_hivex(tmp_path, before, script)) == set()


def test_big_data_of_a_real_hive_rewritten_by_hivex(tmp_path: Path) -> None:
    before = hive("yarp_BigDataHive.xz")
    script = (
        "stack = [root]\n"
        "while stack:\n"
        "    k = stack.pop()\n"
        "    stack += h.node_children(k)\n"
        "    if h.node_values(k): h.node_set_value(k, {'key': 'new', 't': 4, 'value': b'1234'})"
    )
    assert {"big-data-signature", "cell-leaked"} <= new_codes(before, edited_by_hivex(tmp_path, before, script))


def test_the_fixtures_are_hives_to_hivex(tmp_path: Path) -> None:
    """The byte-made fixtures of this suite hold what they were asked to hold."""
    script = (
        "import json\n"
        "names = {h.node_name(k): len(h.node_values(k)) for k in h.node_children(root)}\n"
        "value = h.value_value(h.node_get_value(h.node_get_child(root, 'Description'), 'large'))[1]\n"
        "json.dump([names, len(value), value[:300].hex()], open(sys.argv[1] + '.json', 'w'))"
    )
    for minor in (3, 5):
        edited_by_hivex(tmp_path, bytes(store(minor).data), script)
        found: list[Any] = json.loads((tmp_path / "hive.json").read_text())
        assert found == [
            {"Description": 5, "Many": 0, "Objects": 0, "Odd": 1},
            35840,
            (bytes(range(256)) * 2)[:300].hex(),
        ]


# -- cost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seconds"), [("regipy_SYSTEM.xz", 1.6), ("regipy_BCD.xz", 0.002)])
def test_the_check_is_fast(name: str, seconds: float) -> None:
    """The goals of design, with room for a slow machine; the best of several runs counts."""
    data = hive(name)
    times = []
    for _ in range(3 if len(data) > 1_000_000 else 30):
        start = time.process_time()
        assert check_buffer(data) == []
        times.append(time.process_time() - start)
    assert min(times) < seconds * float(os.environ.get("BOOTMEND_SLOWNESS", "2"))
