"""A server's certificate as a person wants to see it: whose, by whom, from when to when, its fingerprint.

Nothing is trusted on its word: a Windows machine signs its Remote Desktop certificate itself, so there is nothing to
check it against but the name that is expected.  Source: RFC 5280 section 4.1.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import place
from bootmend.verify import der

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
}
_SUBJECT_ALT_NAME = "2.5.29.17"
_DNS_NAME = 0x82  # context tag 2 of GeneralName
_UTF16, _LATIN = 0x1E, {0x14}
_EXTENSIONS = 0xA3


class Certificate(NamedTuple):
    """What a certificate says.  Times are UTC, ISO 8601; ``names`` are the common name and the DNS names."""

    subject: str
    issuer: str
    not_before: str
    not_after: str
    sha256: str
    names: tuple[str, ...]

    @property
    def is_self_signed(self) -> bool:
        """Whether it names itself as its issuer, as those that Windows makes do."""
        return self.subject == self.issuer

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {**self._asdict(), "names": list(self.names), "self_signed": self.is_self_signed}


def parse_certificate(data: bytes) -> Certificate:
    """A certificate in DER.

    Raises:
        CorruptError: it is none.
    """
    with place("the server's certificate"):
        whole = next(der.nodes(data), der.Node(0, b""))
        fields = whole.child(der.SEQUENCE).children()
        fields = fields[1:] if fields and fields[0].tag == 0xA0 else fields  # [0] version, absent in version 1
        rest = [*fields, *[der.Node(0, b"")] * 6]
        issuer, validity, subject = rest[2], rest[3], rest[4]
        times = [_time(node) for node in validity.children()]
        common = [text for kind, text in _attributes(subject) if kind == "CN"]
        extensions = next((node for node in fields if node.tag == _EXTENSIONS), None)
        dns = list(_dns_names(extensions)) if extensions is not None else []
        return Certificate(
            subject=_name(subject),
            issuer=_name(issuer),
            not_before=times[0] if times else "",
            not_after=times[1] if len(times) > 1 else "",
            sha256=hashlib.sha256(data).hexdigest(),
            names=tuple(dict.fromkeys([*common, *dns])),
        )


def _name(node: der.Node) -> str:
    return ", ".join(f"{kind}={text}" for kind, text in _attributes(node))


def _attributes(name: der.Node) -> Iterator[tuple[str, str]]:
    for relative in name.children():
        for pair in relative.children():
            parts = pair.children()
            if len(parts) == 2:
                oid = der.oid_text(parts[0].content)
                yield _NAMES.get(oid, oid), _text(parts[1])


def _text(node: der.Node) -> str:
    if node.tag == _UTF16:
        return node.content.decode("utf-16-be", "replace")
    return node.content.decode("latin-1" if node.tag in _LATIN else "utf-8", "replace")


def _time(node: der.Node) -> str:
    """``YYMMDDHHMMSSZ`` (years from 50 on are the 1900s, RFC 5280 4.1.2.5.1) or ``YYYYMMDDHHMMSSZ``."""
    text = node.content.decode("ascii", "replace")
    if node.tag == der.UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    if node.tag not in {der.UTC_TIME, der.GENERALIZED_TIME} or not text[:14].isdigit():
        return ""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}Z"


def _dns_names(extensions: der.Node) -> Iterator[str]:
    for extension in extensions.child(der.SEQUENCE).children():
        parts = extension.children()
        if parts and der.oid_text(parts[0].content) == _SUBJECT_ALT_NAME:
            for name in der.nodes(parts[-1].content):
                yield from (one.content.decode("latin-1") for one in name.children() if one.tag == _DNS_NAME)
