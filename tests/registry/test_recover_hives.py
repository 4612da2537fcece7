"""Recovery of real dirty hives, judged by Windows' own results and by readers that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import BootmendError, RefusedError, TruncatedError
from bootmend.registry.check import check_buffer
from bootmend.registry.recover import Recovery, is_dirty, recover
from bootmend.source import MemorySource
from tests.registry.raw_hive import dirty
from tests.support import shared_data, unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

SYSTEM_PYTHON = "/usr/bin/python3"
SYSTEM_B = ("regipy_SYSTEM_B.xz", "regipy_SYSTEM_B.LOG1.xz", "regipy_SYSTEM_B.LOG2.xz")
NTUSER = ("regipy_transactions_NTUSER.DAT.xz", "regipy_transactions_ntuser.dat.log1.xz", "regipy_transactions_ntuser.dat.log2.xz")
USRCLASS = ("regipy_UsrClass.dat.xz", "regipy_UsrClass.dat.LOG1.xz", "regipy_UsrClass.dat.LOG2.xz")
NEW_DIRTY = "yarp_NewDirtyHive1__NewDirtyHive"
OLD_DIRTY = "yarp_OldDirtyHive__OldDirtyHive"


def hive(name: str) -> bytes:
    return unpacked(shared_data("hives") / name)


def recovered(name: str, *logs: str) -> Recovery:
    return recover(MemorySource(hive(name)), [MemorySource(hive(log)) for log in logs])


def blocks_that_differ(one: bytes, other: bytes) -> list[int]:
    assert len(one) == len(other)
    return [start for start in range(0, len(one), 512) if one[start : start + 512] != other[start : start + 512]]


# -- Windows' own results -----------------------------------------------------------------------------------


def test_new_dirty_hive_is_recovered_as_windows_10_did() -> None:
    result = recovered(f"{NEW_DIRTY}.xz", f"{NEW_DIRTY}.LOG1.xz", f"{NEW_DIRTY}.LOG2.xz")
    assert blocks_that_differ(result.data, hive("yarp_NewDirtyHive1__RecoveredHive_Windows10.xz")) == []
    assert (result.entries, result.log_sequence, result.grew) == (4, 5, False)


@pytest.mark.parametrize("log", [f"{OLD_DIRTY}.LOG1.xz", "yarp_OldLogWithRemnantData.xz"])
def test_old_dirty_hive_is_recovered_as_windows_7_did(log: str) -> None:
    """But for what Windows did next: it wrote again (base block, and its stamp in the first hive bin), and made
    the largest value name of the key "4500" exact: 2 bytes, where the log holds a stale 24.
    """
    data = recovered(f"{OLD_DIRTY}.xz", log, f"{OLD_DIRTY}.LOG2").data
    windows = hive("yarp_OldDirtyHive__RecoveredHive_Windows7.xz")
    assert blocks_that_differ(data, windows) == [0, 0x1000, 441_344]
    assert [place for place in range(512, len(data)) if data[place] != windows[place]] == [*range(0x1014, 0x1019), 0x6BDC8]
    assert (data[0x6BDC8], windows[0x6BDC8]) == (24, 2)
    key_name = 0x6BDC8 - 60 + 76
    assert data[key_name : key_name + 4] == b"4500"
    assert check_buffer(data) == []


def test_a_log_older_than_the_hive_is_left_out() -> None:
    name = "yarp_NewDirtyHive2__NewDirtyHive"
    result = recovered(f"{name}.xz", f"{name}.LOG1.xz", f"{name}.LOG2.xz")
    assert result.applied == ("entries 3 to 5 of log 2 applied", "log 1 is older than the hive")
    windows = hive("yarp_NewDirtyHive1__RecoveredHive_Windows10.xz")
    assert blocks_that_differ(result.data, windows) == []


# -- real dirty hives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "entries"), [(SYSTEM_B, 24), (NTUSER, 23), (USRCLASS, 14)], ids=["SYSTEM_B", "NTUSER", "UsrClass"]
)
def test_real_dirty_hives_become_sound(names: tuple[str, ...], entries: int) -> None:
    result = recovered(*names)
    assert result.entries == entries
    assert check_buffer(result.data) == []
    assert not is_dirty(MemorySource(result.data))


COUNT_WITH_HIVEX = """
import hivex, sys
h = hivex.Hivex(sys.argv[1])
keys = values = 0
stack = [h.root()]
while stack:
    node = stack.pop()
    keys += 1
    values += len(h.node_values(node))
    stack += h.node_children(node)
print(keys, values)
"""

COUNT_WITH_DISSECT = """
import sys
from dissect.regf import RegistryHive
keys = values = 0
stack = [RegistryHive(open(sys.argv[1], "rb")).root()]
while stack:
    key = stack.pop()
    keys += 1
    values += sum(1 for _ in key.values())
    stack += list(key.subkeys())
