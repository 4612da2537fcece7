"""Remote Desktop against servers that play known bytes: xrdp's, Windows' as documented, and none of these."""

from __future__ import annotations

import random
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import BootmendError, CorruptError, UsageError
from bootmend.verify import der
from bootmend.verify.certificate import parse_certificate
from bootmend.verify.credssp import negotiate_request, parse_challenge
from bootmend.verify.link import split_address
from bootmend.verify.rdp import ASKED, probe_rdp, same_name
from bootmend.verify.rdp_wire import FAILURES, Confirm, connection_request, packet_length, parse_confirm
from tests.support import fuzz_cases
from tests.verify.servers import Identity, make_identity, playing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: client and server bytes of a real xrdp 0.9.21, recorded
CONFIRM = "03 00 00 13 0e d0 0000 1234 00 02 01 0800 "
REQUEST = "03 00 00 13 0e e0 0000 0000 00 01 00 0800 "
RECORDED = [
    (None, "", "03 00 00 0b 06 e0 0000 0000 00", "03 00 00 0b 06 d0 0000 1234 00", Confirm(None, None)),
    (0, "", REQUEST + "00000000", CONFIRM + "00000000", Confirm(0, None)),
    (1, "", REQUEST + "01000000", CONFIRM + "01000000", Confirm(1, None)),
    (2, "", REQUEST + "02000000", CONFIRM + "00000000", Confirm(0, None)),
    (3, "", REQUEST + "03000000", CONFIRM + "01000000", Confirm(1, None)),
    (0xB, "", REQUEST + "0b000000", CONFIRM + "01000000", Confirm(1, None)),
    (
        3,
        "probe",
        "03 00 00 2b 26 e0 0000 0000 00" + b"Cookie: mstshash=probe\r\n".hex() + "01 00 0800 03000000",
        CONFIRM + "01000000",
        Confirm(1, None),
    ),
]


@pytest.mark.parametrize(("protocols", "cookie", "client", "server", "confirm"), RECORDED)
def test_the_recorded_bytes(protocols: int | None, cookie: str, client: str, server: str, confirm: Confirm) -> None:
    assert connection_request(protocols, cookie) == bytes.fromhex(client)
    packet = bytes.fromhex(server)
    assert packet_length(packet[:4]) == len(packet)
    assert parse_confirm(packet) == confirm


def saying(server: str) -> Callable[[socket.socket], None]:
    def play(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex(server))
        connection.settimeout(0.3)
        with suppress(TimeoutError):
            connection.recv(1)

    return play


@pytest.mark.parametrize("server", sorted({recorded[3] for recorded in RECORDED} - {RECORDED[2][3]}))
def test_a_server_that_plays_them(server: str) -> None:
    with playing(saying(server)) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert answer.answers
    assert answer.passes()
    assert answer.level == (1 if server == RECORDED[0][3] else 2)


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_a_refusal_is_an_answer(code: int) -> None:
    """[MS-RDPBCGR] 2.2.1.2.2: type 3, flags 0, length 8, the code."""
    with playing(saying(f"03 00 00 13 0e d0 0000 1234 00 03 00 0800 {code:02x}000000")) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert (answer.level, answer.failure, answer.selected) == (2, code, None)
    assert answer.passes()
    assert FAILURES[code][0] in answer.steps[-1].sentence
    assert "Remote Desktop answers" in answer.steps[-1].sentence


def test_a_refusal_that_is_not_documented() -> None:
    with playing(saying("03 00 00 13 0e d0 0000 1234 00 03 00 0800 77000000")) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert answer.passes()
    assert "0x77" in answer.steps[-1].sentence


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("03 00 00 09 02 f0 80 21 80", "no connection confirm"),  # xrdp's answer to a packet that is cut short
        ("03 00 00 0b 06 80 0000 1234 00", "hung up"),
        ("03 00 00 0b 06 e0 0000 1234 00", "instead of a connection confirm"),
        ("48 54 54 50 2f 31 2e 31 20 34 30 30", "not Remote Desktop"),
        ("53 53 48 2d 32 2e 30", "not Remote Desktop"),
        ("03 00 ff ff 0e d0 0000 1234 00", "no connection confirm"),
        ("03 00 00 0b ff d0 0000 1234 00", "header has 255 bytes"),
        ("03 00 00 0f 0a d0 0000 1234 00 02 01 08 00", "no negotiation"),
        ("03 00 00 13 0e d0 0000 1234 00 09 01 0800 01000000", "no negotiation"),
        ("03 00 00 13 0e d0", "nothing came within the time"),
        ("", "nothing answers a Remote Desktop client"),
    ],
)
def test_an_open_port_alone_is_no_proof(server: str, says: str) -> None:
    def play(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex(server))
        time.sleep(1.2)

    with playing(play) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=1)
    assert (answer.level, answer.answers, answer.passes()) == (0, False, False)
    assert says in answer.steps[-1].sentence


