"""Images whose blocks are small, as those of qcow2 and VMDK: neighbours in the file are read at once."""

from __future__ import annotations

from abc import abstractmethod

from bootmend.image.blocks import BlockImage


class ClusterImage(BlockImage):
    """A :class:`~bootmend.image.blocks.BlockImage` that reads a megabyte in one piece where it lies in one piece."""

    @abstractmethod
    def alike(self, block: int, most: int) -> int:
        """How many blocks from ``block`` on, at most ``most``, one run can stand for; 1 where that is not known.

        They follow one another in the file, or none of them is in it.
        """

    def read_at(self, offset: int, length: int) -> bytes:
        """Read through the table; what is nowhere reads as zeros.

        Raises:
            CorruptError: a table entry points outside the file or into another block.
            TruncatedError: the range is not inside the disk.
        """
        self.check_range(offset, length)
        parts: list[bytes] = []
        while length:
            block, inside = divmod(offset, self.block_size)
            alike = self.alike(block, -(-(inside + length) // self.block_size))
            count = min(length, alike * self.block_size - inside)
            runs = self.block_runs(block, inside, min(count, self.block_size - inside))
            parts += [self._read_run(run) for run in (runs if alike == 1 else [runs[0]._replace(length=count)])]
            offset, length = offset + count, length - count
        return parts[0] if len(parts) == 1 else b"".join(parts)


def steps(entries: tuple[int, ...], step: int) -> int:
    """How many entries of a table, from the first on, are each larger by ``step`` than the one before."""
    expected = entries[0]
    for count, entry in enumerate(entries):
        if entry != expected:
            return count
        expected += step
    return len(entries)
