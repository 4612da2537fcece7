"""Partitions: volumes inside a disk.

:func:`read_partitions` reads MBR and GPT tables, checks them, and takes a disk without a table, whose
file system begins at its first byte, for one partition.  :func:`set_disk_id` writes a disk's identity.
"""

from bootmend.partition.identity import mbr_with_signature, set_disk_id
from bootmend.partition.read import looks_like_gpt, read_partitions
from bootmend.partition.table import Partition, PartitionTable, TableFault, type_name

__all__ = [
    "Partition",
    "PartitionTable",
    "TableFault",
    "looks_like_gpt",
    "mbr_with_signature",
    "read_partitions",
    "set_disk_id",
    "type_name",
]
