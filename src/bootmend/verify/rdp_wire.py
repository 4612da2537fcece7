"""The first bytes of Remote Desktop: TPKT, X.224, the negotiation of protocols.  Bytes in, values out.

Sources: [MS-RDPBCGR] 2.2.1.1 (connection request), 2.2.1.2 (connection confirm, negotiation response and failure);
RFC 1006 (TPKT); ITU-T X.224 13.3 and 13.4.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import NamedTuple

from bootmend.errors import CorruptError

TPKT = struct.Struct(">BBH")
HEADER = 4
#: a confirm has 11 or 19 bytes; some gateways add routing to it
LONGEST_CONFIRM = 1024
CONNECTION_REQUEST, CONNECTION_CONFIRM, DISCONNECT_REQUEST = 0xE0, 0xD0, 0x80
NEG_REQUEST, NEG_RESPONSE, NEG_FAILURE = 1, 2, 3
_NEG = struct.Struct("<BBHI")


class Protocol(IntFlag):
    """The protocols of [MS-RDPBCGR] 2.2.1.1.1; none of them is RDP's own encryption of old."""

    TLS = 1
    HYBRID = 2
    RDSTLS = 4
    HYBRID_EX = 8
    AAD = 16


PROTOCOL_NAMES = {
    0: "RDP's own encryption",
    Protocol.TLS: "TLS",
    Protocol.HYBRID: "CredSSP (NLA)",
    Protocol.RDSTLS: "RDSTLS",
    Protocol.HYBRID_EX: "CredSSP (NLA) with early user authorization",
    Protocol.AAD: "RDSAAD",
}

#: code of a negotiation failure -> its name in [MS-RDPBCGR] 2.2.1.2.2, and what it means for a rescue
FAILURES = {
    1: ("SSL_REQUIRED_BY_SERVER", "Remote Desktop answers, and takes TLS only"),
    2: ("SSL_NOT_ALLOWED_BY_SERVER", "Remote Desktop answers, and takes nothing but RDP's own encryption of old"),
    3: (
        "SSL_CERT_NOT_ON_SERVER",
        "Remote Desktop answers, but its certificate is missing or cannot be used: nobody can sign in until that is mended",
    ),
    4: ("INCONSISTENT_FLAGS", "Remote Desktop answers, and calls our request inconsistent"),
    5: ("HYBRID_REQUIRED_BY_SERVER", "Remote Desktop answers, and asks for CredSSP (Network Level Authentication)"),
    6: (
        "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
        "Remote Desktop answers, and asks for TLS with a client certificate",
    ),
}


class Confirm(NamedTuple):
    """A connection confirm.  At most one of ``selected`` and ``failure`` is there; a server of old sends neither."""

    selected: int | None
    failure: int | None


def connection_request(protocols: int | None, cookie: str = "") -> bytes:
    """A connection request; without ``protocols`` it asks for no negotiation, as clients before Vista did."""
    variable = f"Cookie: mstshash={cookie}\r\n".encode("ascii") if cookie else b""
    if protocols is not None:
        variable += _NEG.pack(NEG_REQUEST, 0, _NEG.size, protocols)
    fixed = struct.pack(">BHHB", CONNECTION_REQUEST, 0, 0, 0)
    length = len(fixed) + len(variable)
    return TPKT.pack(3, 0, HEADER + 1 + length) + bytes([length]) + fixed + variable


def packet_length(header: bytes) -> int:
    """The length of a whole packet, from its first four bytes.

    Raises:
        CorruptError: it is no TPKT, or longer than any confirm.
    """
    version, length = header[0], int.from_bytes(header[2:4], "big")
    if version != 3:
        raise CorruptError(f"what answers is not Remote Desktop: it begins with {header.hex(' ')}")
    if not HEADER + 7 <= length <= LONGEST_CONFIRM:
        raise CorruptError(f"a packet of {length} bytes is no connection confirm")
    return length


def parse_confirm(packet: bytes) -> Confirm:
    """A whole packet as a connection confirm.

    The source reference and the flags are the server's own business; only what says "confirm" is looked at.

    Raises:
        CorruptError: it is something else.
    """
    indicator, code = packet[4], packet[5]
    if code & 0xF0 == DISCONNECT_REQUEST:
        raise CorruptError("the server hung up in answer to the connection request (X.224 disconnect request)")
    if code & 0xF0 != CONNECTION_CONFIRM:
        raise CorruptError(f"an X.224 packet of kind {code:#04x} came instead of a connection confirm")
    if indicator + 5 > len(packet) or indicator < 6:
        raise CorruptError(f"the connection confirm says that its header has {indicator} bytes, and the packet {len(packet)}")
    rest = packet[11 : 5 + indicator]
    if not rest:
        return Confirm(None, None)
    if len(rest) < _NEG.size:
        raise CorruptError(f"the connection confirm ends with {rest.hex(' ')}, which is no negotiation")
    kind, _, length, value = _NEG.unpack_from(rest)
    if length != _NEG.size or kind not in {NEG_RESPONSE, NEG_FAILURE}:
        raise CorruptError(f"the connection confirm ends with {rest[:8].hex(' ')}, which is no negotiation")
    return Confirm(value, None) if kind == NEG_RESPONSE else Confirm(None, value)


def protocol_name(selected: int) -> str:
    """What the server chose, in words."""
    return PROTOCOL_NAMES.get(selected, f"protocol {selected:#x}")


def failure_name(code: int) -> tuple[str, str]:
    """The name of a negotiation failure, and what it means."""
    return FAILURES.get(code, (f"failure {code:#x}", "Remote Desktop answers with a failure that is not documented"))
