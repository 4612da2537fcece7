"""Registry hives (regf): read, edit, recover from logs, check."""

from bootmend.registry.base import BaseBlock, is_hive
from bootmend.registry.check import Violation, check, check_buffer, new_violations
from bootmend.registry.commit import Commit
from bootmend.registry.editor import HiveEditor
from bootmend.registry.hive import Hive
from bootmend.registry.keys import Key
from bootmend.registry.layout import KeyFlag, ValueType
from bootmend.registry.recover import Recovery, recover
from bootmend.registry.upcase import upcase
from bootmend.registry.values import Value

__all__ = [
    "BaseBlock",
    "Commit",
    "Hive",
    "HiveEditor",
    "Key",
    "KeyFlag",
    "Recovery",
    "Value",
    "ValueType",
    "Violation",
    "check",
    "check_buffer",
    "is_hive",
    "new_violations",
    "recover",
    "upcase",
]
