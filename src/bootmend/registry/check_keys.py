"""The tree of keys: rules 4 to 6, 8 and 10 of the checklist in ``docs/formats/regf.md``."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from bootmend.registry.check_security import Security
from bootmend.registry.check_values import Values, units
from bootmend.registry.layout import (
    BASE_SIZE,
    CELL_HEADER,
    LF,
    LH,
    LI,
    LIST_HEAD,
    LIST_HEAD_SIZE,
    NIL,
    NK,
    NK_HEAD,
    NK_SIZE,
    RI,
    KeyFlag,
)
from bootmend.registry.upcase import upcase

if TYPE_CHECKING:
    from bootmend.registry.check_cells import Cells
    from bootmend.registry.findings import Findings

DEPTH_LIMIT: Final = 512
"""Windows documents this as the deepest nesting of keys."""
HASH_LEAF_MINOR: Final = 5
"""Hives from this minor version on use hash leaves."""

_DATA: Final = BASE_SIZE + CELL_HEADER
_OFFSET: Final = Struct("<I")
_HINTED: Final = Struct("<I4s")
_HASHED: Final = Struct("<II")
_ENTRY_SIZE: Final = {LI: 4, LF: 8, LH: 8}

_COMPRESSED: Final = int(KeyFlag.COMPRESSED_NAME)
_ENTRY: Final = int(KeyFlag.HIVE_ENTRY)
_NEVER_STORED: Final = int(KeyFlag.VOLATILE | KeyFlag.HIVE_EXIT)
_PREDEFINED: Final = int(KeyFlag.PREDEFINED_HANDLE)
_LENGTH_BITS: Final = 0xFFFF
"""The largest subkey name shares its field with flags in the upper half."""


class _Node(NamedTuple):
    """What later steps need of a key node that has been checked by itself."""

    offset: int
    depth: int
    name: str
    raw_name: bytes
    name_width: int
    class_length: int
    subkeys: int
    subkey_list: int
    values: int
    value_list: int
    largest_subkey_name: int
    largest_class: int
    largest_value_name: int
    largest_value_data: int


class _Leaf(NamedTuple):
    """A list of subkeys: each entry is the offset of a key, and the hash or hint of its name (``b""`` in an ``li``)."""

    offset: int
    entries: list[tuple[int, int | bytes]]


class KeyTree:
    """Walks all keys from the root, and checks each with its values and its list of subkeys."""

    __slots__ = ("_buffer", "_cells", "_findings", "_hashes", "_minor", "_security", "_upper", "_values")

    def __init__(self, cells: Cells, minor: int, findings: Findings) -> None:
        self._cells = cells
        self._buffer = cells.buffer
        self._minor = minor
        self._findings = findings
        self._values = Values(cells, minor, findings)
        self._security = Security(cells, findings)
        self._upper: dict[bytes, str] = {}
        self._hashes: dict[str, int] = {}

    def check(self, root: int) -> None:
        """Check the tree below the root key's cell, and the security cells that it uses."""
        node = self._node(root, NIL, 1)
        pending = [node] if node else []
        while pending:
            node = pending.pop()
            if node.values or node.value_list != NIL:
                self._values.check(node.offset, node.values, node.value_list, node.largest_value_name, node.largest_value_data)
            if node.subkeys:
                pending += self._subkeys(node)
            elif node.subkey_list != NIL:
                self._findings.error("subkey-list", node.offset, f"it has no subkeys, but a list {node.subkey_list:#x} of them")
        self._security.check()

    def _node(self, offset: int, parent: int, depth: int) -> _Node | None:
        """Check one key node by itself; the root has no parent (NIL)."""
        room = self._cells.claim(offset, NK_SIZE, "subkey", parent if parent != NIL else offset)
        if not room:
            return None
        start = _DATA + offset
        fields = NK_HEAD.unpack_from(self._buffer, start)
        signature, flags, _, _, up, subkeys, volatile, subkey_list, _, values, value_list, security, class_offset = fields[:13]
        largest_subkey, largest_class, largest_name, largest_data, _, name_length, class_length = fields[13:]
        if signature != NK:
            self._findings.error("key-signature", offset, f"a key should be here, but it begins with {signature!r}")
            return None
        if NK_SIZE + name_length > room:
            self._findings.error("key-name", offset, f"its name of {name_length} bytes does not fit the cell")
            return None
        if parent != NIL and up != parent:
            self._findings.error("key-parent", offset, f"it says that its parent is {up:#x}, but it is a subkey of {parent:#x}")
        if volatile:
            self._findings.warning("key-volatile", offset, f"it counts {volatile} volatile subkeys, which are never in a file")
        self._check_flags(offset, flags, is_root=parent == NIL)
        self._check_class(offset, class_offset, class_length)
        self._security.refer(security, offset)
        raw = bytes(self._buffer[start + NK_SIZE : start + NK_SIZE + name_length])
        name = self._name(offset, raw, flags, is_root=parent == NIL)
        width = name_length * 2 if flags & _COMPRESSED else name_length
        if flags & _PREDEFINED:  # the fields of the values hold a handle
            values, value_list = 0, NIL
        return _Node(
            offset, depth, name, raw, width, class_length, subkeys, subkey_list, values, value_list,
            largest_subkey & _LENGTH_BITS, largest_class, largest_name, largest_data,
        )  # fmt: skip

    def _check_flags(self, offset: int, flags: int, *, is_root: bool) -> None:
        if flags & _NEVER_STORED:
            self._findings.error("key-flags", offset, f"its flags {flags:#x} say that it is volatile or a mount point")
        if is_root != bool(flags & _ENTRY):
            message = "it is the root key, but not flagged as such" if is_root else "it is flagged as a root key, but is none"
            self._findings.error("key-root-flag", offset, message)

    def _check_class(self, offset: int, class_offset: int, length: int) -> None:
        if length:
            self._cells.claim(class_offset, length, "class name", offset)
        elif class_offset != NIL:
            self._findings.error("key-class", offset, f"it has no class name, but a cell {class_offset:#x} for it")

    def _name(self, offset: int, raw: bytes, flags: int, *, is_root: bool) -> str:
        """Return the upper-case name, one character per UTF-16 unit."""
        if flags & _COMPRESSED:
            name = self._upper.get(raw)
            if name is None:
                name = self._upper[raw] = upcase(raw.decode("latin-1"))
        else:
            name = self._wide_name(offset, raw)
        if not name:
            self._findings.error("key-name", offset, "it has no name")
        elif "\\" in name and not is_root:
            self._findings.error("key-name", offset, f"its name {name!r} has a backslash")
        return name

    def _wide_name(self, offset: int, raw: bytes) -> str:
        if len(raw) % 2:
            self._findings.error("key-name", offset, "its UTF-16 name has an odd number of bytes")
        name = units(raw)
        if name and max(name) < "\u0100":
            self._findings.error("key-name-wide", offset, "its name is stored as UTF-16 although every unit fits a byte")
        return upcase(name)

    # -- lists of subkeys ---------------------------------------------------------------------------

    def _subkeys(self, key: _Node) -> list[_Node]:
        """Check a key's list of subkeys, and every subkey by itself; return those to go on with."""
        children: list[_Node] = []
        count = longest_name = longest_class = 0
        last = None
        for leaf, entries in self._leaves(key):
            count += len(entries)
            for offset, proof in entries:
                child = self._node(offset, key.offset, key.depth + 1)
                if child is None:
                    continue
                children.append(child)
                self._check_proof(leaf, proof, child)
                name = child.name
                if last is not None and name <= last:
                    self._report_order(child, last)
                last = name
                longest_name = max(longest_name, child.name_width)
                longest_class = max(longest_class, child.class_length)
        if count != key.subkeys:
            self._findings.error("subkey-count", key.offset, f"it counts {key.subkeys} subkeys, but its list has {count}")
        self._check_largest(key, "subkey-name", key.largest_subkey_name, longest_name)
        self._check_largest(key, "class", key.largest_class, longest_class)
        if children and key.depth >= DEPTH_LIMIT:
            self._findings.error("key-depth", key.offset, f"its subkeys lie deeper than {DEPTH_LIMIT} levels")
        return children

    def _report_order(self, child: _Node, last: str) -> None:
        if child.name == last:
            self._findings.error("subkey-duplicate", child.offset, f"its parent has another subkey named {last!r}")
        else:
            self._findings.error("subkey-order", child.offset, f"its name {child.name!r} should come before {last!r}")

    def _check_largest(self, key: _Node, what: str, stored: int, real: int) -> None:
        if stored < real:
            self._findings.error(f"largest-{what}", key.offset, f"the largest {what} below it is {real} bytes, not {stored}")
        elif stored > real:
            self._findings.warning(
                f"largest-{what}-stale", key.offset, f"the largest {what} below it is {real} bytes, not {stored}"
            )

    def _leaves(self, key: _Node) -> list[_Leaf]:
        """Return the leaves of a key's list of subkeys: itself, or those that an index names."""
        signature, count = self._list_head(key.subkey_list, "subkey list", key.offset)
        if signature != RI:
            leaf = self._leaf(key.subkey_list, signature, count)
            return [leaf] if leaf else []
        if count == 0:
            self._findings.error("list-empty", key.subkey_list, "the index of subkey lists is empty")
        found = []
        for (offset,) in _OFFSET.iter_unpack(self._entries(key.subkey_list, 4, count)):
            signature, length = self._list_head(offset, "subkey list", key.subkey_list)
            if signature == RI:
                self._findings.error("list-nested", offset, "an index of subkey lists refers to another index")
            elif leaf := self._leaf(offset, signature, length):
                found.append(leaf)
        return found

    def _list_head(self, offset: int, what: str, owner: int) -> tuple[bytes, int]:
        """Return the signature and number of entries of a list; no signature where it cannot be used."""
        if not self._cells.claim(offset, LIST_HEAD_SIZE, what, owner):
            return b"", 0
        signature, count = LIST_HEAD.unpack_from(self._buffer, _DATA + offset)
        return signature, count

    def _entries(self, offset: int, size: int, count: int) -> bytes:
        """Return the bytes of ``count`` entries of a list, or none where they do not fit its cell."""
        if LIST_HEAD_SIZE + size * count > self._cells.room(offset):
            self._findings.error("list-length", offset, f"{count} entries do not fit the cell")
            return b""
        start = _DATA + offset + LIST_HEAD_SIZE
        return bytes(self._buffer[start : start + size * count])

    def _leaf(self, offset: int, signature: bytes, count: int) -> _Leaf | None:
        size = _ENTRY_SIZE.get(signature)
        if size is None:
            if signature:
                self._findings.error("list-signature", offset, f"a subkey list should be here, but it begins with {signature!r}")
            return None
        if count == 0:
            self._findings.error("list-empty", offset, "the subkey list is empty")
        if (signature == LH) != (self._minor >= HASH_LEAF_MINOR):
            kind = signature.decode("ascii")
            self._findings.error("list-kind", offset, f"a hive of version 1.{self._minor} has no subkey lists of kind {kind!r}")
        data = self._entries(offset, size, count)
        if signature == LI:
            return _Leaf(offset, [(entry, b"") for (entry,) in _OFFSET.iter_unpack(data)])
        return _Leaf(offset, list((_HASHED if signature == LH else _HINTED).iter_unpack(data)))

    # -- hashes and hints -----------------------------------------------------------------------------

    def _check_proof(self, leaf: int, proof: int | bytes, child: _Node) -> None:
        """Check the hash (a number) or hint (four bytes) that a list holds of a subkey's name."""
        if not isinstance(proof, int):
            if proof:
                self._check_hint(leaf, proof, child)
            return
        expected = self._hashes.get(child.name)
        if expected is None:
            expected = self._hashes[child.name] = name_hash(child.name)
        if proof != expected:
            self._findings.error("list-hash", leaf, f"the hash {proof:#010x} of {child.name!r} should be {expected:#010x}")

    def _check_hint(self, leaf: int, hint: bytes, child: _Node) -> None:
        """Check a hint: the first four characters, a byte each, or a first byte of 0 where one of them has none.

        Beyond ASCII a wrong hint is only a warning: a hive made by Windows is known in which the hint of
        U+009F is 81 (yarp's CompHive), and a reader finds the key all the same.
        """
        is_compressed = child.name_width == 2 * len(child.raw_name)
        if is_compressed and hint == child.raw_name[:4].ljust(4, b"\0"):
            return
        head = child.raw_name[:4].decode("latin-1") if is_compressed else units(child.raw_name[:8])
        expected = head.encode("latin-1").ljust(4, b"\0") if all(unit < "\u0100" for unit in head) else b"\0" + hint[1:]
        if hint != expected:
            report = self._findings.error if head.isascii() else self._findings.warning
            report("list-hint", leaf, f"the hint {hint!r} of {child.name!r} should be {expected!r}")


def name_hash(upper: str) -> int:
    """Return the hash of an upper-case name (one character per UTF-16 unit) as hash leaves hold it.

    Written apart from the editor's own, so that one does not repeat the other's mistake.
    """
    result = 0
    for unit in upper:
        result = (37 * result + ord(unit)) & NIL
    return result
