"""Device values: bytes to values and back, and their text."""

from __future__ import annotations

import struct

import pytest

from bootmend.bcd import (
    BootDevice,
    Device,
    FileDevice,
    LocateDevice,
    PartitionDevice,
    RamdiskDevice,
    UnknownDevice,
    VirtualDiskDevice,
    VmbusDevice,
    parse_device,
)
from bootmend.bcd.device_text import Finder, device_from_text, device_text
from bootmend.errors import UsageError
from tests.bcd.stores import boot, locate, mbr, ramdisk, vhd

OPTIONS = "{0fd8694c-e7fe-11f0-91cd-eabb9ab44a94}"
OPTIONS_BYTES = bytes.fromhex("4c69d80ffee7f01191cdeabb9ab44a94")
GPT_PARTITION = bytes.fromhex("33221100554477668899aabbccddeeff")
GPT_DISK = bytes.fromhex("67452301ab89efcd0123456789abcdef")
C_DRIVE = PartitionDevice("MBR", "0x5eed0067", 0x100000)


def gpt() -> bytes:
    body = GPT_PARTITION + struct.pack("<II", 0, 0) + GPT_DISK
    return bytes(16) + struct.pack("<IIII", 6, 0, 0x48, 0) + body + bytes(16)


def by_path(path: str) -> bytes:
    name = (path + "\0").encode("utf-16-le")
    return bytes(16) + struct.pack("<IIII", 8, 0, 16 + 12 + len(name), 0) + struct.pack("<III", 1, 0, 0) + name


def file(parent: bytes, path: str) -> bytes:
    name = (path + "\0").encode("utf-16-le")
    body = struct.pack("<IIII", 5, 1, 12 + len(parent) + len(name), 5) + parent + name
    return bytes(16) + struct.pack("<IIII", 0, 0, 16 + len(body), 0) + body


KNOWN: list[tuple[bytes, Device]] = [
    (boot()[1], BootDevice()),
    (mbr(0x5EED0067, 0x100000)[1], C_DRIVE),
    (mbr(0xFFFFFFFF, 1 << 40)[1], PartitionDevice("MBR", "0xffffffff", 1 << 40)),
    (
        gpt(),
        PartitionDevice("GPT", "{01234567-89ab-cdef-0123-456789abcdef}", "{00112233-4455-6677-8899-aabbccddeeff}"),
    ),
    (locate(0x22000137)[1], LocateDevice("element", 0x22000137)),
    (by_path("\\Windows"), LocateDevice("path", path="\\Windows")),
    (file(boot()[1][16:], "\\disk.vhd"), FileDevice(BootDevice(), "\\disk.vhd")),
    (
        ramdisk(boot()[1][16:], "\\sources\\boot.wim", OPTIONS_BYTES)[1],
        RamdiskDevice(BootDevice(), "\\sources\\boot.wim", OPTIONS),
    ),
    (
        vhd(mbr(0x5EED0067, 0x100000)[1][16:], "\\clone3\\clone3.vhd"),
        VirtualDiskDevice(PartitionDevice("MBR", "0x1234abcd", 0x100000), C_DRIVE, "\\clone3\\clone3.vhd"),
    ),
]


@pytest.mark.parametrize(("raw", "device"), KNOWN)
def test_parse_and_serialise(raw: bytes, device: Device) -> None:
    assert parse_device(raw) == device
    assert device.serialise() == raw


def test_published_sizes() -> None:
    """The sizes that were measured on real stores."""
    assert len(BootDevice().serialise()) == 88
    assert len(C_DRIVE.serialise()) == 88
    assert len(LocateDevice("element", 0x12000002).serialise()) == 46
    assert len(LocateDevice("path", path="\\Windows").serialise()) == 62
    assert len(LocateDevice("path", path="\\Windows\\System32\\winload.efi").serialise()) == 104
    assert len(RamdiskDevice(C_DRIVE, "\\Recovery\\WindowsRE\\Winre.wim", OPTIONS).serialise()) == 200


def test_what_other_tools_write_into_a_ramdisk_is_kept() -> None:
    """Some write the size of the image less 0x14, and one an offset of 5."""
    raw = bytearray(ramdisk(boot()[1][16:], "\\boot.wim", OPTIONS_BYTES)[1])
    struct.pack_into("<QQI", raw, 0x24, 7, 0x1234, 5)
    device = parse_device(bytes(raw))
    assert device == RamdiskDevice(BootDevice(), "\\boot.wim", OPTIONS, 7, 0x1234, 5)
    assert device.serialise() == bytes(raw)


@pytest.mark.parametrize(
    "change",
    [
        (0x10, b"\x63\0\0\0"),  # a type that nobody defined
        (0x14, b"\1\0\0\0"),  # flags
        (0x18, b"\x47\0\0\0"),  # a wrong size
        (0x34, b"\2\0\0\0"),  # the scheme "raw"
        (0x30, b"\2\0\0\0"),  # on a CD
        (0x28, b"\1"),  # something after the offset of an MBR partition
        (0x57, b"\1"),  # something after the end
    ],
)
def test_what_is_not_exactly_known_is_kept_verbatim(change: tuple[int, bytes]) -> None:
    raw = bytearray(mbr(0x5EED0067, 0x100000)[1])
    raw[change[0] : change[0] + len(change[1])] = change[1]
    device = parse_device(bytes(raw))
    assert device == UnknownDevice(bytes(raw))
    assert device.serialise() == bytes(raw)


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(88), boot()[1] + b"\0", boot()[1][:-1], bytes(1 << 17)])
def test_short_long_and_empty_values_are_unknown(raw: bytes) -> None:
    assert parse_device(raw) == UnknownDevice(raw)


