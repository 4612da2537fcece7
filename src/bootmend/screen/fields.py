"""Fields that stand on a screen in a form of their own: percentages, files, hexadecimal codes, key ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootmend.screen.codes import clean_hex
from bootmend.screen.text import likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = re.compile(r"[\w$~.\-]{1,64}\.(?:sys|exe|d[lI1|]{2}|tmp|efi|bin)(?!\w)", re.IGNORECASE)
PATH = re.compile(r"(?:[A-Za-z]:)?(?:\\[\w .$~()\-]{1,64}){1,12}")
PERCENT = re.compile(r"(?<![\d.,])(\d{1,3})\s{0,2}%")
_HEX = "0-9A-FOQILZSG@|"
#: ``0x`` itself may be read ``Ox``, ``@x`` or ``DX``
PREFIX = r"[0OoQ@D][xX×*]"
STATUS = re.compile(rf"(?:{PREFIX})\s?([cC8][{_HEX}{_HEX.lower()}]{{7}})(?![0-9A-Za-z])")
SHORT_HEX = re.compile(rf"[(\[{{]\s*{PREFIX}\s?([{_HEX}{_HEX.lower()}]{{1,8}})\s*[)\]}}]?\s*$")
PARAMETER = re.compile(rf"{PREFIX}\s?([{_HEX}{_HEX.lower()}]{{16}}|[{_HEX}{_HEX.lower()}]{{8}})(?![0-9A-Za-z])")
#: what may stand before the first parameter, and between two
_OPENING, _BETWEEN = re.compile(r"[\s_]*[(\[{<]?[\s_]*"), re.compile(r"[\s_]*[,.;:]?[\s_]*")
_KEY_ID = re.compile(r"\b([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})\b", re.IGNORECASE)
_SHORT_KEY_ID = re.compile(r"(?:key id|schl\w*-?id|キー ?ID)\D{0,40}?[:(\s]\s*([0-9A-F]{8})\b", re.IGNORECASE)
_KB = re.compile(r"\bKB\s?(\d{6,7})\b", re.IGNORECASE)


_INNER_I = re.compile(r"(?<=[a-z])I(?=[a-z.]|$)|(?<=\.d)[lI1|]{2}$|(?<=\.)eXe$")
_SHAPES = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "|": "l"})
_LOST_SLASH = re.compile(
    r"^\\?[\\lI|/]{0,2}(Windows)[\\lI|/( ]{1,2}(system32)(?:[\\lI|/( ]{1,2}(drivers|config))?[\\lI|/( ]{1,2}(?=\S)", re.IGNORECASE
)
_KNOWN_PATHS = (
    "\\Boot\\BCD",
    "\\EFI\\Microsoft\\Boot\\BCD",
    "\\Windows\\system32\\winload.exe",
    "\\Windows\\system32\\winload.efi",
    "\\Windows\\system32\\winresume.exe",
    "\\Windows\\system32\\ntoskrnl.exe",
    "\\Windows\\system32\\hal.dll",
    "\\hiberfil.sys",
    "\\EFI\\Microsoft\\Boot\\bootmgfw.efi",
    "\\Windows\\system32\\config\\system",
)


#: drivers that stop Windows often, and the folders of its boot files: what an engine reads nearly like one of these is it
_DRIVERS = frozenset(
    re.findall(
        r"\w+",
        """acpi afd atapi cng cdrom classpnp clfs csagent dxgkrnl dxgmms2 fastfat fltmgr fwpkclnt hal http
