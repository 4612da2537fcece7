"""The bytes of a registry hive (regf): offsets, constants and record formats.

Source of the facts: M. Suhanov, "Windows registry file format specification" (2018, CC BY 4.0),
and measurements on the hives named in ``docs/formats/regf.md``.  Cell offsets count from the first
hive bin, which begins at :data:`BASE_SIZE` in the file.  All numbers are little endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct

BASE_SIZE = 4096
"""The base block fills one page; hive bins follow."""
PAGE = 4096
NIL = 0xFFFFFFFF
"""The offset that means "none"."""

# -- base block: offsets in the file ------------------------------------------------------------
REGF = b"regf"
BASE_SEQUENCE_1 = 4
BASE_SEQUENCE_2 = 8
BASE_WRITTEN = 12
BASE_MAJOR = 20
BASE_MINOR = 24
BASE_TYPE = 28
BASE_FORMAT = 32
BASE_ROOT = 36
BASE_BINS_SIZE = 40
BASE_CLUSTERING = 44
BASE_NAME = 48
BASE_NAME_SIZE = 64
BASE_FLAGS = 144
BASE_RMTM = 164
BASE_CHECKSUM = 508
BASE_HEAD = Struct("<4sIIQIIIIIII")
"""signature, sequence 1, sequence 2, written (FILETIME), major, minor, type, format, root, bins size, clustering"""
FLAG_TRANSACTION_LOCKED = 1

# -- hive bin ------------------------------------------------------------------------------------
HBIN = b"hbin"
BIN_HEADER_SIZE = 32
BIN_HEAD = Struct("<4sII8xQI")
"""signature, offset from the first bin, size, timestamp (first bin only), spare"""

# -- cells ---------------------------------------------------------------------------------------
CELL_SIZE = Struct("<i")
"""negative: allocated; the size includes these four bytes and is a multiple of 8"""
CELL_HEADER = 4

# -- key node (nk): offsets inside the cell's data -------------------------------------------------
NK = b"nk"
NK_SIZE = 76
NK_HEAD = Struct("<2sHQIIIIIIIIIIIIIIIHH")
"""signature, flags, written, access bits, parent, subkeys, volatile subkeys, subkey list, volatile list,
values, value list, security, class, largest subkey name (with flags in the high word), largest class,
largest value name, largest value data, work, name length, class length"""
NK_FLAGS = 2
NK_WRITTEN = 4
NK_ACCESS = 12
NK_PARENT = 16
NK_SUBKEYS = 20
NK_VOLATILE_SUBKEYS = 24
NK_SUBKEY_LIST = 28
NK_VOLATILE_LIST = 32
NK_VALUES = 36
NK_VALUE_LIST = 40
NK_SECURITY = 44
NK_CLASS = 48
NK_LARGEST_SUBKEY_NAME = 52
NK_LARGEST_CLASS = 56
NK_LARGEST_VALUE_NAME = 60
NK_LARGEST_VALUE_DATA = 64
NK_WORK = 68
NK_NAME_LENGTH = 72
NK_CLASS_LENGTH = 74
NK_NAME = 76


NK_CELL = Struct("<i2sH68xH")
"""what finding and naming a key takes: cell size, signature, flags, name length"""
NK_COUNT_AND_LIST = Struct("<I4xI")
"""at :data:`NK_SUBKEYS`: number of subkeys and offset of their list"""
NK_FLAGS_AND_VALUES = Struct("<H32xII")
"""at :data:`NK_FLAGS`: flags, number of values, offset of their list"""
NK_LAYERED = NK_ACCESS + 1
"""the byte of the access bits that layered keys (minor version 6) use"""


class KeyFlag(IntFlag):
    """Flags of a key node."""

    VOLATILE = 0x1
    HIVE_EXIT = 0x2
    HIVE_ENTRY = 0x4
    NO_DELETE = 0x8
    SYMLINK = 0x10
    COMPRESSED_NAME = 0x20
    PREDEFINED_HANDLE = 0x40
    VIRTUAL_SOURCE = 0x80
    VIRTUAL_TARGET = 0x100
    VIRTUAL_STORE = 0x200


# -- key value (vk) -------------------------------------------------------------------------------
VK = b"vk"
VK_SIZE = 20
VK_HEAD = Struct("<2sHIIIHH")
"""signature, name length, data length (bit 31: inline), data offset, type, flags, spare"""
VK_CELL = Struct("<i2sHIIIH")
"""what reading a value takes: cell size, signature, name length, data length, data offset, type, flags"""
VK_NAME_LENGTH = 2
VK_DATA_LENGTH = 4
VK_DATA_OFFSET = 8
VK_TYPE = 12
VK_FLAGS = 16
VK_NAME = 20
VK_COMPRESSED_NAME = 1
VK_TOMBSTONE = 2
INLINE = 0x80000000
INLINE_LIMIT = 4

# -- big data (db), in hives of minor version > 3 ---------------------------------------------------
DB = b"db"
DB_HEAD = Struct("<2sHI")
"""signature, segments, offset of the segment list"""
SEGMENT = 16344
"""bytes of data in one segment; longer values are split"""
SEGMENT_CELL = 16352
"""Windows gives every segment, the last one too, a cell of this size"""

# -- security (sk) ----------------------------------------------------------------------------------
SK = b"sk"
SK_HEAD = Struct("<2sHIIII")
"""signature, spare, next, previous, reference count, descriptor length"""
SK_SIZE = 20
SK_NEXT = 4
SK_PREVIOUS = 8
SK_REFERENCES = 12
SK_LENGTH = 16

# -- subkey lists -------------------------------------------------------------------------------------
LI = b"li"
LF = b"lf"
LH = b"lh"
RI = b"ri"
LIST_HEAD = Struct("<2sH")
LIST_HEAD_SIZE = 4


class ValueType(IntEnum):
    """Registry value types."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    DWORD_BIG_ENDIAN = 5
    LINK = 6
    MULTI_SZ = 7
    RESOURCE_LIST = 8
    FULL_RESOURCE_DESCRIPTOR = 9
    RESOURCE_REQUIREMENTS_LIST = 10
    QWORD = 11


def checksum(base: bytes | bytearray | memoryview) -> int:
    """Return the XOR-32 of the first 508 bytes of a base block, with its two exceptions (0 -> 1, -1 -> -2)."""
    result = 0
    for (word,) in _WORD.iter_unpack(bytes(base[:BASE_CHECKSUM])):
        result ^= word
    return {0: 1, NIL: NIL - 1}.get(result, result)


_WORD = Struct("<I")