def test_a_server_that_hangs_up() -> None:
    with playing(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert not answer.passes()
    assert "hung up" in answer.steps[-1].sentence


def test_a_server_that_drips_is_not_waited_for() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        for byte in bytes.fromhex(RECORDED[2][3]):
            time.sleep(0.2)
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                return

    with playing(drip) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=1)
    assert not answer.passes()
    assert answer.seconds < 1.5


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert answer.level == -1
    assert "refused" in answer.steps[0].sentence


def test_no_such_host() -> None:
    answer = probe_rdp("no-such-host.invalid", timeout=5)
    assert answer.level == -1
    assert "there is no host" in answer.steps[0].sentence


# -- CredSSP, as Windows speaks it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("identity"), "/CN=WEB01.corp.example.com")


def pair(kind: int, text: str) -> bytes:
    value = text.encode("utf-16-le")
    return struct.pack("<HH", kind, len(value)) + value


INFO = (
    pair(2, "CORP") + pair(1, "WEB01") + pair(4, "corp.example.com") + pair(3, "WEB01.corp.example.com") + pair(5, "example.com")
    + struct.pack("<HHQ", 7, 8, 133_485_408_000_000_000) + struct.pack("<HH", 0, 0)
)  # fmt: skip


def challenge(info: bytes = INFO, *, length: int | None = None) -> bytes:
    """[MS-NLMP] 2.2.1.2: signature, type, target name, flags, challenge, reserved, target info, version, payload."""
    target = "CORP".encode("utf-16-le")
    head = b"NTLMSSP\0" + struct.pack("<IHHI", 2, len(target), len(target), 56) + struct.pack("<I", 0xE2898215)
    fields = struct.pack("<HHI", len(info) if length is None else length, len(info), 56 + len(target))
    version = struct.pack("<BBHxxxB", 10, 0, 20348, 15)
    return head + bytes(range(8)) + bytes(8) + fields + version + target + info


def ts_request(token: bytes, *, error: int | None = None) -> bytes:
    """[MS-CSSP] 2.2.1, put together by hand: SEQUENCE of [0] version 6 and [1] tokens, or [4] an error code."""

    def tlv(tag: int, content: bytes) -> bytes:
        if len(content) < 0x80:
            return bytes([tag, len(content)]) + content
        return bytes([tag, 0x82]) + struct.pack(">H", len(content)) + content

    version = tlv(0xA0, tlv(2, b"\x06"))
    if error is not None:
        return tlv(0x30, version + tlv(0xA4, tlv(2, struct.pack(">I", error))))
    return tlv(0x30, version + tlv(0xA1, tlv(0x30, tlv(0x30, tlv(0xA0, tlv(4, token))))))


def windows(identity: Identity, reply: bytes, seen: list[bytes], selected: int = 2) -> Callable[[socket.socket], None]:
    def play(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex(f"03 00 00 13 0e d0 0000 1234 00 02 1f 0800 {selected:02x}000000"))
        with identity.context().wrap_socket(connection, server_side=True) as tls:
            seen.append(tls.recv(4096))
            tls.sendall(reply)
            tls.settimeout(0.5)
            with suppress(TimeoutError, ssl.SSLError):
                tls.recv(1)

    return play


@pytest.mark.parametrize("selected", [2, 8])
def test_the_machine_says_its_names_before_a_sign_in(identity: Identity, selected: int) -> None:
    seen: list[bytes] = []
    with playing(windows(identity, ts_request(challenge()), seen, selected)) as port:
        answer = probe_rdp("127.0.0.1", port, expected="web01", timeout=10)
    assert answer.level == 4
    assert answer.passes(4)
    assert answer.names is not None
    assert answer.names.dns_computer == "WEB01.corp.example.com"
    assert answer.names.netbios_computer == "WEB01"
    assert answer.names.netbios_domain == "CORP"
    assert answer.names.dns_domain == "corp.example.com"
    assert answer.names.dns_forest == "example.com"
    assert answer.names.build == "10.0.20348"
    assert seen == [negotiate_request()]


