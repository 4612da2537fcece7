"""FAT12, FAT16 and FAT32: reading, and overwriting a file where it lies."""

from bootmend.filesystem.fat.tree import FatTree

__all__ = ["FatTree"]