iastora iastorac iastorv intelppm kbdclass ks ksecdd luafv mountmgr msrpc mup ndis netbt netio
netvsc nsiproxy ntfs nvlddmkm nvmedisk partmgr pci pciidex rdbss refs spaceport srv2 stornvme
storport storvsc storahci tcpip tdx tm usbport usbxhci vhdmp viostor vioscsi netkvm vmbus vmbkmcl
vmstorfl volmgr volmgrx volsnap wdboot wdf01000 wdfilter wdiwifi win32k win32kbase win32kfull wof
xenbus xenvbd""",
    )
)
_FOLDERS = ("Windows", "System32", "drivers", "config", "Boot", "EFI", "Microsoft")
_FOLDER_NAMES = frozenset(name.lower() for name in _FOLDERS)
NEAR_WINDOWS = 70


def tidy_file(name: str) -> str:
    """A file's name with what engines confuse put right, where that gives a driver of Windows; else as it was read.

    A capital I between small letters is an l (``hal.dIl``); ``wdfol000.sys`` is ``wdf01000.sys``.
    """
    name = _INNER_I.sub(lambda found: "l" * len(found[0]) if "X" not in found[0] else "exe", name)
    stem, dot, suffix = name.rpartition(".")
    if suffix.lower() != "sys" or stem.lower() in _DRIVERS:
        return name
    alike = [driver for driver in _DRIVERS if _shape(driver) == _shape(stem)]
    return f"{alike[0]}{dot}{suffix}" if len(alike) == 1 else name


def _shape(stem: str) -> str:
    return stem.lower().translate(_SHAPES)


def tidy_path(path: str) -> str:
    """A path with the separators that an engine took for letters, as far as the folders are known."""
    found = _LOST_SLASH.match(path)
    if found is not None:
        path = "\\" + "\\".join(part for part in found.groups() if part) + "\\" + path[found.end() :]
    folders, slash, file = path.rpartition("\\")
    path = "\\".join(_tidy_folders(folders.split("\\"))) + slash + tidy_file(file)
    bare = _letters(path)
    return next((known for known in _KNOWN_PATHS if _letters(known) == bare and known.count("\\") != path.count("\\")), path)


def _tidy_folders(names: list[str]) -> list[str]:
    """Folders of Windows put right; what stands above ``System32`` and is hardly anything else is ``Windows``."""
    names = [_tidy_folder(name) for name in names]
    above = len(names) > 2 and names[0] == "" and names[2].lower() == "system32"
    return ["", "Windows", *names[2:]] if above and likeness(names[1].lower(), "windows") >= NEAR_WINDOWS else names


def _tidy_folder(name: str) -> str:
    name = name.replace(" ", "") if name.replace(" ", "").lower() in _FOLDER_NAMES else name
    alike = [
        known for known in _FOLDERS if len(known) >= 6 and len(known) == len(name) and likeness(known.lower(), name.lower()) >= 85
    ]
    return alike[0] if alike and alike[0].lower() != name.lower() else name


def _letters(path: str) -> str:
    return path.replace("\\", "").casefold()


def percentage(texts: Iterable[str]) -> int | None:
    """The first percentage from 0 to 100; the sign may stand on the next line."""
    return next((int(found[1]) for found in PERCENT.finditer(" ".join(texts)) if int(found[1]) <= 100), None)


def key_id(texts: Iterable[str]) -> str | None:
    """BitLocker's recovery key id: a GUID, or its first eight digits."""
    joined = "\n".join(texts)
    found = _KEY_ID.search(joined) or _SHORT_KEY_ID.search(joined)
    return None if found is None else found[1].upper()


def kb_numbers(texts: Iterable[str]) -> tuple[str, ...]:
    """Every knowledge base number, each once: ``KB4049094``."""
    return tuple(dict.fromkeys(f"KB{found[1]}" for text in texts for found in _KB.finditer(text)))


def parameter_count(text: str) -> int:
    """How many numbers of a parameter's width there are, at most four."""
    return min(4, len(PARAMETER.findall(text)))


def parameters(text: str) -> tuple[str, ...]:
    """The parameters with which ``text`` begins: four numbers of one width, or nothing where one of them is unclear."""
    found: list[str] = []
    opening = _OPENING.match(text)
    at = opening.end() if opening else 0
    while len(found) < 4:
        seen = PARAMETER.match(text, at)
        digits = None if seen is None else clean_hex(seen[1])
        if seen is None or digits is None or (found and len(digits) != len(found[0])):
            return ()
        found.append(digits)
        between = _BETWEEN.match(text, seen.end())
        at = between.end() if between else seen.end()
    return tuple(f"0x{each}" for each in found)
