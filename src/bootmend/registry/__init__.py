"""Registry hives (regf): read, edit, recover from logs, check."""

from bootmend.registry.base import BaseBlock, is_hive
from bootmend.registry.hive import Hive
from bootmend.registry.keys import Key
from bootmend.registry.layout import KeyFlag, ValueType
from bootmend.registry.upcase import upcase
from bootmend.registry.values import Value

__all__ = ["BaseBlock", "Hive", "Key", "KeyFlag", "Value", "ValueType", "is_hive", "upcase"]
