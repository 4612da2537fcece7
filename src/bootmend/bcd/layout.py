"""The bytes of a device value, and the keys of a store.

All offsets of a device value count from its *descriptor*, which follows the 16-byte id of the object
with additional options; nested descriptors come without that id.  All numbers are little endian.
Sources: measurements on 377 values of 40 stores; names from the public headers of the boot library;
the form of a virtual disk from a published script (``docs/formats/bcd.md``).
"""

from __future__ import annotations

from struct import Struct

# -- the store -------------------------------------------------------------------------------------
OBJECTS = "Objects"
DESCRIPTION = "Description"
ELEMENTS = "Elements"
TYPE_VALUE = "Type"
ELEMENT_VALUE = "Element"

# -- a device value ----------------------------------------------------------------------------------
OPTIONS_SIZE = 16
DESCRIPTOR_HEAD = Struct("<IIII")
"""device type, flags, size of the descriptor, 0"""
HEAD_SIZE = 16
FIXED_SIZE = 0x48
"""size of the descriptor of a boot or partition device"""

LOCAL = 0
BOOT = 5
PARTITION = 6
VMBUS = 7
LOCATE = 8

# -- partition: after the head -------------------------------------------------------------------------
PARTITION_BODY = Struct("<16sII16s")
"""partition (GPT: its GUID; MBR: u64 byte offset), kind of disk, scheme, disk (GPT: its GUID; MBR: u32 signature)"""
PARTITION_PARENT = HEAD_SIZE + PARTITION_BODY.size
MBR_PARTITION = Struct("<QQ")
MBR_DISK = Struct("<I12x")
HARD_DISK = 0
VIRTUAL_DISK = 6
GPT = 0
MBR = 1
NO_PARENT = bytes(16)

# -- local device: after the head -------------------------------------------------------------------------
RAMDISK = 3
FILE = 5
RAMDISK_BODY = Struct("<IQQI")
"""subtype, image base, image size, image offset"""
RAMDISK_FLAGS = 1
RAMDISK_PATH = HEAD_SIZE + RAMDISK_BODY.size
FILE_PATH = HEAD_SIZE + 4

# -- path block: version 1, length counted from its own begin, path type 5, parent descriptor, path ---------
PATH_BLOCK = Struct("<III")
PATH_VERSION = 1
PATH_TYPE = 5

# -- locate: after the head --------------------------------------------------------------------------------
LOCATE_BODY = Struct("<III")
"""kind, element id, offset of a parent"""
LOCATE_PATH = HEAD_SIZE + LOCATE_BODY.size
BY_ELEMENT = 0
BY_PATH = 1

VALUE_LIMIT = 0x10000
"""a device value longer than this is not taken apart"""
NESTING_LIMIT = 8
