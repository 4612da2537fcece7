"""URLs of disks: told from file names, taken apart, and shown without their secrets.

The query of a blob's URL is often its key (Azure's shared access signature), so no message, log, journal or
report may hold it: everything that names a URL names it by :func:`redact`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bootmend.errors import UsageError

SCHEMES = {"http": 80, "https": 443}
HIDDEN = "…"
_URL = re.compile(r"(https?)://([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_USER = re.compile(r"(https?://)[^\s/@\"'<>]+@", re.IGNORECASE)
_SIGNATURE = re.compile(r"\b(sig|signature|access_token|client_secret)=[^&\s\"'<>]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|sharedkey)\s+[\w.~+/=:-]{16,}", re.IGNORECASE)


class Url(NamedTuple):
    """A URL in its parts; ``target`` is what a request asks for, path and query."""

    scheme: str
    host: str
    port: int
    target: str
    shown: str

    @property
    def is_encrypted(self) -> bool:
        """Whether what is read crosses the network encrypted."""
        return self.scheme == "https"


def is_url(text: str) -> bool:
    """Whether a target's name is a URL that bytes can be read from."""
    return text[:8].lower().startswith(("http://", "https://"))


def refuse_url(path: str) -> None:
    """Say that what stands behind a URL cannot be changed, before its name is taken for a file's and shown.

    Raises:
        UsageError: it is a URL.
    """
    if is_url(path):
        hint = "bootmend check URL says what is wrong; repair a copy, or an Azure VM with  bootmend azure repair"
        raise UsageError(f"{redact(path)} can only be read", hint=hint)


def split_url(text: str) -> Url:
    """Take a URL apart.

    Raises:
        UsageError: it is no http or https URL, or holds a user name or password.
    """
    match = _URL.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{redact(text)!r} is no URL that can be read", hint="it begins with https://")
    scheme, where, path, query = match[1].lower(), match[2], match[3] or "/", match[4]
    if "@" in where:
        raise UsageError(f"{redact(text)} holds a user name or password", hint="use a URL that carries its own signature")
    host, port = _host_and_port(where, scheme)
    target = path if query is None else f"{path}?{query}"
    if not host or not target.isascii():
        raise UsageError(f"{redact(text)!r} is no URL that can be read", hint="write it with %XX where it has other letters")
    return Url(scheme, host, port, target, redact(f"{scheme}://{where}{path}"))


def _host_and_port(where: str, scheme: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?", where)
    if match is None:
        return "", 0
    return match[1].strip("[]"), int(match[2] or SCHEMES[scheme])


def redact(text: str) -> str:
    """The text with the query of every URL, and everything that looks like a signature or a token, taken out."""
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _SIGNATURE.sub(rf"\1={HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)
