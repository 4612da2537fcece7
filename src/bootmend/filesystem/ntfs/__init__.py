"""NTFS: reading, and overwriting a file where it lies."""

from bootmend.filesystem.ntfs.tree import NtfsTree

__all__ = ["NtfsTree"]
