"""A small program with a version resource, imports and room for a signature; ``pefile`` reads the same in test_pe.py."""

from __future__ import annotations

from struct import pack

TEXT, RSRC = 0x1000, 0x2000
RAW_TEXT, RAW_RSRC = 0x400, 0x800
LENGTH = 0xC00


def _block(key: str, value: bytes, kind: int, *children: bytes) -> bytes:
    head = 6 + 2 * len(key) + 2
    body = key.encode("utf-16-le") + b"\0\0"
    body += bytes(-head % 4) + value
    for child in children:
        body += bytes(-(len(body) + 6) % 4) + child
    length = len(value) // 2 if kind == 1 else len(value)
    return pack("<HHH", 6 + len(body), length, kind) + body


def version_block(file: tuple[int, int, int, int], texts: dict[str, str]) -> bytes:
    """VS_VERSIONINFO with one table of texts."""
    high, low = file[0] << 16 | file[1], file[2] << 16 | file[3]
    fixed = pack("<IIIIII", 0xFEEF04BD, 0x10000, high, low, high, low).ljust(52, b"\0")
    strings = [_block(name, text.encode("utf-16-le") + b"\0\0", 1) for name, text in texts.items()]
    table = _block("StringFileInfo", b"", 1, _block("040904B0", b"", 1, *strings))
    translation = _block("Translation", pack("<HH", 0x409, 0x4B0), 0)
    return _block("VS_VERSION_INFO", fixed, 0, table, _block("VarFileInfo", b"", 1, translation))


def _resources(version: bytes) -> bytes:
    def directory(entry: int, offset: int) -> bytes:
        return pack("<IIHHHH", 0, 0, 0, 0, 0, 1) + pack("<II", entry, offset)

    tree = directory(16, 1 << 31 | 24) + directory(1, 1 << 31 | 48) + directory(0x409, 72)
    return tree + pack("<IIII", RSRC + 88, len(version), 0, 0) + version


def program(
    *,
    version: bytes | None = None,
    imports: tuple[str, ...] = ("ntoskrnl.exe",),
    subsystem: int = 1,
    machine: int = 0x8664,
    signature: int = 0,
    checksum: int = 0,
    plus: bool = True,
) -> bytes:
    """The bytes of a PE32+ (or PE32) file of two sections; ``signature`` is the length of what stands at its end."""
    rows, names = b"", b""
    names_at = 20 * (len(imports) + 1)
    for name in imports:
        rows += pack("<IIIII", 0, 0, 0, TEXT + names_at + len(names), TEXT + 0x1F0)
        names += name.encode() + b"\0"
    thunks = pack("<QQ", 1 << 63 | 1, 0) if plus else pack("<IIII", 1 << 31 | 1, 0, 0, 0)  # by ordinal 1, and the end
    text = (rows + bytes(20) + names).ljust(0x1F0, b"\0") + thunks
    text = text.ljust(RAW_RSRC - RAW_TEXT, b"\0")
    resources = _resources(version) if version else b""
    directories = [(0, 0)] * 16
    directories[1] = (TEXT, names_at) if imports else (0, 0)
    directories[2] = (RSRC, len(resources)) if version else (0, 0)
    directories[4] = (LENGTH, signature) if signature else (0, 0)
    base = (0x10B, 28, "<III") if not plus else (0x20B, 24, "<QII")
    optional = pack("<HBBIIIII", base[0], 14, 0, 0x400, 0x400, 0, TEXT, TEXT)
    optional += pack("<IIII", 0, 0x400000, 0x1000, 0x200) if not plus else pack("<QII", 0x140000000, 0x1000, 0x200)
    optional += pack("<HHHHHHIIII", 10, 0, 10, 0, 10, 0, 0, 0x3000, 0x400, checksum) + pack("<HH", subsystem, 0x160)
    optional += pack("<IIII" if not plus else "<QQQQ", 0x40000, 0x1000, 0x100000, 0x1000) + pack("<II", 0, 16)
    optional += b"".join(pack("<II", *one) for one in directories)
    coff = pack("<HHIIIHH", machine, 2, 1_700_000_000, 0, 0, len(optional), 0x22)
    sections = pack("<8sIIIIIIHHI", b".text", 0x400, TEXT, RAW_RSRC - RAW_TEXT, RAW_TEXT, 0, 0, 0, 0, 0x60000020)
    sections += pack("<8sIIIIIIHHI", b".rsrc", 0x400, RSRC, LENGTH - RAW_RSRC, RAW_RSRC, 0, 0, 0, 0, 0x40000040)
    head = b"MZ".ljust(0x3C, b"\0") + pack("<I", 0x80)
    head = head.ljust(0x80, b"\0") + b"PE\0\0" + coff + optional + sections
    return head.ljust(RAW_TEXT, b"\0") + text + resources.ljust(LENGTH - RAW_RSRC, b"\0") + b"\x5a" * signature
