"""The file of a driver, and whether it can be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootmend.filesystem import FileTree
    from bootmend.machine.windows import Service, WindowsInstallation

DRIVERS = "System32\\drivers"
#: how an ``ImagePath`` may name the Windows directory; the loader and the kernel know no other variables
ROOTS = ("\\systemroot\\", "%systemroot%\\", "%windir%\\")


def driver_file(installation: WindowsInstallation, service: Service) -> str | None:
    """The path on the volume of a driver's file; None where its ``ImagePath`` names another volume.

    Without an ``ImagePath`` it is ``System32\\drivers\\NAME.sys`` (Windows driver documentation, HKLM\\...\\Services).
    """
    path = service.image_path.strip().strip('"').replace("/", "\\")
    if not path:
        return installation.path(f"{DRIVERS}\\{service.name}.sys")
    lower = path.lower()
    for root in ROOTS:
        if lower.startswith(root):
            return installation.path(path[len(root) :])
    path = path.removeprefix("\\??\\")
    if path[1:3] == ":\\":
        return path[2:] if path[2:].lower().startswith(installation.root.lower() + "\\") else None
    if path.startswith("\\") or "%" in path:
        return None
    return installation.path(path)


def why_no_program(tree: FileTree, path: str) -> str:
    """Why a file cannot be loaded as a program, in a few words; empty where nothing speaks against it."""
    entry = tree.lookup(path)
    if entry is None:
        return "not there"
    if entry.is_directory:
        return "a directory"
    if entry.size == 0:
        return "0 bytes"
    if tree.open(path).read_at(0, min(2, entry.size)) != b"MZ":
        return f"{entry.size} bytes that are no program"
    return ""


def has_drivers(installation: WindowsInstallation) -> bool:
    """Whether the folder of drivers can be looked into: in a folder with only some files of a Windows it is missing."""
    return installation.volume.tree.exists(installation.path(DRIVERS))
