"""Give a disk its identity back: what BCD device elements name a disk by."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bootmend.errors import RefusedError, UsageError
from bootmend.partition.gpt import CRC_OFFSET, GUID_OFFSET, find_gpt, header_crc, read_copy
from bootmend.partition.mbr import MBR_SIZE, SIGNATURE_OFFSET
from bootmend.partition.read import read_partitions
from bootmend.partition.table import guid_bytes

if TYPE_CHECKING:
    from bootmend.partition.gpt import Header
    from bootmend.source.base import Source


def mbr_with_signature(mbr: bytes, signature: int) -> bytes:
    """Return the 512 bytes of ``mbr`` with another disk signature (32 bits).

    Raises:
        UsageError: not a sector, or a signature of 0 (Windows would replace it) or over 32 bits.
    """
    if len(mbr) != MBR_SIZE or not 0 < signature < 1 << 32:
        raise UsageError(f"{signature:#x} cannot be the signature of an MBR disk")
    return mbr[:SIGNATURE_OFFSET] + struct.pack("<I", signature) + mbr[SIGNATURE_OFFSET + 4 :]


def set_disk_id(disk: Source, disk_id: str) -> None:
    """Write ``disk_id`` ("0x5eed0067" on an MBR disk, "{guid}" on a GPT disk) through ``disk.write_at``.

    On GPT the backup header is written and flushed before the primary one, each with its checksum, so that
    one of the two is whole at any time; a backup that is already damaged is left alone.

    Raises:
        UsageError: the text is no id.
        RefusedError: an id of the other scheme, a disk without a table, or a damaged primary GPT.
        CorruptError: the table cannot be read.
    """
    table = read_partitions(disk)
    wants_gpt = "-" in disk_id
    if table.scheme != ("GPT" if wants_gpt else "MBR"):
        holds = {"none": "has no partition table", "MBR": "is an MBR disk", "GPT": "is a GPT disk"}[table.scheme]
        raise RefusedError(f"the disk {holds}: {disk_id} cannot be its id")
    if wants_gpt:
        _set_guid(disk, table.sector, guid_bytes(disk_id))
    else:
        changed = mbr_with_signature(disk.read_at(0, MBR_SIZE), _signature(disk_id))
        disk.write_at(SIGNATURE_OFFSET, changed[SIGNATURE_OFFSET : SIGNATURE_OFFSET + 4])


def _signature(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise UsageError(f"{text} is neither an MBR signature nor a GUID") from None


def _set_guid(disk: Source, sector: int, guid: bytes) -> None:
    found = find_gpt(disk, sector)
    primary = found[1].header if found is not None else None
    if primary is None:
        raise RefusedError("the primary GPT is damaged: it has to be restored before the disk's id is changed", at="GPT")
    backup = read_copy(disk, sector, primary.other).header
    if backup is not None:
        disk.write_at(backup.lba * sector, _with_guid(backup, guid))
        disk.barrier()
    disk.write_at(primary.lba * sector, _with_guid(primary, guid))


def _with_guid(header: Header, guid: bytes) -> bytes:
    raw = bytearray(header.raw)
    raw[GUID_OFFSET : GUID_OFFSET + 16] = guid
    struct.pack_into("<I", raw, CRC_OFFSET, header_crc(bytes(raw), len(raw)))
    return bytes(raw)
