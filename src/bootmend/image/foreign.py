"""Formats that are recognised so that they can be named, not read."""

from __future__ import annotations

from typing import NamedTuple

from bootmend.errors import UnsupportedError


class Foreign(NamedTuple):
    """A format known by the bytes ``magic`` at ``offset``."""

    offset: int
    magic: bytes
    name: str
    hint: str


_CONVERT = "convert it first: qemu-img convert -O vpc -o subformat=dynamic,force_size=on IN OUT.vhd"
_EVIDENCE = "export it as a raw image first (ewfexport, affconvert or xmount do that)"
_UNPACK = "unpack it first: {}"

HEAD_MAGICS = (
    Foreign(0, b"QED\x00", "a QED image", _CONVERT),
    Foreign(0, b"COWD", "a VMDK image (ESX 2)", _CONVERT),
    Foreign(0x40, b"\x7f\x10\xda\xbe", "a VDI image", _CONVERT),
    Foreign(0, b"WithoutFreeSpace", "a Parallels image", _CONVERT),
    Foreign(0, b"WithouFreSpacExt", "a Parallels image", _CONVERT),
    Foreign(0, b"EVF\x09\x0d\x0a\xff\x00", "an EnCase image (E01)", _EVIDENCE),
    Foreign(0, b"EVF2\x0d\x0a\x81\x00", "an EnCase image (Ex01)", _EVIDENCE),
    Foreign(0, b"LVF\x09\x0d\x0a\xff\x00", "an EnCase logical image (L01)", _EVIDENCE),
    Foreign(0, b"AFF10\x0d\x0a\x00", "an AFF image", _EVIDENCE),
    Foreign(0, b"\x1f\x8b\x08", "a gzip file", _UNPACK.format("gunzip --keep FILE")),
    Foreign(0, b"PK\x03\x04", "a zip archive", _UNPACK.format("unzip FILE")),
    Foreign(0, b"\xfd7zXZ\x00", "an xz file", _UNPACK.format("xz --decompress --keep FILE")),
    Foreign(0, b"\x28\xb5\x2f\xfd", "a zstd file", _UNPACK.format("zstd --decompress FILE")),
    Foreign(0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK.format("7z x FILE")),
    Foreign(0, b"BZh91AY&SY", "a bzip2 file", _UNPACK.format("bunzip2 --keep FILE")),
    Foreign(0, b"MSWIM\x00\x00\x00", "a Windows image archive (WIM)", "it holds files, not a disk: give the disk itself"),
)
TAIL_MAGICS = (Foreign(0, b"koly\x00\x00\x00\x04", "an Apple disk image (DMG)", _CONVERT),)


def refuse_foreign(head: bytes, tail: bytes) -> None:
    """Raise when the bytes are a known format that this version does not read.

    ``head`` and ``tail`` are the first and the last bytes (512 of them) of the file.

    Raises:
        UnsupportedError: naming the format; its hint is the command that converts it.
    """
    for known, data in [*((magic, head) for magic in HEAD_MAGICS), *((magic, tail) for magic in TAIL_MAGICS)]:
        if data.startswith(known.magic, known.offset):
            raise UnsupportedError(f"this is {known.name}, which is not read directly", hint=known.hint)
