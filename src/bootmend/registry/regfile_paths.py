"""Key paths as Windows writes them, and where they lead inside one hive.

A hive file does not know where Windows mounts it.  A path may begin as in Windows (``HKLM\\SYSTEM\\Select``,
``HKEY_LOCAL_MACHINE\\SYSTEM\\Select``, PowerShell's ``HKLM:\\SYSTEM\\Select``): the root and the mount point are then taken
off, and a mount point that belongs to another kind of hive is an error.  ``CurrentControlSet``, which is no key on disk, is the
control set that the hive's own ``Select`` names.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from bootmend.errors import BootmendError, MissingError, UsageError

if TYPE_CHECKING:
    from bootmend.registry.hive import Hive

ROOTS: Final = {
    "HKLM": "HKLM",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKU": "HKU",
    "HKEY_USERS": "HKU",
    "HKCU": "HKCU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKCR": "HKCR",
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKCC": "HKCC",
    "HKEY_CURRENT_CONFIG": "HKCC",
}
MACHINE_HIVES: Final = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "COMPONENTS", "DRIVERS")
BCD_MOUNT: Final = "BCD00000000"
CURRENT: Final = "CurrentControlSet"
_MARKS: Final = (
    ("SYSTEM", ("Select",)),
    ("BCD", ("Description", "Objects")),
    ("SOFTWARE", ("Microsoft", "Classes")),
    ("SAM", ("SAM",)),
    ("SECURITY", ("Policy",)),
    ("COMPONENTS", ("DerivedData",)),
    ("DRIVERS", ("DriverDatabase",)),
    ("NTUSER", ("Control Panel", "Environment")),
    ("UsrClass", ("Local Settings",)),
)
_MOUNTED: Final = {
    **{name: f"HKEY_LOCAL_MACHINE\\{name}" for name in MACHINE_HIVES},
    "BCD": f"HKEY_LOCAL_MACHINE\\{BCD_MOUNT}",
    "NTUSER": "HKEY_CURRENT_USER",
    "UsrClass": "HKEY_CURRENT_USER\\Software\\Classes",
}
UNKNOWN_MOUNT: Final = "HKEY_LOCAL_MACHINE\\OFFLINE"


def kind_of(hive: Hive) -> str:
    """Return what a hive is, told from the keys below its root (``SYSTEM``, ``BCD``, ``NTUSER`` ...), or "" if unknown."""
    try:
        root = hive.root
        return next((kind for kind, marks in _MARKS if all(root.subkey(mark) for mark in marks)), "")
    except BootmendError:
        return ""


def mount_of(hive: Hive) -> str:
    """Return where Windows shows such a hive; one of no known kind lies under a name of ours."""
    return _MOUNTED.get(kind_of(hive), UNKNOWN_MOUNT)


def hive_named(path: str) -> str:
    """Return the hive that a path as Windows writes it belongs to: ``SYSTEM``, ``DEFAULT``, ``BCD``; "" where it does not say."""
    root, mount, _ = _split(path)
    name = mount.upper()
    if root == "HKLM" and name in MACHINE_HIVES:
        return name
    if root == "HKLM" and name.startswith("BCD"):
        return "BCD"
    if root == "HKU" and name == ".DEFAULT":
        return "DEFAULT"
    if root == "HKCR":
        return "SOFTWARE"
    return "SYSTEM" if root == "HKCC" else ""


class Paths:
    """Resolves many paths in one hive: its kind and its control set are found out once, and stay what they were."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._own: dict[str, bool] = {}

    def _is_own(self, name: str) -> bool:
        """Whether the hive itself has a key below its root that is called as Windows' roots are."""
        if name not in self._own:
            self._own[name] = self._hive.root.subkey(name) is not None
        return self._own[name]

    @cached_property
    def kind(self) -> str:
        """What the hive is."""
        return kind_of(self._hive)

    @cached_property
    def _control_set(self) -> str:
        return control_set(self._hive)

    @cached_property
    def _has_select(self) -> bool:
        root = self._hive.root
        return root.subkey(CURRENT) is None and root.subkey("Select") is not None

    def resolve(self, path: str) -> str:
        """Return the path below the hive's root that a path as people write it means.

        Raises:
            UsageError: it belongs to another hive.
            MissingError: ``CurrentControlSet`` where ``Select`` does not say which that is.
        """
        text = path.strip("\\")
        root, mount, rest = _split(text)
        if root and not self._is_own(text.partition("\\")[0]):
            text = self._below_mount(root, mount, rest, path)
        head, _, rest = text.partition("\\")
        if head.lower() == CURRENT.lower() and self._has_select:
            return f"{self._control_set}\\{rest}" if rest else self._control_set
        return text

    def _below_mount(self, root: str, mount: str, rest: str, path: str) -> str:
        """Take off root and mount point, if this can be the hive that is mounted there."""
        wanted = hive_named(path)
        if self.kind and wanted and wanted not in {self.kind, "DEFAULT"}:
            raise UsageError(
                f"{path} is in the hive {wanted}, and this hive is {self.kind}",
                hint="name the other hive, or leave out where Windows shows it",
            )
        if root == "HKCR" and self.kind == "SOFTWARE":
            return f"Classes\\{rest}" if rest else "Classes"
        if root == "HKCC":
            return f"{CURRENT}\\Hardware Profiles\\Current\\{rest}".rstrip("\\")
        if root == "HKCU" and self.kind == "UsrClass":
            classes = "software\\classes"
            return rest[len(classes) :].strip("\\") if rest.lower().startswith(classes) else rest
        if root == "HKLM" and not mount:
            raise UsageError(f"{path} names no hive", hint="write it like HKLM\\SYSTEM\\Select, or from the hive's root")
        return rest


def resolve_path(hive: Hive, path: str) -> str:
    """Return the path below the hive's root that one path means; see :meth:`Paths.resolve`."""
    return Paths(hive).resolve(path)


def control_set(hive: Hive) -> str:
    """Return the name of the control set that a SYSTEM hive's ``Select`` calls the current one.

    Raises:
        MissingError: it names none, or one that is not there.
    """
    select = hive.key("Select")
    current = select.value("Current") if select else None
    if current is None:
        raise MissingError("Select\\Current is missing, so there is no CurrentControlSet")
    name = f"ControlSet{current.integer():03d}"
    if hive.key(name) is None:
        raise MissingError(f"Select\\Current names {name}, which is not there")
    return name


def _split(path: str) -> tuple[str, str, str]:
    """Return root, mount point and the rest of a path that begins as in Windows; else "" and the path."""
    head, _, rest = path.strip("\\").partition("\\")
    root = ROOTS.get(head.upper().removesuffix(":"), "")
    if not root:
        return "", "", path
    if root in {"HKLM", "HKU"}:
        mount, _, rest = rest.partition("\\")
        return root, mount, rest
    return root, "", rest


def below_prefix(path: str, prefix: str) -> str:
    """Return a path without the name that the hive's root has in a ``.reg`` file.

    Raises:
        UsageError: it does not begin with that name.
    """
    prefix = prefix.strip("\\")
    path = path.strip("\\")
    if not prefix:
        return path
    if path.lower() == prefix.lower():
        return ""
    if not path.lower().startswith(prefix.lower() + "\\"):
        raise UsageError(f"the key {path} does not lie below {prefix}")
    return path[len(prefix) + 1 :]
