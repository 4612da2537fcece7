"""What to put in for a placeholder that could not be filled: one sentence a kind, with what is known of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.article import placeholders as kinds
from bootmend.article.nodes import Code, Inline, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORES = r"`\Boot\BCD` (BIOS) or `\EFI\Microsoft\Boot\BCD` (UEFI)"
_WORDS = {
    kinds.SYSTEM_LETTER: "the drive letter that this Windows gives to the system volume{systemvolume}, which holds {store}. "
    "In `diskpart`, `list volume` shows the letters, and `assign letter=S` gives one to a volume without.",
    kinds.WINDOWS_LETTER: "the drive letter that this Windows gives to the volume with the broken machine's `\\Windows` "
    "folder{windowsvolume}. It need not be C:.",
    kinds.LOADER: "the whole identifier, braces included, of the Windows Boot Loader entry: five groups of 8, 4, 4, 4 and 12 "
    "digits. `bootmend check` names it, and so does `bcdedit /store ... /enum /v`.",
    kinds.PARTITION: "the number of the system partition as `list partition` in `diskpart` shows it{systemvolume}.",
    kinds.DISK: "the number of the attached disk as `list disk` in `diskpart` shows it; usually the highest.",
    kinds.FILE: "the name of the file that the screen shows after `File:` or `What failed:`.",
    kinds.FOLDER: "the folder in which that file lies.",
    kinds.DEFAULT: "the entry that starts when nobody chooses one; bcdedit also knows it as `{{default}}`.",
    kinds.VM: "the name of the virtual machine, as the portal lists it.",
    kinds.ANY: "what its words say, as it is on your machine.",
}


def explain(kind: str, values: Mapping[str, str]) -> tuple[Inline, ...]:
    """What a placeholder of this kind stands for, on this machine where that is known."""
    volumes = {name: f" ({values[name]})" if name in values else "" for name in ("systemvolume", "windowsvolume")}
    store = f"`{values['storepath']}`" if "storepath" in values else _STORES
    words = _WORDS[kind].replace("{{", "\x01").replace("}}", "\x02").replace("{store}", store)
    pieces = words.replace("\x01", "{").replace("\x02", "}").split("`")
    return tuple(_piece(index, piece, volumes) for index, piece in enumerate(pieces) if piece)


def _piece(index: int, piece: str, volumes: Mapping[str, str]) -> Inline:
    """Every second piece stood between backticks; the machine's own names come in last, as plain text."""
    if index % 2:
        return Code(piece)
    for name, value in volumes.items():
        piece = piece.replace(f"{{{name}}}", value)
    return Text(piece)
