"""What the kernel's files say, on trees made as the kernel's documentation (proc(5), sysfs) describes them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bootmend.engine.in_use import Kernel

MOUNT = "36 35 {device} / {where} rw,noatime master:1 - {kind} {source} rw,errors=continue\n"


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A kernel that uses nothing."""
    for folder in ("proc/self", "sys/class/block", "sys/dev/block"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNT.format(device="98:0", where="/", kind="ext4", source="/dev/root"))
    (tmp_path / "proc/swaps").write_text("Filename\tType\tSize\tUsed\tPriority\n")
    return Kernel(str(tmp_path / "proc"), str(tmp_path / "sys"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "my disk.img"
    path.write_bytes(b"x")
    return path


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A path that looks like the block device 8:0."""
    path = tmp_path / "sda"
    path.write_bytes(b"x")
    real = os.stat

    def pretend(name: str, **options: bool) -> os.stat_result:
        status = real(name, **options)
        if os.path.basename(name) != "sda":
            return status
        return os.stat_result([stat.S_IFBLK | 0o660, *status[1:]], {"st_rdev": os.makedev(8, 0)})

    monkeypatch.setattr(os, "stat", pretend)
    return path


def add(kernel: Kernel, path: str, text: str) -> None:
    file = Path(kernel.sys) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def add_mount(kernel: Kernel, **fields: str) -> None:
    with (Path(kernel.proc) / "self/mountinfo").open("a") as file:
        file.write(MOUNT.format(**fields))


def partition(kernel: Kernel) -> None:
    """Partition 8:1 of the disk 8:0."""
    add(kernel, "dev/block/8:0/sda1/partition", "1\n")
    add(kernel, "dev/block/8:0/sda1/dev", "8:1\n")


def test_nothing_in_use(kernel: Kernel, image: Path, device: Path) -> None:
    assert kernel.reason_in_use(str(image)) is None
    partition(kernel)
    assert kernel.reason_in_use(str(device)) is None


def test_a_kernel_without_these_files_has_no_objection(tmp_path: Path, image: Path) -> None:
    assert Kernel(str(tmp_path / "none"), str(tmp_path / "none")).reason_in_use(str(image)) is None


def test_a_mounted_disk_and_a_mounted_partition(kernel: Kernel, device: Path) -> None:
    partition(kernel)
    add_mount(kernel, device="8:1", where="/mnt/win\\040dows", kind="fuseblk", source="/dev/sda1")
    assert kernel.reason_in_use(str(device)) == "it is mounted on /mnt/win dows: unmount it first"


def test_a_mount_without_a_device_number_is_known_by_its_source(kernel: Kernel, device: Path) -> None:
    add_mount(kernel, device="0:44", where="/mnt", kind="btrfs", source=str(device))
    assert kernel.reason_in_use(str(device)) == "it is mounted on /mnt: unmount it first"


def test_an_image_mounted_through_fuse(kernel: Kernel, image: Path) -> None:
    add_mount(kernel, device="0:50", where="/mnt", kind="fuse.ntfs-3g", source=str(image).replace(" ", "\\040"))
    assert kernel.reason_in_use(str(image)) == "it is mounted on /mnt: unmount it first"


@pytest.mark.parametrize(
    ("holder", "name", "uuid", "words"),
    [
        ("dm-0", "vg-root", "LVM-abc", "part of the LVM volume vg-root"),
        ("dm-1", "secret", "CRYPT-LUKS2-abc", "opened as the encrypted device secret"),
        ("dm-2", "mpatha", "mpath-abc", "held by mpatha"),
        ("md0", "", "", "part of the software RAID md0"),
        ("bcache0", "", "", "held by bcache0"),
    ],
)
@pytest.mark.parametrize("member", ["8:0", "8:1"])
def test_holders_of_the_disk_or_a_partition(
    kernel: Kernel, device: Path, holder: str, name: str, uuid: str, words: str, member: str
) -> None:
    partition(kernel)
    add(kernel, f"dev/block/{member}/holders/{holder}", "")
    if name:
        add(kernel, f"class/block/{holder}/dm/name", name + "\n")
        add(kernel, f"class/block/{holder}/dm/uuid", uuid + "\n")
    assert words in (kernel.reason_in_use(str(device)) or "")


def test_a_loop_device_over_the_image(kernel: Kernel, image: Path) -> None:
    add(kernel, "class/block/loop3/loop/backing_file", f"{image}\n")
    add(kernel, "class/block/loop3/dev", "7:3\n")
    assert kernel.reason_in_use(str(image)) == "it is attached as loop device loop3: detach it first (losetup -d /dev/loop3)"
    add_mount(kernel, device="7:3", where="/mnt", kind="ntfs3", source="/dev/loop3")
    assert "loop3, which is mounted on /mnt:" in (kernel.reason_in_use(str(image)) or "")


def test_swap(kernel: Kernel, image: Path, device: Path) -> None:
    for path in (image, device):
        (Path(kernel.proc) / "swaps").write_text(f"Filename Type\n{str(path).replace(' ', chr(92) + '040')} file 1 0 -2\n")
        assert kernel.reason_in_use(str(path)) == "it is in use as swap space: swapoff first"


def test_the_users_of_a_file(kernel: Kernel, image: Path) -> None:
    for number, name in ((4242, "qemu-system-x86"), (os.getpid(), "pytest")):
        folder = Path(kernel.proc) / str(number) / "fd"
        folder.mkdir(parents=True)
        (folder / "7").symlink_to(image)
        (folder.parent / "comm").write_text(name + "\n")
    assert kernel.users(str(image)) == ["qemu-system-x86 (process 4242)"]
