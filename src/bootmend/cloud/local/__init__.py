"""The provider of disks that lie in folders of this computer: the disks of a fleet, found by name, pattern or list."""

from bootmend.cloud.local.disks import SUFFIXES, LocalDisk, find_disks

__all__ = ["SUFFIXES", "LocalDisk", "find_disks"]
