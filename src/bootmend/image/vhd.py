"""VHD: find the footer, judge it, and open the disk that it describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.errors import CorruptError, TruncatedError
from bootmend.image.base import FlatImage, Reference
from bootmend.image.vhd_dynamic import DynamicVhd
from bootmend.image.vhd_layout import (
    DIFFERENCING,
    FIXED,
    FOOTER_COOKIE,
    HEADER_SIZE,
    SECTOR,
    Footer,
    footer_checksum_ok,
    header_checksum_ok,
    parent_names,
    parse_footer,
    parse_header,
)

if TYPE_CHECKING:
    from bootmend.image.base import Image
    from bootmend.image.open import Links
    from bootmend.image.vhd_layout import Header
    from bootmend.source.base import Source

_OTHER_FORMATS = (b"vhdxfile", b"QFI\xfb", b"KDMV", b"COWD", b"# Disk DescriptorFile")
_OTHERS = "; Windows and Azure may refuse the file"


def open_vhd(base: Source, head: bytes, tail: bytes, links: Links, _seed: bytes) -> Image | None:
    """Open ``base`` as a VHD, or return None if it is none.

    ``head`` and ``tail`` are its first and last 512 bytes (or more).  The footer at the end counts; its
    copy at offset 0 (dynamic disks only) stands in when the end is damaged or cut off.

    Raises:
        CorruptError: a VHD with no usable footer, or with an impossible header or block table.
        TruncatedError: the file ends before its disk does.
        MissingError: the parent of a differencing disk is not to be had.
    """
    end, end_size = _footer_at_end(tail)
    copy = head[:SECTOR] if head.startswith(FOOTER_COOKIE) and len(head) >= SECTOR else None
    if copy is not None and _kind(copy) == FIXED:
        copy = None  # a fixed disk has no copy: this is what the guest wrote to its first sector
    if copy is not None and base.size < 2 * SECTOR:
        end = None  # a file cut down to its first sector: what is at the end is the copy
    if end is not None and head.startswith(_OTHER_FORMATS):
        if not footer_checksum_ok(end):
            return None  # the end of a file of another format, where its guest keeps what looks like a footer
        message = "its first bytes are those of one image format and its last those of a VHD: which counts cannot be told"
        raise CorruptError(message, hint="cut the last 512 bytes off a copy, if they were appended by mistake")
    if end is None and copy is None:
        return None
    remarks: list[str] = []
    footer, raw = _choose_footer(end, copy, remarks)
    if footer.saved_state:
        remarks.append(
            "the VHD says that its machine is in a saved state: changes to it are lost or harmful when that is resumed"
        )
    limit = base.size - (end_size if end is not None else 0)
    if footer.kind == FIXED:
        return _open_fixed(base, footer, limit, remarks)
    image = _open_dynamic(base, footer, raw, limit, remarks, links)
    if end is None:
        _refuse_truncated(image, base.size)
    return image


def _footer_at_end(tail: bytes) -> tuple[bytes | None, int]:
    """Find the footer in the last bytes; before Virtual PC 2004 it had 511 of them (VHD 1.0, "Hard Disk Footer Format")."""
    if tail[-SECTOR:].startswith(FOOTER_COOKIE):
        return tail[-SECTOR:], SECTOR
    if tail[1 - SECTOR :].startswith(FOOTER_COOKIE):
        return tail[1 - SECTOR :] + b"\0", SECTOR - 1
    return None, 0


def _kind(footer: bytes) -> int:
    return int.from_bytes(footer[60:64], "big")


def _choose_footer(end: bytes | None, copy: bytes | None, remarks: list[str]) -> tuple[Footer, bytes]:
    """The footer that counts, and its bytes."""
    if end is not None and footer_checksum_ok(end):
        if _kind(end) != FIXED and copy != end:
            what = "is missing" if copy is None else "differs from it"
            remarks.append(f"the footer at the end of the VHD was used; its copy at the start {what}")
        return parse_footer(end), end
    if copy is not None and footer_checksum_ok(copy):
        remarks.append(f"the VHD footer at the end is damaged; its copy at the start was used{_OTHERS}")
        return parse_footer(copy), copy
    if end is not None and end == copy:
        # Two equal copies with a wrong sum were written so, not damaged: such files exist and are sound otherwise.
        remarks.append(f"the checksum of the VHD footer is wrong in both of its copies, which agree{_OTHERS}")
        return parse_footer(end), end
    place = "at the end" if end is not None else "at the start"
    raise CorruptError(f"the checksum of the VHD footer {place} is wrong and there is no good copy of it", at="VHD footer")


def _open_fixed(base: Source, footer: Footer, limit: int, remarks: list[str]) -> FlatImage:
    if footer.size > limit:
        missing = footer.size - limit
        raise TruncatedError(f"the fixed VHD is cut short: {missing} of its disk's {footer.size} bytes are missing")
    if footer.size < limit:
        remarks.append(f"{limit - footer.size} bytes lie between the end of the disk and the VHD footer")
    image = FlatImage(base, "VHD fixed", footer.size, remarks)
    image.linkage = footer.unique_id
    return image


def _open_dynamic(base: Source, footer: Footer, raw: bytes, limit: int, remarks: list[str], links: Links) -> DynamicVhd:
    cut = limit == base.size
    data = _part(base, footer.header_offset, HEADER_SIZE, "the dynamic disk header", cut=cut)
    header = parse_header(data, footer.size, differencing=footer.kind == DIFFERENCING)
    if not header_checksum_ok(data):
        remarks.append(f"the checksum of the VHD's header leaves its parent out{_OTHERS}")
    table_end = header.table + header.entries * 4
    if table_end > limit:
        _part(base, header.table, header.entries * 4, "the block table", cut=cut)
        raise CorruptError(
            f"the block table ends at {table_end:#x}, past the data's end at {limit:#x}", at="VHD dynamic disk header"
        )
    parent = _open_parent(base, header, data, links) if footer.kind == DIFFERENCING else None
    remarks += [f"its parent: {remark}" for remark in (parent.remarks if parent else ())]
    image = DynamicVhd(base, footer.size, header, footer.header_offset, limit, remarks, footer=raw, parent=parent)
    image.linkage = footer.unique_id
    return image


def _open_parent(base: Source, header: Header, data: bytes, links: Links) -> Image:
    """Open what a differencing disk builds on, and see that it is the disk that it was made for.

    Raises:
        MissingError: it is not to be had.
        CorruptError: another disk lies there by that name.
    """
    reference = Reference("parent", parent_names(base, data))
    parent = links.image(reference)
    if parent.linkage != header.parent_id:
        message = f"{reference} is another disk than the one that this VHD builds on, or no VHD: their identifiers differ"
        raise CorruptError(message, hint="name the right one with  --parent FILE")
    return parent


def _part(base: Source, offset: int, length: int, what: str, *, cut: bool) -> bytes:
    """Read a part of the file that must be there; a file without its footer has been cut, not corrupted."""
    if offset + length <= base.size:
        return base.read_at(offset, length)
    if cut:
        raise TruncatedError(f"the dynamic VHD is cut short: {what} alone needs {offset + length - base.size} more bytes")
    raise CorruptError(f"{what} should lie at {offset:#x}, past the end of the file", at="VHD footer")


def _refuse_truncated(image: DynamicVhd, size: int) -> None:
    """Without a footer at the end, the block table tells whether more than the footer is lost."""
    end = image.data_end()
    if end > size:
        raise TruncatedError(f"the dynamic VHD is cut short: {end + SECTOR - size} of its {end + SECTOR} bytes are missing")