def test_a_path_that_is_no_text_survives() -> None:
    raw = by_path("\\x")[:-4] + b"\x00\xd8\0\0"
    assert parse_device(raw).serialise() == raw


def test_endless_nesting_ends() -> None:
    descriptor = boot()[1][16:]
    for _ in range(40):
        descriptor = file(descriptor, "\\x")[16:]
    raw = bytes(16) + descriptor
    assert isinstance(parse_device(raw), UnknownDevice)


def test_devices_of_different_kinds_are_different() -> None:
    assert FileDevice(BootDevice(), "\\x") != RamdiskDevice(BootDevice(), "\\x")
    assert BootDevice() == BootDevice(None)
    assert BootDevice() != (None,)
    assert len({BootDevice(), BootDevice(), VmbusDevice(OPTIONS)}) == 2


def shown(device: Device) -> str:
    names: dict[Device, str] = {C_DRIVE: "C:"}
    return device_text(device, names.get, lambda guid: guid, {0x12000002: "\\a"}.get)


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (BootDevice(), "boot"),
        (C_DRIVE, "partition=C:"),
        (PartitionDevice("MBR", "0x00000001", 5), "unknown"),
        (RamdiskDevice(BootDevice(), "\\boot.wim", OPTIONS), f"ramdisk=[boot]\\boot.wim,{OPTIONS}"),
        (RamdiskDevice(C_DRIVE, "\\boot.wim"), "ramdisk=[C:]\\boot.wim"),
        (RamdiskDevice(PartitionDevice("MBR", "0x00000001", 5), "\\boot.wim"), "ramdisk=[unknown]\\boot.wim"),
        (VirtualDiskDevice(C_DRIVE, C_DRIVE, "\\a.vhd"), "vhd=[C:]\\a.vhd"),
        (VirtualDiskDevice(C_DRIVE, LocateDevice("path"), "\\a.vhd"), "vhd=[locate]\\a.vhd"),
        (FileDevice(C_DRIVE, "\\a"), "file=[C:]\\a"),
        (LocateDevice("element", 0x12000002), "locate=\\a"),
        (LocateDevice("element", 0x22000002), "locate=unknown"),
        (LocateDevice("path", path="\\b"), "locate=\\b"),
        (VmbusDevice(OPTIONS), f"vmbus={OPTIONS}"),
        (UnknownDevice(b"?"), "unknown"),
    ],
)
def test_text(device: Device, text: str) -> None:
    assert shown(device) == text


def typed(text: str, element: int = 0x11000001) -> Device:
    partitions = {"c:": C_DRIVE}
    return device_from_text(text, Finder(lambda name: partitions.get(name.lower()), {OPTIONS: OPTIONS}.get), element)


@pytest.mark.parametrize(
    ("text", "element", "device"),
    [
        ("boot", 0, BootDevice()),
        ("BOOT", 0, BootDevice()),
        ("partition=C:", 0, C_DRIVE),
        ("hd_partition=c:", 0, C_DRIVE),
        ("locate", 0x11000001, LocateDevice("element", 0x12000002)),
        ("locate", 0x21000001, LocateDevice("element", 0x22000002)),
        ("locate", 0x21000138, LocateDevice("element", 0x22000137)),
        ("locate=custom:12000002", 0, LocateDevice("element", 0x12000002)),
        ("locate=\\IMC.hiv", 0x21000138, LocateDevice("path", path="\\IMC.hiv")),
        (f"ramdisk=[boot]\\a,b.wim,{OPTIONS}", 0, RamdiskDevice(BootDevice(), "\\a,b.wim", OPTIONS)),
        ("ramdisk=[C:]\\boot.wim", 0, RamdiskDevice(C_DRIVE, "\\boot.wim")),
        ("file=[C:]\\boot.vhd", 0, FileDevice(C_DRIVE, "\\boot.vhd")),
        (f"vmbus={OPTIONS}", 0, VmbusDevice(OPTIONS)),
    ],
)
def test_typed(text: str, element: int, device: Device) -> None:
    assert typed(text, element) == device


@pytest.mark.parametrize(
    "text",
    [
        "", "boot=x", "partition=Z:", "partition", "floppy", "ramdisk=boot\\x", "ramdisk=[boot]", "ramdisk=[boot",
        "ramdisk=[Z:]\\x", "ramdisk=[boot]\\x,{y}", "vhd=[C:]\\a.vhd", "vmbus=x", "locate=custom:", "locate=custom:xyz",
        "locate=custom:1ffffffff",
    ],
)  # fmt: skip
def test_what_cannot_be_written(text: str) -> None:
    with pytest.raises(UsageError):
        typed(text)


def test_locate_alone_needs_an_element_that_names_a_file() -> None:
    with pytest.raises(UsageError):
        typed("locate", 0x11000043)
