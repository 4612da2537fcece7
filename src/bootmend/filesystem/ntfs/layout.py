"""The bytes of an NTFS volume: offsets, constants and record formats.

Sources of the facts: the Linux-NTFS project's documentation (R. Russon, Y. Fledel, "NTFS
Documentation"), [MS-FSCC] for attributes and reparse data, and measurements on volumes made by
Windows that ``docs/formats/ntfs.md`` names.  All numbers are little endian.
"""

from __future__ import annotations

from struct import Struct

# -- boot sector --------------------------------------------------------------------------------
BOOT_SIZE = 512
BOOT_SIGNATURE = b"NTFS    "
BOOT_SIGNATURE_AT = 3
BOOT = Struct("<11xHB26xQQQbxxxbxxxQ")
"""bytes a sector, sectors a cluster, sectors, cluster of $MFT, cluster of $MFTMirr, size of a file
record, size of an index block (both: clusters, or minus log2 of the bytes), serial number"""
MAX_CLUSTER = 2 << 20
MAX_RECORD = 64 << 10

# -- records guarded by an update sequence ---------------------------------------------------------
STRIDE = 512
"""An update sequence guards the last two bytes of every 512, whatever the sector size is."""
UPDATE_SEQUENCE = Struct("<HH")
UPDATE_SEQUENCE_AT = 4
"""offset of the array, its length in words (the number itself, then one word a stride)"""
FILE_MAGIC, INDEX_MAGIC, BAD_MAGIC = b"FILE", b"INDX", b"BAAD"
RESTART_MAGIC, CHECKED_MAGIC, PAGE_MAGIC = b"RSTR", b"CHKD", b"RCRD"

# -- file record ------------------------------------------------------------------------------------
RECORD_HEAD = Struct("<16xHHHHIIQ")
"""sequence number, links, first attribute, flags, bytes in use, bytes allocated, base record reference"""
RECORD_HEAD_SIZE = 0x2A
RECORD_IN_USE, RECORD_IS_DIRECTORY = 0x1, 0x2
REFERENCE_MASK = (1 << 48) - 1
MFT_RECORD, MFT_MIRROR, LOG_FILE, VOLUME_RECORD, ROOT, BITMAP_RECORD, UPCASE_RECORD = 0, 1, 2, 3, 5, 6, 10
FIRST_FREE_RECORD = 16
"""Records below are the file system's own; 16 to 23 are spare."""

# -- attributes --------------------------------------------------------------------------------------
STANDARD_INFORMATION, ATTRIBUTE_LIST, FILE_NAME = 0x10, 0x20, 0x30
VOLUME_NAME, VOLUME_INFORMATION, DATA = 0x60, 0x70, 0x80
INDEX_ROOT, INDEX_ALLOCATION, BITMAP, REPARSE_POINT = 0x90, 0xA0, 0xB0, 0xC0
OBJECT_ID, SECURITY_DESCRIPTOR = 0x40, 0x50
END_OF_ATTRIBUTES = 0xFFFFFFFF
ATTRIBUTE_HEAD = Struct("<IIBBHHH")
"""type, length, non-resident, name length, name offset, flags, instance"""
RESIDENT = Struct("<16xIH")
"""value length, value offset"""
NON_RESIDENT = Struct("<16xQQHH4xQQQ")
"""lowest VCN, highest VCN, run list offset, log2 of the compression unit, allocated, size, valid data length"""
NON_RESIDENT_SIZE = 0x40
COMPRESSION_MASK, ENCRYPTED, SPARSE = 0x00FF, 0x4000, 0x8000
LZNT1 = 1
LIST_ENTRY = Struct("<IHBBQQH")
"""attribute type, entry length, name length, name offset, lowest VCN, record reference, instance"""
LIST_ENTRY_SIZE = 0x1A
MAX_ATTRIBUTE_LIST = 256 << 10
"""Windows keeps an attribute list within 256 KiB."""

STANDARD = Struct("<QQQQI")
"""created, modified, record changed, read (FILETIMEs), attributes"""
NAME = Struct("<QQQQQQQIIBB")
"""parent reference, created, modified, record changed, read, allocated, size, attributes, reparse tag, length, namespace"""
NAME_SIZE = 66
NAME_IS_DIRECTORY = 0x10000000
DOS_NAMESPACE = 2
VOLUME_INFO = Struct("<8xBBH")
"""major version, minor version, flags"""
VOLUME_DIRTY = 0x1

# -- indexes -----------------------------------------------------------------------------------------
FILE_NAMES_INDEX = "$I30"
COLLATE_FILE_NAMES = 1
INDEX_ROOT_HEAD = Struct("<III")
"""indexed attribute, collation rule, bytes of an index block"""
INDEX_ROOT_HEAD_SIZE = 16
BLOCK_VCN_AT = 0x10
BLOCK_NODE_AT = 0x18
NODE = Struct("<IIII")
"""first entry, end of entries, end of the node (all from the node's own start), flags"""
INDEX_ENTRY = Struct("<QHHH")
"""file reference, entry length, key length, flags"""
INDEX_ENTRY_SIZE = 16
ENTRY_HAS_CHILD, ENTRY_IS_LAST = 0x1, 0x2
MAX_DEPTH = 24
"""Deeper than any tree: a block of 512 bytes holds a key at least, and 2**24 blocks are too many."""

# -- reparse points ([MS-FSCC] 2.1.2) ------------------------------------------------------------------
REPARSE_HEAD = Struct("<IHxx")
"""tag, length of the data"""
TAG_MOUNT_POINT, TAG_SYMLINK, TAG_WOF = 0xA0000003, 0xA000000C, 0x80000017
TAG_IS_NAME_SURROGATE = 0x20000000
