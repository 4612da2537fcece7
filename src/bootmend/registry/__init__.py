"""Registry hives (regf): read, edit, recover from logs, check.

Names are imported when they are first asked for: who reads a value pays for neither editor nor checker.
"""

# ruff: noqa: TC004 -- __all__ names what is only imported when asked for

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "BaseBlock": "base",
    "Commit": "commit",
    "Hive": "hive",
    "HiveEditor": "editor",
    "Key": "keys",
    "KeyFlag": "layout",
    "Recovery": "recover",
    "Value": "values",
    "ValueType": "layout",
    "Violation": "check",
    "check": "check",
    "check_buffer": "check",
    "is_hive": "base",
    "new_violations": "check",
    "recover": "recover",
    "upcase": "upcase",
}


class _Package(ModuleType):
    """The type of this package: importing the module ``check`` must not hide the function ``check`` of the same name."""

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{self.__name__}.{_HOMES[name]}"), name)
        setattr(self, name, found)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
