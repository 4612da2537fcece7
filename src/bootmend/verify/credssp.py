"""The first word of CredSSP: ask for an NTLM challenge, and read the names in it.  No user, no password.

Sources: [MS-CSSP] 2.2.1 (TSRequest), [MS-NLMP] 2.2.1.1 and 2.2.1.2 (negotiate, challenge), 2.2.2.1 (pairs).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import CorruptError, place
from bootmend.verify import der

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"NTLMSSP\0"
#: a TSRequest with a challenge has some hundred bytes
LONGEST = 64 * 1024
_NEGOTIATE, _CHALLENGE = 1, 2
#: Unicode, request target, NTLM, always sign, extended session security, version, 128, 56
_FLAGS = 0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00080000 | 0x02000000 | 0x20000000 | 0x80000000
_VERSION = struct.pack("<BBHxxxB", 10, 0, 0, 15)
_CSSP_VERSION = 6
_HAS_VERSION = 0x02000000
_PAIRS = {1: "netbios_computer", 2: "netbios_domain", 3: "dns_computer", 4: "dns_domain", 5: "dns_forest"}


class Names(NamedTuple):
    """What a Windows says of itself before anybody signs in; empty where it does not."""

    netbios_computer: str = ""
    netbios_domain: str = ""
    dns_computer: str = ""
    dns_domain: str = ""
    dns_forest: str = ""
    build: str = ""


def negotiate_request() -> bytes:
    """A TSRequest that carries an NTLM negotiate message without names."""
    empty = struct.pack("<HHI", 0, 0, 40)
    message = SIGNATURE + struct.pack("<II", _NEGOTIATE, _FLAGS) + empty + empty + _VERSION
    token = der.encode(der.SEQUENCE, der.encode(0xA0, der.encode(der.OCTET_STRING, message)))
    version = der.encode(0xA0, der.encode(der.INTEGER, bytes([_CSSP_VERSION])))
    return der.encode(der.SEQUENCE, version, der.encode(0xA1, der.encode(der.SEQUENCE, token)))


def message_length(start: bytes) -> int:
    """How long a TSRequest is, from its first six bytes.

    Raises:
        CorruptError: it is none, or longer than any.
    """
    if start[:1] != b"\x30":
        raise CorruptError(f"what answers is no CredSSP: it begins with {start.hex(' ')}")
    _, end = der.content_range(start)
    if end > LONGEST:
        raise CorruptError(f"a CredSSP message of {end} bytes cannot be")
    return end


def parse_challenge(data: bytes) -> Names:
    """The names in a TSRequest that carries an NTLM challenge, as it is or wrapped in SPNEGO.

    Raises:
        CorruptError: it carries none.
    """
    with place("the answer of CredSSP"):
        whole = next(der.nodes(data), der.Node(0, b""))
        tokens = whole.find(0xA1)
        if tokens is None:
            raise CorruptError(_refusal(whole))
        at = tokens.content.find(SIGNATURE)
        if at < 0:
            raise CorruptError("it holds no NTLM message")
        return _names(tokens.content[at:])


def _refusal(whole: der.Node) -> str:
    error = whole.find(0xA4)
    code = next(iter(error.children()), None) if error is not None else None
    status = int.from_bytes(code.content[-4:], "big") if code is not None else 0
    return f"the server ended it with status {status:#010x}" if code is not None else "it holds no token"


def _names(message: bytes) -> Names:
    if len(message) < 48 or struct.unpack_from("<I", message, 8)[0] != _CHALLENGE:
        raise CorruptError("the NTLM message is no challenge")
    flags = struct.unpack_from("<I", message, 20)[0]
    length, _, offset = struct.unpack_from("<HHI", message, 40)
    info = message[offset : offset + length]
    if len(info) != length:
        raise CorruptError("the NTLM challenge ends before its names")
    found = {_PAIRS[kind]: value.decode("utf-16-le", "replace") for kind, value in _pairs(info) if kind in _PAIRS}
    build = ""
    if flags & _HAS_VERSION and len(message) >= 56:
        major, minor, number = struct.unpack_from("<BBH", message, 48)
        build = f"{major}.{minor}.{number}"
    return Names(**found, build=build)


def _pairs(info: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(info):
        kind, length = struct.unpack_from("<HH", info, position)
        if kind == 0:
            return
        yield kind, info[position + 4 : position + 4 + length]
        position += 4 + length
