"""Operations: the kinds of change a repair is made of, one file each.

An operation is a value.  ``do(workspace)`` makes the change on the overlay and returns what a
person should read about it; doing it twice changes nothing more and returns nothing.
"""

from bootmend.operations.base import Operation
from bootmend.operations.create_object import CreateObject
from bootmend.operations.delete_element import DeleteElement
from bootmend.operations.delete_value import DeleteValue
from bootmend.operations.discard_hibernation import DiscardHibernation
from bootmend.operations.set_disk_id import SetDiskId
from bootmend.operations.set_element import SetElement
from bootmend.operations.set_value import SetValue

__all__ = [
    "CreateObject",
    "DeleteElement",
    "DeleteValue",
    "DiscardHibernation",
    "Operation",
    "SetDiskId",
    "SetElement",
    "SetValue",
]
