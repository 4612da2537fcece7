"""Sources: bytes that can be read at an offset.

Everything below the file trees is a stack of sources: a file, an image inside it, a partition
inside that.  Each knows how to find its bytes in the sources at the bottom (:meth:`Source.locate`),
which is how a change to a file becomes patches of the image that holds it.
"""

from bootmend.source.base import Extent, Source, Window
from bootmend.source.file import FileSource
from bootmend.source.memory import MemorySource
from bootmend.source.overlay import Overlay, Patch, StepClock

__all__ = [
    "Extent",
    "FileSource",
    "MemorySource",
    "Overlay",
    "Patch",
    "Source",
    "StepClock",
    "Window",
]