def test_what_is_sent_holds_no_name_and_no_password() -> None:
    """[MS-NLMP] 2.2.1.1: a negotiate message with empty domain and workstation, of 40 bytes."""
    request = negotiate_request()
    message = request[request.index(b"NTLMSSP\0") :]
    assert len(message) == 40
    assert message[8:12] == struct.pack("<I", 1)
    assert message[16:24] == message[24:32] == struct.pack("<HHI", 0, 0, 40)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (ts_request(b"", error=0xC000006D), "0xc000006d"),
        (ts_request(b"no NTLM at all"), "no NTLM message"),
        (ts_request(challenge()[:40]), "no challenge"),
        (ts_request(challenge(length=60000)), "ends before its names"),
        (b"HTTP/1.1 400 Bad Request", "no CredSSP"),
        (b"\x30\x84\x7f\xff\xff\xff", "cannot be"),
        (b"\x30\x80\x00\x00\x00\x00", "a length that cannot be"),
    ],
)
def test_a_challenge_that_is_none(identity: Identity, reply: bytes, says: str) -> None:
    with playing(windows(identity, reply, [])) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert answer.level == 3
    assert answer.passes(3)
    assert says in answer.steps[-1].sentence


def test_tls_that_fails() -> None:
    with playing(saying("03 00 00 13 0e d0 0000 1234 00 02 00 0800 01000000" + "15 03 01 00 02 02 28")) as port:
        answer = probe_rdp("127.0.0.1", port, timeout=5)
    assert answer.level == 2
    assert answer.passes()
    assert "TLS handshake failed" in answer.steps[-1].sentence


# -- names, addresses, garbage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("web01", "WEB01", True),
        ("web01", "web01.corp.example.com", True),
        ("web01.corp.example.com", "WEB01", True),
        ("a-very-long-computer-name", "A-VERY-LONG-COM", True),
        ("web01.corp.example.com.", "web01.corp.example.com", True),
        ("web01.corp.example.com", "web01.other.example.com", False),
        ("web01", "web012", False),
        ("web01.example.com", "*.example.com", True),
        ("example.com", "*.example.com", False),
        ("web01", "*.example.com", False),
    ],
)
def test_same_name(expected: str, found: str, *, same: bool) -> None:
    assert same_name(expected, found) is same


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("vm01", "vm01", 3389),
        ("vm01:3390", "vm01", 3390),
        ("vm01:", "vm01", 3389),
        ("[2001:db8::1]:3390", "2001:db8::1", 3390),
        ("[2001:db8::1]", "2001:db8::1", 3389),
        ("2001:db8::1", "2001:db8::1", 3389),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert split_address(text, 3389) == (host, port)


@pytest.mark.parametrize("text", ["", ":3389", "vm01:0", "vm01:65536", "vm01:rdp", "http://vm01", "me@vm01", "a b"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(UsageError):
        split_address(text, 3389)


def mutated(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed[: dice.choice([len(changed), dice.randint(0, len(changed))])])


def test_fuzz_of_everything_that_is_parsed(identity: Identity) -> None:
    dice = random.Random(3389)
    certificate = ssl.PEM_cert_to_DER_cert(identity.certificate.read_text())
    subjects: list[tuple[bytes, Callable[[bytes], object]]] = [
        (bytes.fromhex(RECORDED[2][3]), lambda data: parse_confirm(data) if len(data) >= 11 else None),
        (ts_request(challenge()), parse_challenge),
        (certificate, parse_certificate),
    ]
    for _ in range(fuzz_cases(400)):
        for data, parse in subjects:
            try:
                parse(mutated(data, dice))
            except BootmendError:
                continue


def test_fuzz_of_servers() -> None:
    """Any bytes at any level: an answer in time, and no error but ours."""
    dice = random.Random(102)
    said: list[bytes] = [b""]
    go = threading.Lock()

    def play(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(said[0])

    with playing(play) as port, go:
        for _ in range(fuzz_cases(60)):
            said[0] = mutated(bytes.fromhex(RECORDED[2][3]) + dice.randbytes(40), dice)
            assert probe_rdp("127.0.0.1", port, timeout=1).seconds < 2


def test_der_lengths() -> None:
    for size in (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000):
        (node,) = der.nodes(der.encode(der.OCTET_STRING, bytes(size)))
        assert (node.tag, len(node.content)) == (der.OCTET_STRING, size)
    assert der.encode(der.OCTET_STRING, bytes(200))[:3] == b"\x04\x81\xc8"
    assert der.encode(der.OCTET_STRING, bytes(300))[:4] == b"\x04\x82\x01\x2c"
    with pytest.raises(CorruptError):
        list(der.nodes(b"\x04\x05abc"))


def test_what_is_asked_for_is_tls_and_both_kinds_of_nla() -> None:
    assert int(ASKED) == 0xB


def test_a_certificate_in_other_alphabets(tmp_path: Path) -> None:
    made = make_identity(tmp_path, "/CN=\\C3\\BC-server")
    assert parse_certificate(ssl.PEM_cert_to_DER_cert(made.certificate.read_text())).names
