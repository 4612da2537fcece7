"""What authors leave for the reader to fill in, in all their spellings, and what each one means.

``<drive letter>``, ``[Boot partition]``, ``{[Identifier]}``, ``{identifier}``, ``{<<IDENTIFIER>>}``, ``<BCD FOLDER - DRIVE
LETTER>``...  Unlike variables they are plain text.  Articles call the volume with the BCD store "boot partition"; we say
system volume, and so do the explanations.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM_LETTER = "system letter"
WINDOWS_LETTER = "windows letter"
LOADER = "loader"
PARTITION = "partition number"
DISK = "disk number"
FILE = "file"
FOLDER = "folder"
DEFAULT = "default entry"
VM = "vm"
ANY = "any"

_KINDS = {
    SYSTEM_LETTER: (
        "drive letter|drive leter|disk letter|partition letter|boot partition|system partition|system volume"
        "|bcd folder - drive letter|letter of the boot partition|letter of the system partition"
        "|volume letter of efi system partition|letter you assigned to the efi system partition"
    ),
    WINDOWS_LETTER: "windows partition|windows volume|windows folder - drive letter|drive|drive to check",
    LOADER: "identifier|identifier from the boot loader|loader identifier|boot loader identifier|loader|guid|loader guid",
    PARTITION: "partition id|partition number|# of partition|number of partition",
    DISK: "disk id|disk number|# of disk|# of attached disk|number of disk",
    FILE: "binary.sys|binary name without the extension|binary with extension|file name|filename",
    FOLDER: "directory where file is|path to hive|path",
    DEFAULT: "default",
    VM: "vm|vmname|vm name|name of vm|your vm",
    ANY: "text here|letter of...|letter of…|value|your value",
}
_KIND_OF = {words: kind for kind, spellings in _KINDS.items() for words in spellings.split("|")}

_PLACEHOLDER = re.compile(
    r"\{?<{1,2}([#A-Za-z][^<>{}\[\]\n]{0,70})>{1,2}\}?"  # <drive letter>, {<IDENTIFIER>}, {<<IDENTIFIER>>}, <<drive to check>>
    r"|\{?\[([A-Za-z][^<>{}\[\]\n]{0,70})\]\}?(?!\()"  # [Boot partition], {[Identifier]}; not a link
    r"|\{((?:loader |boot loader )?(?:identifier|guid))\}",
    re.IGNORECASE,
)
_WINDOWS_PATH = re.compile(r":\\?windows\b", re.IGNORECASE)
_STORE_PATH = re.compile(r":\\?(?:efi\\microsoft\\)?boot\\bcd\b", re.IGNORECASE)


class Placeholder(NamedTuple):
    """One placeholder in a text: where it stands, what it means, and where a store path that follows it ends (else 0)."""

    start: int
    end: int
    written: str
    kind: str
    store_end: int


def find_placeholders(text: str) -> Iterator[Placeholder]:
    """The placeholders of a text, left to right."""
    for found in _PLACEHOLDER.finditer(text):
        kind = _kind(found, text)
        if kind:
            store = _STORE_PATH.match(text, found.end()) if kind == SYSTEM_LETTER else None
            yield Placeholder(found.start(), found.end(), found.group(), kind, store.end() if store else 0)


def _kind(found: re.Match[str], text: str) -> str:
    angle, square, curly = found.groups()
    words = " ".join((angle or square or curly).replace("_", " ").lower().split())
    kind = _KIND_OF.get(words, "")
    if kind in (SYSTEM_LETTER, WINDOWS_LETTER):
        return _letter(words, kind, text, found.end())
    if kind == DEFAULT and not angle:
        return ""
    return kind or (ANY if angle and _reads_like_a_placeholder(angle) else "")


def _letter(words: str, kind: str, text: str, end: int) -> str:
    """A bare 'drive letter' means the volume that the path behind it lies on."""
    if "windows" in words or "boot" in words or "bcd" in words or "efi" in words:
        return kind
    if _WINDOWS_PATH.match(text, end):
        return WINDOWS_LETTER
    return SYSTEM_LETTER if _STORE_PATH.match(text, end) else kind


def _reads_like_a_placeholder(words: str) -> bool:
    """Words or capitals between angle brackets; a tag or a type parameter is none."""
    return not re.search(r"[=/\"']", words) and (" " in words.strip() or (words.isupper() and len(words) > 1))