print(keys, values)
"""


@pytest.mark.parametrize(
    ("python", "module", "script"),
    [(SYSTEM_PYTHON, "hivex", COUNT_WITH_HIVEX), (sys.executable, "dissect.regf", COUNT_WITH_DISSECT)],
    ids=["hivex", "dissect"],
)
def test_system_b_has_all_its_keys_and_values(tmp_path: Path, python: str, module: str, script: str) -> None:
    if (
        not os.access(python, os.X_OK)
        or subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"{module} is not installed for {python}")
    path = tmp_path / "SYSTEM"
    path.write_bytes(recovered(*SYSTEM_B).data)
    done = subprocess.run([python, "-c", script, str(path)], check=True, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["35595", "78901"]


# -- real stores with their own log ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "bcd_FireOOO_EFI-Microsoft-Boot_BCD",
        "bcd_FireOOO_EFI-Microsoft-Recovery_BCD",
        "bcd_Fisummer_EFI-Microsoft-Boot_BCD",
        "bcd_Fisummer_EFI-Microsoft-Recovery_BCD",
        "bcd_lalaalal_EFI-Microsoft-Boot_BCD",
        "bcd_rickmark_EFI-Microsoft-Recovery_BCD",
    ],
)
def test_the_last_write_of_a_real_store_is_done_again_from_its_log(name: str) -> None:
    """The log holds the pages of the last write: undo them in the store, mark it dirty, and recover."""
    store, log = hive(f"{name}.xz"), hive(f"{name}.LOG.xz")
    before = dirty(store, sequence=int.from_bytes(store[4:8], "little"))
    first_page = slice(4096 + 32, 8192)
    before[first_page] = bytes(8192 - 4096 - 32)
    result = recover(MemorySource(before), [MemorySource(log)])
    assert result.entries == 1
    assert result.data[4096 : 4096 + 4096] == store[4096 : 4096 + 4096]
    assert blocks_that_differ(result.data[4096:], store[4096:]) == []
    assert check_buffer(result.data) == []


# -- what cannot be recovered ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "logs", "error", "reason"),
    [
        (
            "yarp_BadLogHive1__BadLogHive.xz",
            ["yarp_BadLogHive1__BadLogHive.LOG1.xz"],
            RefusedError,
            "the checksum of log 1 is wrong",
        ),
        (
            "yarp_BadLogHive1__BadLogHive.xz",
            ["yarp_BadLogHive2__BadLogHive.LOG1.xz"],
            RefusedError,
            "log 1 has no list of dirty pages",
        ),
        (
            "yarp_BadLogHive3__BadLogHive.xz",
            ["yarp_BadLogHive3__BadLogHive.LOG1.xz", "yarp_BadLogHive3__BadLogHive.LOG2.xz"],
            RefusedError,
            "the checksum of log 1 is wrong; the checksum of log 2 is wrong",
        ),
        (
            "yarp_BadBaseBlockHive__BadBaseBlockHive.xz",
            ["yarp_BadBaseBlockHive__BadBaseBlockHive.LOG1.xz"],
            RefusedError,
            "not that of the first hive bin, and the base block is damaged",
        ),
        ("yarp_EffectiveSizeHive.xz", [], RefusedError, "it has no transaction log"),
        ("yarp_GarbageHive.xz", [], RefusedError, "it has no transaction log"),
        ("yarp_TruncatedDirtyHive", [], RefusedError, "it has no transaction log"),
        ("yarp_TruncatedDirtyHive", [f"{OLD_DIRTY}.LOG1.xz"], RefusedError, "the time stamp of log 1 is not the hive's"),
        ("yarp_TruncatedHiveBin", [], TruncatedError, "too few for a hive"),
        ("ez_SECURITY.xz", [], RefusedError, "it has no transaction log"),
        ("regipy_SYSTEM_WIN_10_1709.xz", [], RefusedError, "it has no transaction log"),
    ],
)
def test_what_cannot_be_recovered_is_refused(name: str, logs: list[str], error: type[BootmendError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        recovered(name, *logs)


def test_a_truncated_hive_with_its_own_log_is_refused() -> None:
    """The old dirty hive cut after two pages: its log has eight of the others, not all."""
    data = hive(f"{OLD_DIRTY}.xz")[:12288]
    with pytest.raises(TruncatedError, match="neither in the file nor in log 1"):
        recover(MemorySource(data), [MemorySource(hive(f"{OLD_DIRTY}.LOG1.xz"))])


# -- cost -----------------------------------------------------------------------------------------------------


def test_recovery_of_system_b_is_fast() -> None:
    source = MemorySource(hive(SYSTEM_B[0]))
    logs = [MemorySource(hive(name)) for name in SYSTEM_B[1:]]
    start = time.process_time()
    recover(source, logs)
    assert time.process_time() - start < 2.0 * float(os.environ.get("BOOTMEND_SLOWNESS", "2"))
