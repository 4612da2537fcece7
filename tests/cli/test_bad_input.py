"""Whatever is given instead of a good disk: a sentence that names the file and the cause, the documented code, no harm."""

from __future__ import annotations

import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.cli.main import run
from bootmend.engine.target import Target
from tests.catalog.disks import fingerprint
from tests.cli.running import Answer, spawn
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.running import Bootmend, MakeDisk

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's way to say it")
as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")


def put(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def all_say(bootmend: Bootmend, path: Path | str, code: int, *words: str) -> None:
    """``check``, ``plan`` and ``repair --yes`` say the same and leave the file as it is."""
    before = fingerprint(str(path)) if os.path.isfile(path) else None
    for line in (["check"], ["plan"], ["repair", "--yes"], ["repair", "--yes", "--unsafe", "--serial-console"]):
        said = bootmend(line[0], path, *line[1:])
        assert said.code == code, said
        for word in words if "--unsafe" not in line else words[:1]:
            assert word in said.out + said.err
    if before:
        assert fingerprint(str(path)) == before


# -- no disk ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("random.vhd", random.Random(67).randbytes(1 << 20), "not a disk"),
        ("notes.txt", b"stop code 0x67\n" * 4, "there is no disk in it"),
        ("long notes.txt", b"stop code 0x67\n" * 9999, "not a disk"),
        ("empty.vhd", b"", "empty"),
        ("zeros.raw", bytes(1 << 20), "all zeros"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(9999), "not a disk"),
    ],
)
def test_no_disk(bootmend: Bootmend, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    all_say(bootmend, path, 3, name, words)


@pytest.mark.parametrize(("magic", "words"), [(b"QED\0", "QED"), (b"COWD", "ESX 2"), (b"WithoutFreeSpace", "Parallels")])
def test_another_format_says_how_to_convert_it(bootmend: Bootmend, tmp_path: Path, magic: bytes, words: str) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(magic + bytes(1 << 20))
    all_say(bootmend, path, 3, "disk.img", words, "qemu-img convert")


@pytest.mark.parametrize(
    ("magic", "words"), [(b"QFI\xfb\0\0\0\3", "qcow2 header"), (b"vhdxfile", "VHDX"), (b"KDMV\1\0\0\0", "VMDK header")]
)
def test_an_image_that_is_only_its_first_bytes(bootmend: Bootmend, tmp_path: Path, magic: bytes, words: str) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(magic + bytes(1 << 20))
    all_say(bootmend, path, 3, "disk.img", words)


def test_no_file(bootmend: Bootmend, tmp_path: Path) -> None:
    all_say(bootmend, tmp_path / "none.vhd", 3, f"there is no file {tmp_path / 'none.vhd'}")


@linux
def test_neither_file_nor_device(bootmend: Bootmend, tmp_path: Path) -> None:
    all_say(bootmend, "/dev/null", 2, "/dev/null is neither a file nor a block device")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    all_say(bootmend, pipe, 2, f"{pipe} is neither a file nor a block device")


def test_a_directory_that_is_no_machine(bootmend: Bootmend, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"miaow")
    all_say(bootmend, tmp_path / "photos", 3, "no boot configuration store and no Windows")


# -- a disk that is damaged -----------------------------------------------------------------------------------
def test_a_dynamic_vhd_cut_short(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    os.truncate(path, 2 << 20)
    all_say(bootmend, path, 3, "web01.vhd", "cut short")


def test_a_fixed_vhd_cut_short(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="vhd-fixed")
    os.truncate(path, (1 << 30) - 5000)
    said = bootmend("check", path)
    assert said.code in {1, 3}
    assert said.code == 3 or "raw disk" in said.out
    assert bootmend("repair", path, "--yes").code in {0, 3, 4}


def test_a_dynamic_vhd_with_wrong_checksums_is_remarked_on(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    for offset in (path.stat().st_size - 512, 0):
        put(path, offset + 70, b"\xaa")
    before = fingerprint(str(path))
    said = bootmend("check", path, expect=1)
    assert "the checksum of the VHD footer is wrong in both of its copies, which agree" in said.out
    assert fingerprint(str(path)) == before


def test_a_fixed_vhd_with_a_wrong_checksum(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="vhd-fixed")
    put(path, path.stat().st_size - 512 + 70, b"\xaa")
    all_say(bootmend, path, 3, "web01.vhd", "the checksum of the VHD footer at the end is wrong")


def test_a_gpt_with_a_bad_crc_is_read_from_its_backup(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(gen=2, form="raw")
    put(path, 512 + 16, b"\xaa\xbb")
    said = bootmend("check", path, expect=1)
    assert "the primary GPT is damaged (its checksum is wrong); the backup was used" in said.out


def test_a_gpt_damaged_twice(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(gen=2, form="raw")
    put(path, 512 + 16, b"\xaa\xbb")
    put(path, path.stat().st_size - 512 + 16, b"\xaa\xbb")
    before = fingerprint(str(path))
    for line in (["check"], ["plan"], ["repair", "--yes"]):
        said = bootmend(line[0], path, *line[1:], expect=1)
        assert "both copies of the table are damaged" in said.out
        assert "gpt-damaged" in said.out
    bootmend("repair", path, "--yes", "--serial-console", expect=3)
    assert fingerprint(str(path)) == before


def test_an_extended_partition_that_leads_to_itself(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="raw")
    start = ((1 << 30) >> 9) - 4096
    put(path, 446 + 32, struct.pack("<B3sB3sII", 0, b"", 5, b"", start, 4096))
    link = struct.pack("<B3sB3sII", 0, b"", 5, b"", 0, 4096)
    put(path, start * 512 + 446 + 16, link)
    put(path, start * 512 + 510, b"\x55\xaa")
    before = fingerprint(str(path))
    said = bootmend("check", path)
    assert said.code in {1, 3}
    assert "loop" in said.out + said.err or "itself" in said.out + said.err or "twice" in said.out + said.err
    assert fingerprint(str(path)) == before


def test_ntfs_without_its_mft(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(form="raw")
    with Target(str(path)) as target:
        offsets = [volume.partition.offset for volume in target.machine.volumes if volume.partition]
    for offset in offsets:
        boot = read(path, offset, 512)
        cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        for table in struct.unpack_from("<QQ", boot, 0x30):
            put(path, offset + table * cluster, random.Random(1).randbytes(16384))
    all_say(bootmend, path, 3, "volume 1", "could not be judged")


def test_a_fat_whose_chains_lead_to_themselves(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk(gen=2, form="raw")
    with Target(str(path)) as target:
        (esp,) = [volume.partition.offset for volume in target.machine.volumes if volume.kind == "FAT32" and volume.partition]
    boot = read(path, esp, 512)
    sector, reserved, sectors = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<H", boot, 14)[0], boot[36:40]
    length = struct.unpack("<I", sectors)[0] * sector
    table = bytearray(read(path, esp + reserved * sector, length))
    for cluster in range(2, length // 4):
        if struct.unpack_from("<I", table, cluster * 4)[0] & 0x0FFFFFFF:
            struct.pack_into("<I", table, cluster * 4, cluster)
    for copy in range(boot[16]):
        put(path, esp + reserved * sector + copy * length, bytes(table))
    all_say(bootmend, path, 3, "volume 1", "could not be judged")


def overwrite(path: Path, volume: int, name: str, data: bytes) -> None:
    """Put bytes in a file of a raw disk's volume, where the file lies."""
    with Target(str(path)) as target:
        file = target.machine.volume(volume).tree.open(name)
        extents = list(file.locate(0, min(file.size, len(data))))
    for extent in extents:
        put(path, extent.offset, data[: extent.length])
        data = data[extent.length :]


@pytest.mark.parametrize("gen", [1, 2])
def test_a_store_that_is_no_hive(bootmend: Bootmend, disk: MakeDisk, gen: int) -> None:
    path = disk(gen=gen, form="raw")
    store = "\\Boot\\BCD" if gen == 1 else "\\EFI\\Microsoft\\Boot\\BCD"
    overwrite(path, 1, store, b"this was a store once. " * 300)
    said = bootmend("check", path, expect=1).out
    assert "bcd-missing" in said
    assert "bytes that are no store" in said
    refused = bootmend("bcdedit", "/store", path, "/enum", expect=1)
    assert store in refused.err


def test_a_system_hive_that_is_none(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk("healthy", form="raw")
    overwrite(path, 2, "\\Windows\\System32\\config\\SYSTEM", bytes(4096))
    said = bootmend("check", path)
    assert said.code in {0, 1, 3}
    assert "Traceback" not in said.err


# -- plans ------------------------------------------------------------------------------------------------------
@pytest.fixture
def kept(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> Path:
    """A plan for ``web01.vhd``."""
    bootmend("plan", disk(), "-o", tmp_path / "plan.json", expect=1)
    return tmp_path / "plan.json"


def test_a_plan_for_another_disk(bootmend: Bootmend, disk: MakeDisk, kept: Path) -> None:
    path = kept.with_name("web01.vhd")
    path.unlink()
    disk(gen=2)
    before = fingerprint(str(path))
    said = bootmend("apply", kept, "--yes", expect=4)
    assert f"{kept} was made for another disk than the one that {path} is now" in said.err
    assert "Nothing was written. (exit 4)" in said.err
    assert fingerprint(str(path)) == before


def test_a_stale_plan(bootmend: Bootmend, kept: Path) -> None:
    path = kept.with_name("web01.vhd")
    bootmend("bcdedit", "/store", path, "/timeout", "17", expect=0)
    before = fingerprint(str(path))
    said = bootmend("apply", kept, "--yes", expect=4)
    assert f"{path} has changed since {kept} was made: the plan is stale" in said.err
    assert fingerprint(str(path)) == before


def test_a_plan_whose_disk_has_gone(bootmend: Bootmend, kept: Path) -> None:
    path = kept.with_name("web01.vhd")
    path.unlink()
    assert f"there is no file {path}" in bootmend("apply", kept, "--yes", expect=3).err


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b"67", b'{"schema": 3}', b"\xff\xfe", b"[" * 100_000, b'"x"'])
def test_no_plan(bootmend: Bootmend, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    said = bootmend("apply", path, "--yes", expect=2)
    assert str(path) in said.err
    assert "bootmend plan DISK -o FILE" in said.err


@linux
def test_what_cannot_be_a_plan(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    big = tmp_path / "big.raw"
    big.touch()
    os.truncate(big, 127 << 30)
    for path in (pipe, big, tmp_path, Path("/dev/null"), disk()):
        assert str(path) in bootmend("apply", path, "--yes", expect=2).err


# -- the world around ---------------------------------------------------------------------------------------------
def refused(bootmend: Bootmend, path: Path, *words: str) -> Answer:
    before = fingerprint(str(path))
    said = bootmend("repair", path, "--yes", expect=4)
    for word in words:
        assert word in said.err
    assert "Nothing was written. (exit 4)" in said.err
    assert fingerprint(str(path)) == before
    return said


def test_a_file_marked_read_only(bootmend: Bootmend, disk: MakeDisk) -> None:
    path = disk()
    path.chmod(0o444)
    bootmend("check", path, expect=1)
    refused(bootmend, path, str(path), "read-only")
    assert bootmend("bcdedit", "/store", path, "/timeout", "3").code in {1, 4}


@linux
@as_root
def test_a_file_that_cannot_be_changed(bootmend: Bootmend, disk: MakeDisk) -> None:
    needs("chattr")
    path = disk()
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        refused(bootmend, path, str(path))
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@contextmanager
def public_folder(disk: Path, mode: int) -> Iterator[Path]:
    """A copy of a disk, with these permissions, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        path = folder / "web01.vhd"
        shutil.copy(disk, path)
        path.chmod(mode)
        yield path
    finally:
        shutil.rmtree(folder)


def as_nobody(path: Path, *line: str) -> Answer:
    """Run a command line in a copy of this process that may do little.

    A copy, as that user might not be allowed to read this Python; all it needs was imported when root was refused before.
    """
    out, err = path.with_name("out"), path.with_name("err")
    for file in (out, err):
        file.touch()
        file.chmod(0o666)
    state = path.with_name("state")
    state.mkdir(exist_ok=True)
    os.chown(state, 65534, 65534)
    with warnings.catch_warnings(
        action="ignore", category=DeprecationWarning
    ):  # Python 3.12 of other threads, which are pytest's
        child = os.fork()
    if not child:
        code = 99
        try:
            for file, number in ((out, 1), (err, 2)):
                os.dup2(os.open(file, os.O_WRONLY), number)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            os.environ["BOOTMEND_STATE_DIR"] = str(state)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            code = run(list(line))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return Answer(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())


@linux
@as_root
def test_no_permission_to_read(bootmend: Bootmend, disk: MakeDisk) -> None:
    test_a_file_marked_read_only(bootmend, disk)
    with public_folder(disk(name="other.vhd"), 0o600) as path:
        for line in (["check"], ["plan"], ["repair", "--yes"]):
            said = as_nobody(path, line[0], str(path), *line[1:])
            assert said.code == 3
            assert f"no permission to read {path}" in said.err
            assert "run as a user who may read it" in said.err


@linux
@as_root
def test_no_permission_to_write(bootmend: Bootmend, disk: MakeDisk) -> None:
    test_a_file_marked_read_only(bootmend, disk)
    with public_folder(disk(name="other.vhd"), 0o644) as path:
        before = fingerprint(str(path))
        assert as_nobody(path, "check", str(path)).code == 1
        said = as_nobody(path, "repair", str(path), "--yes")
        assert said.code == 4
        assert str(path) in said.err
        assert "permission" in said.err
        assert fingerprint(str(path)) == before


def no_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


@linux
def test_no_room_for_the_journal(disk: MakeDisk) -> None:
    path = disk()
    before = fingerprint(str(path))
    said = spawn("repair", path, "--yes", before=no_large_files)
    assert said.code == 4
    assert "the folder for journals is full, and without a journal nothing is changed" in said.err
    assert "BOOTMEND_STATE_DIR" in said.err
    assert fingerprint(str(path)) == before
    assert not list(path.parent.glob(".web01.vhd.bootmend-*"))
    said = spawn("bcdedit", "/store", path, "/timeout", "3", before=no_large_files)
    assert said.code in {1, 4}
    assert fingerprint(str(path)) == before


@linux
@as_root
def test_a_full_disk_under_the_journal(
    bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", small], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        monkeypatch.setenv("BOOTMEND_STATE_DIR", str(small))
        refused(bootmend, disk(), "the folder for journals is full", str(small))
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_folder_for_journals_is_a_file(
    bootmend: Bootmend, disk: MakeDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("in the way")
    monkeypatch.setenv("BOOTMEND_STATE_DIR", str(tmp_path / "state"))
    refused(bootmend, disk(), "the folder for journals cannot be written", str(tmp_path / "state"))


@contextmanager
def other_program(line: list[str], ready: str = "") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        if ready:
            shown = ""
            while ready not in shown:
                part = process.stdout.read(1)
                assert part, shown
                shown += part
        try:
            yield process
        finally:
            process.kill()


@linux
@pytest.mark.parametrize("holder", ["flock(f, fcntl.LOCK_EX)", "lockf(f, fcntl.LOCK_EX)", "fcntl(f, fcntl.F_GETFD)"])
def test_a_disk_in_use(bootmend: Bootmend, disk: MakeDisk, holder: str) -> None:
    """Locked, locked in the other way, and merely open for writing."""
    path = disk()
    code = f"import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.{holder}; print('ready', flush=True); sys.stdin.read()"
    with other_program([sys.executable, "-c", code, str(path)], "ready") as process:
        bootmend("check", path, expect=1)
        said = refused(bootmend, path, str(path), "in use")
        assert str(process.pid) in said.err
        assert bootmend("bcdedit", "/store", path, "/timeout", "3").code in {1, 4}
    bootmend("repair", path, "--yes", expect=0)


@linux
@pytest.mark.oracle
def test_a_disk_that_qemu_has_open(bootmend: Bootmend, disk: MakeDisk) -> None:
    needs("qemu-io")
    path = disk(form="raw")
    with other_program(["qemu-io", "-f", "raw", str(path)], "qemu-io>"):
        refused(bootmend, path, str(path), "in use")


@linux
@pytest.mark.oracle
def test_a_disk_that_a_storage_daemon_serves(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    needs("qemu-storage-daemon")
    path = disk(form="raw")
    pidfile = tmp_path / "pid"
    line = ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=f,filename={path}", "--pidfile", str(pidfile)]
    line += ["--blockdev", "driver=raw,node-name=r,file=f", "--nbd-server", f"addr.type=unix,addr.path={tmp_path / 'nbd'}"]
    line += ["--export", "type=nbd,id=e,node-name=r,writable=on"]
    with other_program(line) as process:
        for _ in range(100):
            if pidfile.exists():
                break
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.1)
        refused(bootmend, path, str(path), "in use")


def test_refusals_where_json_is_asked_for(bootmend: Bootmend, disk: MakeDisk, tmp_path: Path) -> None:
    path = disk()
    path.chmod(0o444)
    said = bootmend("repair", path, "--yes", "--format", "json", expect=4)
    assert said.out == ""
    assert said.err.startswith("Refused: ")
    said = bootmend("check", tmp_path / "none", "--format", "json", expect=3)
    assert (said.out, said.err[:6]) == ("", "Error:")
