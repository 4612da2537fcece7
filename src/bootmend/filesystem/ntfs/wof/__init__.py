"""CompactOS (WOF): files that Windows keeps compressed in a stream of their own."""

from bootmend.filesystem.ntfs.wof.content import WofContent

__all__ = ["WofContent"]
