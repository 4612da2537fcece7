"""Remote Desktop against a real xrdp; what it says of its certificate against openssl."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from bootmend.verify.rdp import probe_rdp
from bootmend.verify.rdp_wire import Protocol
from tests.verify.servers import Identity, make_identity, xrdp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.oracle
SUBJECT = "/C=DE/O=Contoso/CN=vm01.example.com"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("identity"), SUBJECT, "vm01", "vm01.example.com", "*.apps.example.com")


@pytest.fixture(scope="module")
def negotiating(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Iterator[int]:
    with xrdp(tmp_path_factory.mktemp("xrdp"), identity) as port:
        yield port


def openssl(identity: Identity, *what: str) -> str:
    command = ["openssl", "x509", "-in", str(identity.certificate), "-noout", "-nameopt", "sep_comma_plus_space", *what]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip().partition("=")[2]


def test_it_answers_up_to_tls(negotiating: int) -> None:
    answer = probe_rdp("127.0.0.1", negotiating)
    assert [step.reached for step in answer.steps] == [True, True, True, True, False]
    assert answer.selected == Protocol.TLS
    assert answer.level == 3
    assert answer.passes(3)
    assert not answer.passes(4)
    assert answer.tls_version == "TLSv1.3"


def test_the_certificate_is_as_openssl_reads_it(negotiating: int, identity: Identity) -> None:
    certificate = probe_rdp("127.0.0.1", negotiating).certificate
    assert certificate is not None
    assert certificate.sha256 == openssl(identity, "-fingerprint", "-sha256").replace(":", "").lower()
    assert certificate.subject == openssl(identity, "-subject")
    assert certificate.issuer == openssl(identity, "-issuer")
    for ours, name in ((certificate.not_before, "-startdate"), (certificate.not_after, "-enddate")):
        assert (
            time.strptime(ours, "%Y-%m-%dT%H:%M:%SZ")[:6] == time.strptime(openssl(identity, name), "%b %d %H:%M:%S %Y GMT")[:6]
        )
    shown = subprocess.run(
        ["openssl", "x509", "-in", identity.certificate, "-noout", "-ext", "subjectAltName"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout
    assert set(certificate.names) == {*re.findall(r"DNS:([^,\s]+)", shown), "vm01.example.com"}
    assert certificate.is_self_signed


@pytest.mark.parametrize(
    ("expected", "matches"),
    [
        ("vm01", True),
        ("VM01.Example.com", True),
        ("web.apps.example.com", True),
        ("vm02", False),
        ("vm01.example.org", False),
        ("deep.web.apps.example.com", False),
    ],
)
def test_the_expected_name(negotiating: int, expected: str, *, matches: bool) -> None:
    answer = probe_rdp("127.0.0.1", negotiating, expected=expected)
    assert answer.matches is matches
    assert answer.passes() is matches


@pytest.mark.parametrize("highest", [1, 2, 3])
def test_no_further_than_asked_for(negotiating: int, highest: int) -> None:
    answer = probe_rdp("127.0.0.1", negotiating, highest=highest)
    assert answer.level == highest
    assert (answer.certificate is not None) is (highest == 3)


def test_a_server_with_rdps_own_encryption(tmp_path: Path, identity: Identity) -> None:
    with xrdp(tmp_path, identity, security_layer="rdp") as port:
        answer = probe_rdp("127.0.0.1", port)
    assert (answer.level, answer.selected) == (2, 0)
    assert answer.passes(2)
    assert not answer.passes(3)


def test_a_server_with_tls_only(tmp_path: Path, identity: Identity) -> None:
    with xrdp(tmp_path, identity, security_layer="tls") as port:
        assert probe_rdp("127.0.0.1", port).level == 3


def test_the_server_is_left_alive(negotiating: int) -> None:
    """Many looks in a row: none of them disturbs the next."""
    assert {probe_rdp("127.0.0.1", negotiating).level for _ in range(int(os.environ.get("BOOTMEND_FUZZ", "1")) + 9)} == {3}
