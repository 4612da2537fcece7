"""``MountedDevices`` of the SYSTEM hive: which volume Windows gave which drive letter."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bootmend.registry import Hive

PREFIX = "\\DosDevices\\"
_MBR = Struct("<IQ")
_GPT_MAGIC = b"DMIO:ID:"
_GUID = Struct("<IHH2s6s")
MOST = 64


class DriveLetter(NamedTuple):
    """One letter: ``C:``, and the volume it stands for.

    On an MBR disk ``disk_id`` is the disk's signature (``0x5eed0067``) and ``offset`` where the partition begins in bytes; on a
    GPT disk ``partition_id`` is the partition's own GUID.  ``device`` is the path of anything else (an optical drive).
    """

    letter: str
    disk_id: str = ""
    offset: int = 0
    partition_id: str = ""
    device: str = ""

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return self._asdict()


def drive_letters(system: Hive) -> list[DriveLetter]:
    """The letters, in their order.

    Raises:
        CorruptError: the hive is damaged there.
    """
    key = system.key("MountedDevices")
    found: list[DriveLetter] = []
    for value in key.values() if key else ():
        if value.name.startswith(PREFIX) and len(found) < MOST:
            found.append(parse_device(value.name.removeprefix(PREFIX), value.data))
    return sorted(found)


def parse_device(letter: str, data: bytes) -> DriveLetter:
    """What one value says: 12 bytes of an MBR partition, ``DMIO:ID:`` and a GUID, or a path in UTF-16."""
    if len(data) == _MBR.size:
        signature, offset = _MBR.unpack(data)
        return DriveLetter(letter, f"0x{signature:08x}", offset)
    if data.startswith(_GPT_MAGIC) and len(data) == len(_GPT_MAGIC) + _GUID.size:
        first, second, third, fourth, fifth = _GUID.unpack_from(data, len(_GPT_MAGIC))
        return DriveLetter(letter, partition_id=f"{{{first:08x}-{second:04x}-{third:04x}-{fourth.hex()}-{fifth.hex()}}}")
    return DriveLetter(letter, device=data.decode("utf-16-le", "replace").rstrip("\0"))
