"""What an encrypted volume says of itself: how it is encrypted, and what would unlock it.

Nothing here needs a key.  Sources: the libbde project's "BitLocker Drive Encryption (BDE) format specification"
(facts only); measured on the volumes of ``docs/formats/volumes.md``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError, CorruptError, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.source.base import Source

SIGNATURE = b"-FVE-FS-"
GUIDS = (bytes.fromhex("3bd66749292ed84a8399f6a339e3d001"), bytes.fromhex("3b4da89280dd0e4d9e4eb1e3284eaed8"))
"""The boot sector of Windows 7 and later; the second one while only used space is encrypted, or nothing any more."""
GUID_PLACES = ((160, 176), (424, 440))
"""Where the GUID is, and the offsets of the three copies of the metadata: of a fixed disk, of BitLocker To Go."""
VISTA_CLUSTER_AT = 0x38
BLOCK_HEAD_SIZE = 64
BLOCK_SIZE_AT, BLOCK_VERSION_AT = 8, 10
HEAD = Struct("<IIII16sIIQ")
"""bytes of the metadata, version, bytes of this head, the same again, volume id, next nonce, method, creation (FILETIME)"""
ENTRY = Struct("<HHHH")
"""bytes of the entry, its type, the type of its value, version"""
KEY = Struct("<16sQHH")
"""id, changed (FILETIME), unknown, protection"""
TYPE_MASTER_KEY, TYPE_DESCRIPTION = 2, 7
MAX_METADATA = 1 << 20

METHODS = {
    0x8000: "AES-CBC 128 with Elephant diffuser",
    0x8001: "AES-CBC 256 with Elephant diffuser",
    0x8002: "AES-CBC 128",
    0x8003: "AES-CBC 256",
    0x8004: "AES-XTS 128",
    0x8005: "AES-XTS 256",
}
PROTECTIONS = {
    0x0000: "clear key (protection is suspended)",
    0x0100: "TPM",
    0x0200: "startup key on a USB drive",
    0x0300: "TPM and network",
    0x0400: "TPM, PIN and startup key",
    0x0500: "TPM and PIN",
    0x0600: "TPM and startup key",
    0x0800: "recovery password (48 digits)",
    0x2000: "password",
}
CLEAR_KEY = 0


class Protector(NamedTuple):
    """One way to unlock a volume; ``id`` as Windows shows it."""

    id: str
    kind: str
    protection: int


class BitLocker(NamedTuple):
    """What the metadata say; ``volume_id`` as text."""

    method: str
    volume_id: str
    description: str
    protectors: tuple[Protector, ...]

    @property
    def suspended(self) -> bool:
        """Whether the key lies on the volume in the clear: measured boot then asks for nothing."""
        return any(protector.protection == CLEAR_KEY for protector in self.protectors)


def read_bitlocker(volume: Source) -> BitLocker:
    """Read the first sound copy of the metadata.

    Raises:
        CorruptError: this is no volume of BitLocker, or all copies are damaged.
    """
    boot = volume.read_at(0, min(volume.size, 512)).ljust(512, b"\0")
    problem: BootmendError = CorruptError("no copy of its metadata can be found", at="BitLocker")
    for offset in _places(boot):
        try:
            with place(f"BitLocker metadata at {offset:#x}"):
                return _parse(volume, offset)
        except BootmendError as error:
            problem = error
    raise problem


def _places(boot: bytes) -> Iterator[int]:
    for guid_at, offsets_at in GUID_PLACES:
        if boot[guid_at : guid_at + 16] in GUIDS:
            yield from Struct("<QQQ").unpack_from(boot, offsets_at)
            return
    if boot[3:11] == SIGNATURE:  # Vista names a cluster instead
        sector, clusters = int.from_bytes(boot[11:13], "little"), boot[13]
        yield int.from_bytes(boot[VISTA_CLUSTER_AT : VISTA_CLUSTER_AT + 8], "little") * sector * clusters


def _parse(volume: Source, offset: int) -> BitLocker:
    size = BLOCK_HEAD_SIZE + HEAD.size
    if not offset or offset + size > volume.size:
        raise CorruptError("it lies outside the volume")
    raw = volume.read_at(offset, size)
    if not raw.startswith(SIGNATURE):
        raise CorruptError("its signature is missing")
    length, _, head, _, volume_id, _, method, _ = HEAD.unpack_from(raw, BLOCK_HEAD_SIZE)
    if not HEAD.size <= head <= length <= MAX_METADATA or offset + BLOCK_HEAD_SIZE + length > volume.size:
        raise CorruptError(f"{length} bytes of metadata cannot be")
    entries = volume.read_at(offset + BLOCK_HEAD_SIZE + head, length - head)
    description, protectors = "", []
    for kind, value in _entries(entries):
        if kind == TYPE_MASTER_KEY and len(value) >= KEY.size:
            key_id, _, _, protection = KEY.unpack_from(value)
            name = PROTECTIONS.get(protection, f"protection {protection:#06x}")
            protectors.append(Protector(_guid(key_id), name, protection))
        elif kind == TYPE_DESCRIPTION:
            description = value.decode("utf-16-le", "replace").split("\0", 1)[0]
    return BitLocker(METHODS.get(method & 0xFFFF, f"method {method:#x}"), _guid(volume_id), description, tuple(protectors))


def _entries(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + ENTRY.size <= len(data):
        length, kind, _, _ = ENTRY.unpack_from(data, position)
        if length < ENTRY.size or position + length > len(data):
            return
        yield kind, data[position + ENTRY.size : position + length]
        position += length


def _guid(raw: bytes) -> str:
    first, second, third = Struct("<IHH").unpack_from(raw)
    return f"{{{first:08x}-{second:04x}-{third:04x}-{raw[8:10].hex()}-{raw[10:].hex()}}}"
