"""Mending the purposely damaged hives of others: no violation is left, and independent readers agree on what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bootmend.registry import Hive, check_buffer
from bootmend.registry.mend import mend
from bootmend.source import MemorySource
from tests.registry.editing import tree
from tests.registry.readers import ascii_names, reglookup_names, regtree_names
from tests.registry.test_check_hives import BROKEN, HIVES, hive
from tests.support import needs, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

#: hives whose damage takes something with it; all others come through whole
LOSSES = {
    "regipy_corrupted_system_hive.xz": "bytes of the bins",
    "yarp_TruncatedNameHive.xz": "longname",
    "yarp_HealedHive.xz": "cccc",
    "yarp_NewDirtyHive1__RecoveredHive_Windows10.xz": "nothing refers to",
}
READERS = "hivex,libregf,dissect,python-registry,yarp"


@pytest.mark.parametrize("name", [row["file"] for row in HIVES if row["file"] in BROKEN])
def test_damaged_hives_are_sound_afterwards(name: str, tmp_path: Path) -> None:
    data = hive(name)
    result = mend(MemorySource(data), room=len(data) + (1 << 20))
    assert result.left == ()
    assert check_buffer(result.data) == []
    if name in LOSSES:
        assert LOSSES[name] in "\n".join(result.lost)
    else:
        assert result.lost == ()
    _readers_agree(result.data, tmp_path)


#: reglookup and regtree end a name at a NUL in it
NUL_IN_NAMES = {"yarp_BogusKeyNamesHive.xz", "hivex_special"}
CLEAN = [row["file"] for row in HIVES if row["state"].startswith("clean")]


@pytest.mark.parametrize("program", ["reglookup", "regtree"])
@pytest.mark.parametrize("name", [name for name in CLEAN if name not in NUL_IN_NAMES])
def test_programs_that_print_text_list_the_same_names(name: str, program: str, tmp_path: Path) -> None:
    """Of mended hives, and of sound ones, which show that what they leave out is not our doing."""
    needs(program)
    data = hive(name)
    if len(data) > 4_000_000:
        pytest.skip("too large for a comparison of all names")
    data = mend(MemorySource(data), room=len(data) + (1 << 20)).data if name in BROKEN else data
    path = tmp_path / "hive"
    path.write_bytes(data)
    listed = reglookup_names(path) if program == "reglookup" else regtree_names(path)
    assert listed == ascii_names(tree(data))


@pytest.mark.parametrize("row", [row for row in HIVES if row["state"].startswith("clean") and row["file"] not in BROKEN])
def test_sound_hives_are_not_touched(row: dict[str, str]) -> None:
    data = hive(row["file"])
    if len(data) < 4_000_000:
        assert mend(MemorySource(data))[:3] == (data, (), ())


def test_a_truncated_hive_keeps_every_key_that_is_in_the_file() -> None:
    whole, cut = hive("yarp_ManySubkeysHive.xz"), hive("yarp_TruncatedHive")
    names = {key.name for _, key in Hive(MemorySource(whole)).walk()}
    found = [key.name for _, key in Hive(MemorySource(mend(MemorySource(cut), room=1 << 20).data)).walk()]
    assert set(found) <= names
    assert len(found) == len(set(found)) == cut.count(b"nk", 4096)


def _readers_agree(data: bytes, folder: Path) -> None:
    tools = shared_folder("tools")
    if tools is None:
        pytest.skip("the readers' comparison is not present")
    path = folder / "hive"
    path.write_bytes(data)
    command = [sys.executable, str(tools / "check_hive.py"), "--json", "--readers", READERS, str(path)]
    (report,) = json.loads(subprocess.run(command, capture_output=True, check=False, timeout=110).stdout)
    if len(report["agree"]) + len(report["disagree"]) < 2:
        pytest.skip("fewer than two readers are installed")
    assert not report["header_problems"]
    assert not report["failed"]
    # python-registry takes a number with its high byte first for what it is not
    assert not {reader for reader in report["disagree"] if (reader, data.count(b"dword-big-endian")) != ("python-registry", 1)}
