"""Does Remote Desktop answer?  The levels of evidence, from an open port to the machine's own name.

======  ==================================================================================================
level   what was seen
======  ==================================================================================================
0       a TCP connection: says nothing about Remote Desktop
1       an X.224 connection confirm: Remote Desktop answers
2       the protocols were negotiated, or refused with a reason (which is an answer, too)
3       the TLS handshake, and the certificate
4       the NTLM challenge of CredSSP, which holds the machine's names; asked for without a user or a password
======  ==================================================================================================

It passes from level 1 on: an open port alone never does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bootmend.errors import BootmendError, CorruptError, ReadError
from bootmend.verify.link import Link, SilentError
from bootmend.verify.rdp_wire import (
    HEADER,
    Protocol,
    connection_request,
    failure_name,
    packet_length,
    parse_confirm,
    protocol_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.verify.certificate import Certificate
    from bootmend.verify.credssp import Names

PORT = 3389
TIMEOUT = 15.0
HIGHEST = 4
LEVELS = ("TCP", "X.224", "negotiation", "TLS", "CredSSP")
ASKED = Protocol.TLS | Protocol.HYBRID | Protocol.HYBRID_EX
_OF_OLD, _NO_ANSWER = 0, -1


class Step(NamedTuple):
    """One level: whether it was reached, and what was seen, in a sentence."""

    level: int
    reached: bool
    sentence: str

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {"level": self.level, "name": LEVELS[self.level], "reached": self.reached, "sentence": self.sentence}


@dataclass(slots=True)
class RdpAnswer:
    """What was seen of one host.  ``expected`` is the name asked for; ``matches`` is None where nothing tells."""

    host: str
    port: int
    steps: list[Step] = field(default_factory=list)
    selected: int | None = None
    failure: int | None = None
    certificate: Certificate | None = None
    tls_version: str = ""
    names: Names | None = None
    expected: str = ""
    seconds: float = 0.0

    @property
    def level(self) -> int:
        """The highest level that was reached; -1 where not even a TCP connection came about."""
        return max((step.level for step in self.steps if step.reached), default=_NO_ANSWER)

    @property
    def answers(self) -> bool:
        """Whether Remote Desktop answers: an X.224 confirm came."""
        return self.level >= 1

    @property
    def own_names(self) -> tuple[str, ...]:
        """What the machine calls itself: in the challenge, and in the certificate."""
        found = (self.names.dns_computer, self.names.netbios_computer) if self.names else ()
        return tuple(dict.fromkeys(name for name in (*found, *(self.certificate.names if self.certificate else ())) if name))

    @property
    def matches(self) -> bool | None:
        """Whether the machine is the expected one; None where none is expected, or it says no name.

        Where both sides know the domain, the bare name proves nothing.
        """
        if not self.expected or not self.own_names:
            return None
        whole = [name for name in self.own_names if "." in name] if "." in self.expected else []
        return any(same_name(self.expected, name) for name in whole or self.own_names)

    def passes(self, level: int = 1) -> bool:
        """Whether Remote Desktop answers, as high as asked for, and under the expected name."""
        return self.answers and self.level >= level and (not self.expected or self.matches is True)


def probe_rdp(host: str, port: int = PORT, *, highest: int = HIGHEST, expected: str = "", timeout: float = TIMEOUT) -> RdpAnswer:
    """Look how far Remote Desktop answers, up to a level; what goes wrong is a step that was not reached.

    Takes ``timeout`` seconds at most, and some more where the host has several addresses.
    """
    answer = RdpAnswer(host, port, expected=expected)
    started = time.monotonic()
    try:
        with Link(host, port, timeout) as link:
            answer.steps.append(Step(0, reached=True, sentence="the port is open"))
            for step in _levels(link, answer):
                answer.steps.append(step)
                if step.level >= highest or not step.reached:
                    break
    except BootmendError as error:
        answer.steps.append(Step(min(answer.level + 1, HIGHEST), reached=False, sentence=str(error)))
    answer.seconds = time.monotonic() - started
    return answer


def _levels(link: Link, answer: RdpAnswer) -> Iterator[Step]:
    """Level after level; raises one of our errors where the next one is not reached."""
    yield from _negotiate(link, answer)
    if answer.failure is not None or not answer.selected:
        return
    yield _tls(link, answer)
    if answer.selected & (Protocol.HYBRID | Protocol.HYBRID_EX):
        yield _credssp(link, answer)
    else:
        yield Step(4, reached=False, sentence="the server chose TLS without CredSSP, so it says no names before a sign-in")


def _negotiate(link: Link, answer: RdpAnswer) -> Iterator[Step]:
    link.send(connection_request(ASKED))
    confirm = parse_confirm(_packet(link))
    answer.selected, answer.failure = confirm.selected, confirm.failure
    yield Step(1, reached=True, sentence="Remote Desktop answers: a connection confirm came")
    if confirm.failure is not None:
        name, meaning = failure_name(confirm.failure)
        yield Step(2, reached=True, sentence=f"{meaning} ({name})")
    elif confirm.selected is None:
        yield Step(2, reached=False, sentence="the server negotiates nothing: RDP's own encryption of old")
    else:
        yield Step(2, reached=True, sentence=f"the server chose {protocol_name(confirm.selected)}")
        if confirm.selected == _OF_OLD:
            yield Step(3, reached=False, sentence="RDP's own encryption has no TLS, and no certificate to look at")


def _packet(link: Link) -> bytes:
    try:
        header = link.receive(HEADER)
    except SilentError as error:
        raise ReadError("the port is open, but nothing answers a Remote Desktop client: this is no proof of it") from error
    return header + link.receive(packet_length(header) - HEADER)


def _tls(link: Link, answer: RdpAnswer) -> Step:
    from bootmend.verify.certificate import parse_certificate

    data = link.start_tls(answer.expected or answer.host)
    answer.tls_version = link.tls_version
    if not data:
        raise CorruptError("the TLS handshake gave no certificate")
    answer.certificate = parse_certificate(data)
    return Step(3, reached=True, sentence=f"{link.tls_version}, certificate of {answer.certificate.subject or 'nobody named'}")


def _credssp(link: Link, answer: RdpAnswer) -> Step:
    from bootmend.verify.credssp import message_length, negotiate_request, parse_challenge

    link.send(negotiate_request())
    start = link.receive(6)
    answer.names = parse_challenge(start + link.receive(message_length(start) - len(start)))
    name = answer.names.dns_computer or answer.names.netbios_computer or "a machine that says no name"
    build = f", Windows {answer.names.build}" if answer.names.build else ""
    return Step(4, reached=True, sentence=f"{name}{build} asks for a user (NTLM challenge)")


def same_name(expected: str, found: str) -> bool:
    """Whether two names mean the same machine: case is nothing, a bare name stands for any domain, ``*.`` for one label.

    NetBIOS knows the first 15 letters of a computer's name only.
    """
    expected, found = expected.rstrip(".").lower(), found.rstrip(".").lower()
    if expected == found:
        return True
    if found.startswith("*."):
        return expected.partition(".")[2] == found[2:]
    first, other = expected.partition(".")[0], found.partition(".")[0]
    bare = "." not in expected or "." not in found
    return bare and (first == other or (len(other) == 15 and "." not in found and first[:15] == other))


def to_json(answer: RdpAnswer, *, passed: bool) -> dict[str, object]:
    """The document ``bootmend.rdp/1``."""
    from bootmend import __version__

    failure = None if answer.failure is None else failure_name(answer.failure)
    return {
        "schema": "bootmend.rdp/1",
        "version": __version__,
        "target": {"host": answer.host, "port": answer.port},
        "passed": passed,
        "answers": answer.answers,
        "level": answer.level,
        "steps": [step.to_json() for step in answer.steps],
        "protocol": None if answer.selected is None else protocol_name(answer.selected),
        "failure": None if failure is None else {"code": answer.failure, "name": failure[0], "sentence": failure[1]},
        "tls": answer.tls_version,
        "certificate": answer.certificate.to_json() if answer.certificate else None,
        "names": answer.names._asdict() if answer.names else None,
        "expected": answer.expected,
        "matches": answer.matches,
        "seconds": round(answer.seconds, 3),
    }
