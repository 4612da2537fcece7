"""``\\Windows\\bootstat.dat``: what Windows keeps of its last start for the next one.

The layout is RTL_BSD_DATA of the public headers of the native interface; it has grown at its end from version to version, and
its first field is its length.  (``BOOTSTAT.DAT`` beside a boot store is another thing: the boot manager's own log.)
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from bootmend.errors import CorruptError, MissingError, TruncatedError

_START = Struct("<II5B")
_COUNTS = Struct("<BBxxIII")
_COUNTS_AT = 0x30
SHORTEST, LONGEST = 0x0C, 0x400
PRODUCTS = {1: "workstation", 2: "domain controller", 3: "server"}


class BootStatus(NamedTuple):
    """The last start as its loader and kernel noted it.

    ``succeeded`` and ``shut_down``: whether it came to its end, and whether it was ended in an orderly way.  ``attempts``,
    ``boot_id``, ``shutdown_boot_id`` and ``abnormal_boot_id`` are None where the file is too old to have them.
    """

    product: str
    menu_after_failure: bool
    succeeded: bool
    shut_down: bool
    attempts: int | None = None
    boot_id: int | None = None
    shutdown_boot_id: int | None = None
    abnormal_boot_id: int | None = None

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return self._asdict()


def parse_boot_status(data: bytes) -> BootStatus:
    """Read the first bytes of the file (it is 64 KiB long; all that is used lies in its first sector).

    Raises:
        TruncatedError: too few bytes.
        MissingError: nothing was ever written to it.
        CorruptError: its first field is no length.
    """
    if len(data) < _START.size:
        raise TruncatedError(f"it has only {len(data)} bytes")
    if not any(data):
        raise MissingError("it holds nothing but zeros")
    length, product, menu, _seconds, succeeded, shut_down, _asleep = _START.unpack_from(data)
    if not SHORTEST <= length <= LONGEST:
        raise CorruptError(f"its version is {length:#x}, which is no length of it")
    status = BootStatus(PRODUCTS.get(product, "unknown"), bool(menu), bool(succeeded), bool(shut_down))
    if min(length, len(data)) < _COUNTS_AT + _COUNTS.size:
        return status
    attempts, _checkpoint, boot, shutdown, abnormal = _COUNTS.unpack_from(data, _COUNTS_AT)
    return status._replace(attempts=attempts, boot_id=boot, shutdown_boot_id=shutdown, abnormal_boot_id=abnormal)
