"""The base block: the first page of a hive file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, TruncatedError, UnsupportedError
from bootmend.registry.layout import (
    BASE_CHECKSUM,
    BASE_FLAGS,
    BASE_HEAD,
    BASE_NAME,
    BASE_NAME_SIZE,
    BASE_RMTM,
    BASE_SIZE,
    FLAG_TRANSACTION_LOCKED,
    REGF,
    checksum,
)

if TYPE_CHECKING:
    from bootmend.source import Source

SECTOR = 512
"""All fields of the base block that mean anything on disk are in its first sector."""
LARGEST_MINOR = 6
LARGEST_BINS = 1 << 31
LOG_TYPES = (1, 2, 6)


class BaseBlock(NamedTuple):
    """The fields of a base block.

    ``written`` is a FILETIME (100 ns since 1601, UTC; not kept up since Windows 8.1), ``root`` a cell
    offset, ``bins_size`` in bytes, ``name`` the last 31 characters of the path Windows loaded it from
    (or remnants).  ``flags`` are 0 unless the block carries the ``rmtm`` mark: older Windows leave
    garbage there.
    """

    sequence1: int
    sequence2: int
    written: int
    major: int
    minor: int
    type: int
    format: int
    root: int
    bins_size: int
    clustering: int
    name: str
    flags: int
    checksum_ok: bool

    @property
    def dirty(self) -> bool:
        """Whether the last flush did not finish: unequal sequences or a wrong checksum."""
        return not self.checksum_ok or self.sequence1 != self.sequence2

    @property
    def transaction_locked(self) -> bool:
        """Whether the transaction manager has pending work (``TxR`` files) for this hive."""
        return bool(self.flags & FLAG_TRANSACTION_LOCKED)


def parse_base(sector: bytes | bytearray) -> BaseBlock:
    """Parse the first 512 bytes of a base block, judging none of its fields but the signature.

    Raises:
        CorruptError: the signature is not ``regf``.
    """
    signature, *fields = BASE_HEAD.unpack_from(sector)
    if signature != REGF:
        raise CorruptError(f"not a registry hive: it begins with {bytes(signature)!r}, not b'regf'", at="base block")
    name = bytes(sector[BASE_NAME : BASE_NAME + BASE_NAME_SIZE]).decode("utf-16-le", "replace").split("\0", 1)[0]
    marked = sector[BASE_RMTM : BASE_RMTM + 4] == b"rmtm"
    flags = int.from_bytes(sector[BASE_FLAGS : BASE_FLAGS + 4], "little") if marked else 0
    stored = int.from_bytes(sector[BASE_CHECKSUM : BASE_CHECKSUM + 4], "little")
    return BaseBlock._make((*fields, name, flags, stored == checksum(sector)))


def read_base(source: Source) -> BaseBlock:
    """Read and judge the base block of a primary hive file.

    Raises:
        TruncatedError: the file is empty or shorter than a base block.
        CorruptError: not a hive, or fields that no hive has.
        UnsupportedError: a transaction log, or a version that is not known.
    """
    if source.size < BASE_SIZE:
        length = "is empty" if source.size == 0 else f"has only {source.size} bytes"
        raise TruncatedError(f"not a registry hive: the file {length}", at="base block")
    base = parse_base(source.read_at(0, SECTOR))
    judge_version(base)
    if base.bins_size % BASE_SIZE or not 0 < base.bins_size < LARGEST_BINS:
        raise CorruptError(f"impossible size of hive bins: {base.bins_size:#x}", at="base block")
    return base


def judge_version(base: BaseBlock) -> None:
    """Refuse what is no primary hive file of a known version.

    Raises:
        UnsupportedError: a transaction log, or an unknown version.
        CorruptError: a type or format that no hive has.
    """
    if base.type in LOG_TYPES:
        raise UnsupportedError("this is a transaction log, not a hive", at="base block")
    if base.major != 1 or base.minor > LARGEST_MINOR:
        raise UnsupportedError(f"hive version {base.major}.{base.minor} is not known", at="base block")
    if base.type or base.format != 1:
        raise CorruptError(f"type {base.type} and format {base.format} instead of 0 and 1", at="base block")


def is_hive(source: Source) -> bool:
    """Whether a source begins as a primary hive file does; reads one sector, judges nothing else."""
    if source.size < BASE_SIZE:
        return False
    head = source.read_at(0, BASE_HEAD.size)
    signature, _, _, _, major, _, kind, *_ = BASE_HEAD.unpack(head)
    return bool(signature == REGF and major == 1 and kind == 0)
