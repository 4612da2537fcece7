"""File trees: the files of a volume, or of a directory on this computer.

``filesystem.open_volume(source)`` names the file system of a volume and opens it.
"""

from bootmend.filesystem.tree import (
    Anchor,
    Attribute,
    Entry,
    File,
    FileTree,
    Obstacle,
    normalise,
    split_path,
)

__all__ = ["Anchor", "Attribute", "Entry", "File", "FileTree", "Obstacle", "normalise", "split_path"]
