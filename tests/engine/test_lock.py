"""The lock, against real processes, real loop devices and a real QEMU."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.engine.lock import lock_sources
from bootmend.errors import MissingError, ReadError, RefusedError
from tests.support import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux locks")
as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1 << 20))
    return path


@contextmanager
def other_process(code: str, *arguments: str) -> Iterator[int]:
    """Another process that runs ``code``, says when it is ready and then holds what it has."""
    text = f"import fcntl, os, struct, sys\n{code}\nprint('ready', flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", text, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


def refused(path: Path, words: str) -> RefusedError:
    with pytest.raises(RefusedError, match=words) as error, lock_sources([str(path)]):
        pytest.fail("the lock was given")
    assert error.value.exit_code == 4
    assert "nothing was written" in error.value.message
    return error.value


def test_a_lock_is_given_kept_and_given_back(image: Path) -> None:
    with lock_sources([str(image)]):
        refused(image, "it is in use")
    with lock_sources([str(image)]):
        pass


def test_the_same_file_under_several_names_is_locked_once(image: Path) -> None:
    link, hard = image.with_name("link"), image.with_name("hard")
    link.symlink_to(image)
    hard.hardlink_to(image)
    with lock_sources([str(image), str(link), str(hard), str(image)]):
        refused(hard, "it is in use")


def test_all_or_none(image: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError), lock_sources([str(image), str(tmp_path / "missing")]):
        pytest.fail("the lock was given")
    with lock_sources([str(image)]):
        pass


def test_two_processes_exclude_one_another(image: Path) -> None:
    code = "from bootmend.engine.lock import lock_sources\nheld = lock_sources([sys.argv[1]])\nheld.__enter__()"
    with other_process(code, str(image)) as pid:
        assert f"(process {pid})" in refused(image, "it is in use").message
    with lock_sources([str(image)]):
        pass


@pytest.mark.parametrize(
    "code",
    [
        "f = open(sys.argv[1], 'r+b')\nfcntl.flock(f, fcntl.LOCK_EX)",
        "f = open(sys.argv[1], 'rb')\nfcntl.flock(f, fcntl.LOCK_SH)",
        "f = open(sys.argv[1], 'r+b')\nfcntl.lockf(f, fcntl.LOCK_EX, 1, 0)",
        "f = open(sys.argv[1], 'rb')\nfcntl.lockf(f, fcntl.LOCK_SH, 1, 1 << 50)",
        "f = open(sys.argv[1], 'rb')\nfcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack('hhqqi0q', fcntl.F_RDLCK, 0, 100, 1, 0))",
        "f = open(sys.argv[1], 'r+b')",
        "f = open(sys.argv[1], 'ab')",
    ],
    ids=["flock", "shared flock", "POSIX lock", "shared POSIX lock", "QEMU's lock byte", "writer without lock", "appender"],
)
def test_others_that_hold_the_file_are_seen(image: Path, code: str) -> None:
    with other_process(code, str(image)) as pid:
        assert str(pid) in refused(image, "it is in use").message


def test_a_reader_is_no_obstacle(image: Path) -> None:
    with other_process("f = open(sys.argv[1], 'rb')", str(image)), lock_sources([str(image)]):
        pass


def test_others_are_kept_out_for_the_whole_file(image: Path) -> None:
    with lock_sources([str(image)]), image.open("r+b") as other:
        for start in (0, 100, 201, 1 << 50):
            record = struct.pack("hhqqi0q", fcntl.F_WRLCK, 0, start, 1, 0)
            with pytest.raises(OSError, match=r"unavailable|denied"):
                fcntl.fcntl(other, fcntl.F_OFD_SETLK, record)


def test_a_writer_that_comes_while_locked_gets_no_signal_and_no_delay(image: Path) -> None:
    with lock_sources([str(image)]):
        start = time.monotonic()
        with other_process("f = open(sys.argv[1], 'r+b')", str(image)):
            assert time.monotonic() - start < 5


def test_a_directory_and_a_missing_file(tmp_path: Path) -> None:
    for path, error in ((tmp_path / "missing", MissingError), (tmp_path / "missing" / "deeper", MissingError)):
        with pytest.raises(error), lock_sources([str(path)]):
            pytest.fail("the lock was given")


def test_a_read_only_file_is_refused_before_any_plan(image: Path) -> None:
    image.chmod(0o444)
    assert "--output" in (refused(image, "marked read-only").hint or "")


@as_root
def test_a_read_only_file_system_is_refused(image: Path) -> None:
    needs("mount", "umount")
    folder = image.parent / "mounted"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        (folder / "disk.img").write_bytes(bytes(4096))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        refused(folder / "disk.img", "its file system is read-only")
    finally:
        subprocess.run(["umount", folder], check=True)


# --- QEMU


def qemu_lock_conflict(image: Path) -> bool:
    answer = subprocess.run(["qemu-io", "-f", "raw", "-c", "write 0 512", image], capture_output=True, text=True, check=False)
    return "lock" in answer.stderr


@pytest.mark.oracle
@pytest.mark.parametrize("options", [[], ["-r"]], ids=["writing", "reading"])
def test_an_image_that_qemu_has_open_is_refused(image: Path, options: list[str]) -> None:
    needs("qemu-io")
    command = ["qemu-io", *options, "-f", "raw", str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as qemu:
        assert qemu.stdin is not None
        assert qemu.stdout is not None
        qemu.stdin.write("read 0 512\n")
        qemu.stdin.flush()
        assert "read 512/512" in qemu.stdout.readline()
        assert f"qemu-io (process {qemu.pid})" in refused(image, "it is in use").message
        qemu.communicate("quit\n", timeout=20)
    with lock_sources([str(image)]):
        assert qemu_lock_conflict(image)
    assert not qemu_lock_conflict(image)


@pytest.mark.oracle
def test_an_image_that_qemu_serves_is_refused(image: Path) -> None:
    needs("qemu-nbd")
    socket = image.with_name("nbd.sock")
    with subprocess.Popen(["qemu-nbd", "-f", "raw", "-k", socket, image]) as server:
        try:
            for _ in range(200):
                if socket.exists():
                    break
                time.sleep(0.05)
            assert "qemu-nbd" in refused(image, "it is in use").message
        finally:
            server.terminate()


# --- block devices


@contextmanager
def loop_device(image: Path) -> Iterator[Path]:
    needs("losetup")
    answer = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip(f"no loop device: {answer.stderr.strip()}")
    device = Path(answer.stdout.strip())
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@as_root
def test_an_image_attached_as_a_loop_device_is_refused_but_the_device_is_not(image: Path) -> None:
    with loop_device(image) as device:
        refused(image, f"it is attached as loop device {device.name}: detach it first")
        with lock_sources([str(device)]):
            refused(device, "the kernel uses it")  # O_EXCL admits one


@as_root
def test_a_mounted_block_device_and_the_image_behind_it_are_refused(image: Path) -> None:
    needs("mkfs.ext4", "mount", "umount")
    image.write_bytes(bytes(4 << 20))
    subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
    folder = image.parent / "mounted here"
    folder.mkdir()
    with loop_device(image) as device, ExitStack() as stack:
        if subprocess.run(["mount", device, folder], check=False, capture_output=True).returncode:
            pytest.skip("ext4 cannot be mounted here")
        stack.callback(lambda: subprocess.run(["umount", folder], check=True))
        refused(device, "it is mounted on .*mounted here: unmount it first")
        refused(image, "attached as loop device .*, which is mounted on .*mounted here")


@as_root
def test_a_block_device_that_another_program_holds_exclusively_is_refused(image: Path) -> None:
    with loop_device(image) as device:
        with other_process("d = os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)", str(device)):
            refused(device, "the kernel uses it")
        with lock_sources([str(device)]):
            pass


@as_root
def test_swap_space_is_refused(image: Path) -> None:
    needs("mkswap", "swapon", "swapoff")
    image.chmod(0o600)
    image.write_bytes(os.urandom(1 << 20))
    subprocess.run(["mkswap", image], check=True, capture_output=True)
    if subprocess.run(["swapon", image], check=False, capture_output=True).returncode:
        pytest.skip("no swap space can be added here")
    try:
        refused(image, "swap space")
    finally:
        subprocess.run(["swapoff", image], check=True)


def test_no_permission_to_read(image: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    image.chmod(0o200)
    with pytest.raises(ReadError), lock_sources([str(image)]):
        pytest.fail("the lock was given")
