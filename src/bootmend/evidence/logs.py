"""The logs of setup and servicing: which of their lines tell of a failure, and what must not leave the machine in any."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LINES = 20
LONGEST_LINE = 400
HIDDEN = "(left out)"

_PRODUCT_KEY = re.compile(r"\b(?:[A-Z0-9]{5}-){4}[A-Z0-9]{5}\b", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?P<name>\b[\w-]{0,40}(?:password|passwd|pwd|secret|apikey|api_key|accountkey|sharedaccesskey|accesskey|token)\w{0,20}\b)"
    r"(?P<between>[\"'>]?\s{0,8}[:=>]\s{0,8}[\"']?)(?P<value>[^\s\"'<>;]+)",
    re.IGNORECASE,
)
_PASSWORD_ELEMENT = re.compile(
    r"(<(?:\w+:)?(\w*Password|ProductKey|Key)\b[^>]*>).{0,4096}?(</(?:\w+:)?\2>)", re.IGNORECASE | re.DOTALL
)
_SIGNATURE = re.compile(r"(?P<name>[?&](?:sig|sv|se|sp)=)[^&\s\"']+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """The text with product keys, passwords, tokens and signatures of storage URLs taken out.

    It is a second guard: what is known to hold secrets is not taken at all.
    """
    text = _PASSWORD_ELEMENT.sub(rf"\1{HIDDEN}\3", text)
    text = _SECRET_VALUE.sub(lambda found: f"{found['name']}{found['between']}{HIDDEN}", text)
    text = _SIGNATURE.sub(lambda found: found["name"] + HIDDEN, text)
    return _PRODUCT_KEY.sub(HIDDEN, text)


def cbs_errors(text: str) -> list[str]:
    """The last lines of ``CBS.log`` that are errors: ``2026-11-22 20:15:00, Error    CBS    ...``."""
    return _last(line for line in text.split("\n") if ", Error " in line[:40])


def setup_errors(text: str) -> list[str]:
    """The last lines of ``setuperr.log``, in which every line is an error."""
    return _last(text.split("\n"))


def driver_errors(text: str) -> list[str]:
    """The last errors of ``setupapi.dev.log``, which begin with ``!!!``, each behind the section that it is in."""
    section, found = "", []
    for line in text.split("\n"):
        if line.startswith(">>>  ["):
            section = line[5:].strip("[] ")
        elif line.startswith("!!!"):
            found.append(f"{section}: {line[3:].strip()}" if section else line[3:].strip())
    return _last(found)


def _last(lines: Iterable[str]) -> list[str]:
    kept = [line.strip()[:LONGEST_LINE] for line in lines if line.strip()]
    return [without_secrets(line) for line in kept[-MOST_LINES:]]
