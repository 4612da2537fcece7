"""A directory or drive letter of this computer as a file tree."""

from bootmend.filesystem.host.tree import HostTree

__all__ = ["HostTree"]
