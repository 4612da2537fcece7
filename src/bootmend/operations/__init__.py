"""Operations: the kinds of change a repair is made of, one file each.

An operation is a value.  ``do(workspace)`` makes the change on the overlay and returns what a
person should read about it; doing it twice changes nothing more and returns nothing.
"""

from bootmend.operations.base import Operation
from bootmend.operations.copy_boot_code import CopyBootCode
from bootmend.operations.copy_file import CopyFile
from bootmend.operations.create_object import CreateObject
from bootmend.operations.delete_element import DeleteElement
from bootmend.operations.delete_file import DeleteFile
from bootmend.operations.delete_object import DeleteObject
from bootmend.operations.delete_value import DeleteValue
from bootmend.operations.discard_hibernation import DiscardHibernation
from bootmend.operations.restore_boot_sector import RestoreBootSector
from bootmend.operations.set_active_partition import SetActivePartition
from bootmend.operations.set_boot_signature import SetBootSignature
from bootmend.operations.set_disk_id import SetDiskId
from bootmend.operations.set_element import SetElement
from bootmend.operations.set_hidden_sectors import SetHiddenSectors
from bootmend.operations.set_partition_type import SetPartitionType
from bootmend.operations.set_value import SetValue
from bootmend.operations.write_boot_code import WriteBootCode
from bootmend.operations.write_gpt_copy import WriteGptCopy
from bootmend.operations.write_store import WriteStore

__all__ = [
    "CopyBootCode",
    "CopyFile",
    "CreateObject",
    "DeleteElement",
    "DeleteFile",
    "DeleteObject",
    "DeleteValue",
    "DiscardHibernation",
    "Operation",
    "RestoreBootSector",
    "SetActivePartition",
    "SetBootSignature",
    "SetDiskId",
    "SetElement",
    "SetHiddenSectors",
    "SetPartitionType",
    "SetValue",
    "WriteBootCode",
    "WriteGptCopy",
    "WriteStore",
]
