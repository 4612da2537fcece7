"""Makes small NTFS volumes field by field, from the documentation.

Nothing of bootmend is used here: offsets are written out as the NTFS documentation of the Linux-NTFS
project gives them, so that a wrong offset in bootmend's layout cannot hide. ``test_ntfs_oracle.py``
lets other readers confirm that these volumes are what they claim to be.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

STANDARD, LIST, NAME, LABEL, INFO, DATA, ROOT, ALLOCATION, REPARSE = 0x10, 0x20, 0x30, 0x60, 0x70, 0x80, 0x90, 0xA0, 0xC0
MODIFIED = 132_000_000_000_000_000
HOLE = None
Runs = list[tuple[int | None, int]]


@dataclass
class Attr:
    """One attribute: resident with a ``value``, or else ``runs`` of (LCN or HOLE, clusters) from VCN ``lowest`` on."""

    type: int
    value: bytes | None = None
    name: str = ""
    runs: Runs = field(default_factory=list)
    size: int = 0
    valid: int | None = None
    lowest: int = 0
    flags: int = 0
    unit: int = 0
    cluster: int = 4096

    def encode(self, instance: int) -> bytes:
        name = self.name.encode("utf-16-le")
        if self.value is not None:
            start = _up(0x18 + len(name), 8)
            body = struct.pack("<IHBB", len(self.value), start, 0, 0) + name
            body = body.ljust(start - 0x10, b"\0") + self.value
            name_at = 0x18
        else:
            pairs = encode_runs(self.runs)
            name_at = 0x48 if self.unit else 0x40  # a compressed attribute also tells its size on disk
            start = _up(name_at + len(name), 8)
            highest = self.lowest + sum(count for _, count in self.runs) - 1
            valid = self.size if self.valid is None else self.valid
            sizes = (0, 0, 0) if self.lowest else (_up(self.size, self.cluster << self.unit), self.size, valid)
            body = struct.pack("<QqHH4xQQQ", self.lowest, highest, start, self.unit, *sizes)
            if self.unit:
                body += struct.pack("<Q", sum(count for lcn, count in self.runs if lcn is not HOLE) * self.cluster)
            body = (body + name).ljust(start - 0x10, b"\0") + pairs
        length = _up(0x10 + len(body), 8)
        head = struct.pack("<IIBBHHH", self.type, length, self.value is None, len(self.name), name_at, self.flags, instance)
        return (head + body).ljust(length, b"\0")


def encode_runs(runs: Runs) -> bytes:
    out, before = bytearray(), 0
    for lcn, count in runs:
        length = _signed(count)
        place = b"" if lcn is HOLE else _signed(lcn - before)
        out += bytes([len(place) << 4 | len(length)]) + length + place
        before = before if lcn is HOLE else lcn
    return bytes(out) + b"\0"


def _signed(number: int) -> bytes:
    size = 1
    while not -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
        size += 1
    return number.to_bytes(size, "little", signed=True)


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def protect(record: bytearray, array: int, number: int = 7) -> bytes:
    """Set the update sequence of a record whose array lies at ``array``."""
    words = len(record) // 512 + 1
    struct.pack_into("<HH", record, 4, array, words)
    struct.pack_into("<H", record, array, number)
    for sector in range(1, words):
        record[array + 2 * sector : array + 2 * sector + 2] = record[sector * 512 - 2 : sector * 512]
        struct.pack_into("<H", record, sector * 512 - 2, number)
    return bytes(record)


def file_name(parent: int, name: str, *, size: int = 0, directory: bool = False, namespace: int = 1, flags: int = 0x20) -> bytes:
    flags |= 0x10000000 if directory else 0
    times = (MODIFIED,) * 4
    head = struct.pack("<QQQQQQQII", parent | 1 << 48, *times, _up(size, 4096), size, flags, 0)
    raw = name.encode("utf-16-le", "surrogatepass")
    return head + bytes([len(raw) // 2, namespace]) + raw


def upcase_table() -> list[int]:
    """One to one, as Windows' tables are; no unit beyond ASCII becomes ASCII."""
    table = []
    for unit in range(0x10000):
        upper = chr(unit).upper() if not 0xD800 <= unit < 0xE000 else chr(unit)
        one = len(upper) == 1 and ord(upper) < 0x10000 and (unit < 128 or ord(upper) >= 128)
        table.append(ord(upper) if one else unit)
    return table


@dataclass
class Record:
    attrs: list[Attr] = field(default_factory=list)
    flags: int = 1
    sequence: int = 1
    base: int = 0


class NtfsBuilder:
    """A volume in the making; ``finish()`` returns its bytes.

    ``fanout`` is how many names a block of an index holds at most: a small one makes deep trees.
    """

    def __init__(
        self,
        *,
        cluster: int = 4096,
        sector: int = 512,
        record: int = 1024,
        block: int = 4096,
        clusters: int = 512,
        fanout: int = 12,
    ) -> None:
        self.cluster, self.sector, self.record, self.block = cluster, sector, record, block
        self.clusters, self.fanout = clusters, fanout
        self.image = bytearray(cluster * clusters + sector)
        self.records: dict[int, Record] = {}
        self.names: dict[int, list[tuple[bytes, int]]] = {5: []}
        self.paths: dict[str, int] = {"": 5}
        self.next_cluster = max(2, 16384 // cluster)
        self.next_record = 24
        self.upcase = upcase_table()
        self.label = "TEST"
        self.volume_flags = 0
        self.log = b"\xff" * 65536
        self.mft_records = 96
        self.mft_pieces = 1
        self.moved_mft_extents = False
        self.index_places: dict[int, list[int]] = {}
        self.mft_places: list[int] = []
        self.log_lcn = self.mirror = 0

    # -- clusters ------------------------------------------------------------------------------------

    def allocate(self, count: int) -> int:
        lcn = self.next_cluster
        self.next_cluster += count
        assert self.next_cluster <= self.clusters, "the volume under construction is full"
        return lcn

    def put(self, lcn: int, data: bytes) -> None:
        self.image[lcn * self.cluster : lcn * self.cluster + len(data)] = data

    def store(self, data: bytes, pieces: int = 1) -> Runs:
        """Store data in ``pieces`` runs, the later ones before the earlier ones and with gaps between."""
        total = max(1, _up(len(data), self.cluster) // self.cluster)
        counts = [total // pieces + (index < total % pieces) for index in range(pieces)]
        places = [self.allocate(count + 1) for count in reversed(counts)][::-1]
        done = 0
        for lcn, count in zip(places, counts, strict=True):
            self.put(lcn, data[done : done + count * self.cluster])
            done += count * self.cluster
        return list(zip(places, counts, strict=True))

    def clustered(self, kind: int, data: bytes, pieces: int = 1, name: str = "", valid: int | None = None) -> Attr:
        return Attr(kind, name=name, runs=self.store(data, pieces), size=len(data), valid=valid, cluster=self.cluster)

    # -- files ---------------------------------------------------------------------------------------

    def new_record(self, record: Record, number: int | None = None) -> int:
        if number is None:
            number = self.next_record
            self.next_record += 1
        self.records[number] = record
        return number

    def add(
        self,
        path: str,
        *data: Attr,
        extensions: list[list[Attr]] | None = None,
        directory: bool = False,
        size: int = 0,
        flags: int = 0x20,
        namespace: int = 1,
        clustered_list: bool = False,
    ) -> int:
        """Add a file or directory; ``extensions`` are attributes that lie in records of their own."""
        folder, _, name = path.rpartition("\\")
        parent = self.paths[folder]
        key = file_name(parent, name, size=size, directory=directory, namespace=namespace, flags=flags)
        standard = struct.pack("<QQQQI12x", *(MODIFIED,) * 4, flags)
        attrs = [Attr(STANDARD, standard), Attr(NAME, key), *data]
        number = self.new_record(Record(attrs, flags=3 if directory else 1))
        lines = [(attr, number, instance) for instance, attr in enumerate(attrs)]
        for extension in extensions or []:
            other = self.new_record(Record(extension, base=number | 1 << 48))
            lines += [(attr, other, instance) for instance, attr in enumerate(extension)]
        if extensions:
            self._add_list(attrs, lines, clustered=clustered_list)
        self.names[parent].append((key, number | 1 << 48))
        self.paths[path] = number
        if directory:
            self.names[number] = []
        return number

    def _add_list(self, attrs: list[Attr], lines: list[tuple[Attr, int, int]], *, clustered: bool) -> None:
        out = bytearray()
        for attr, number, instance in sorted(lines, key=lambda line: (line[0].type, line[0].lowest)):
            name = attr.name.encode("utf-16-le")
            length = _up(0x1A + len(name), 8)
            head = struct.pack("<IHBBQQH", attr.type, length, len(attr.name), 0x1A, attr.lowest, number | 1 << 48, instance)
            out += (head + name).ljust(length, b"\0")
        attrs.append(self.clustered(LIST, bytes(out)) if clustered else Attr(LIST, bytes(out)))

    def add_directory(self, path: str) -> int:
        return self.add(path, directory=True, flags=0x10)

    def add_name(self, path: str, number: int, namespace: int = 2) -> None:
        """Another name of a file in its directory: a DOS name, a hard link."""
        folder, _, name = path.rpartition("\\")
        parent = self.paths[folder]
        self.names[parent].append((file_name(parent, name, namespace=namespace), number | 1 << 48))

    # -- indexes -------------------------------------------------------------------------------------

    def _sorted(self, names: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        def key(entry: tuple[bytes, int]) -> list[int]:
            raw = entry[0][66:]
            return [self.upcase[unit] for unit in struct.unpack(f"<{len(raw) // 2}H", raw)]

        return sorted(names, key=key)

    def _index(self, directory: int) -> list[Attr]:
        blocks: list[bytes] = []
        entries = self._sorted(self.names[directory])
        unit = self.cluster if self.cluster <= self.block else 512
        step = self.block // unit
        root = self._node(entries, blocks, step, limit=min(4, self.fanout))
        head = struct.pack("<IIIB3x", NAME, 1, self.block, max(1, step & 0xFF))
        attrs = [Attr(ROOT, head + self._header(root, 16, len(blocks) > 0) + root, name="$I30")]
        if blocks:
            allocation = self.clustered(ALLOCATION, b"".join(blocks), name="$I30")
            self.index_places[directory] = [
                lcn * self.cluster + at
                for lcn, count in allocation.runs
                if lcn
                for at in range(0, count * self.cluster, self.block)
            ][: len(blocks)]
            attrs.append(allocation)
        return attrs

    def _node(self, entries: list[tuple[bytes, int]], blocks: list[bytes], step: int, limit: int) -> bytes:
        """Encode the entries of a node; what does not fit goes into blocks below it."""
        if len(entries) <= limit:
            return b"".join([_entry(key, reference, None) for key, reference in entries]) + _entry(b"", 0, None)
        children = min(limit + 1, -(-len(entries) // (limit + 1)) + 1)
        size = (len(entries) - (children - 1)) / children
        out, start = b"", 0
        for index in range(children):
            end = len(entries) if index == children - 1 else round((index + 1) * (size + 1)) - 1
            vcn = self._add_block(entries[start:end], blocks, step)
            key, reference = entries[end] if end < len(entries) else (b"", 0)
            out += _entry(key, reference, vcn)
            start = end + 1
        return out

    def _add_block(self, entries: list[tuple[bytes, int]], blocks: list[bytes], step: int) -> int:
        index = len(blocks)
        blocks.append(b"")
        node = self._node(entries, blocks, step, self.fanout)
        data = bytearray(self.block)
        data[:4] = b"INDX"
        struct.pack_into("<QQ", data, 8, 0, index * step)
        first = _up(0x28 + 2 * (self.block // 512 + 1), 8)
        has_children = len(entries) > self.fanout
        struct.pack_into("<IIII", data, 0x18, first - 0x18, first - 0x18 + len(node), self.block - 0x18, has_children)
        data[first : first + len(node)] = node
        assert len(data) == self.block, "too many names for an index block"
        blocks[index] = protect(data, 0x28)
        return index * step

    @staticmethod
    def _header(node: bytes, first: int, large: bool) -> bytes:
        return struct.pack("<IIII", first, first + len(node), first + len(node), large)

    # -- the volume ----------------------------------------------------------------------------------

    def finish(self) -> bytes:
        for directory in self.names:
            if directory != 5:
                self.records[directory].attrs += self._index(directory)
        self._system_files()
        mft = self.mft_places = self._place_mft()
        for number in range(self.mft_records):
            raw = self.encode_record(number)
            at = mft[number * self.record // self.cluster] * self.cluster + number * self.record % self.cluster
            if self.record <= self.cluster:
                self.image[at : at + self.record] = raw
            else:
                for part in range(0, self.record, self.cluster):
                    self.put(mft[(number * self.record + part) // self.cluster], raw[part : part + self.cluster])
        mirror = b"".join([self.encode_record(number) for number in range(4)])
        self.put(self.mirror, mirror)
        self._boot_sector(mft[0])
        return bytes(self.image)

    def _system_files(self) -> None:
        self.mirror = self.allocate(max(1, 4 * self.record // self.cluster))
        self._system(
            1, "$MFTMirr", Attr(DATA, runs=[(self.mirror, max(1, 4 * self.record // self.cluster))], size=4 * self.record)
        )
        log = self.clustered(DATA, self.log)
        self.log_lcn = log.runs[0][0] or 0
        self._system(2, "$LogFile", log)
        info = struct.pack("<8xBBH", 3, 1, self.volume_flags)
        self._system(3, "$Volume", Attr(LABEL, self.label.encode("utf-16-le")), Attr(INFO, info), Attr(DATA, b""))
        self._system(10, "$UpCase", self.clustered(DATA, struct.pack("<65536H", *self.upcase)))
        self.names[5].append((file_name(5, "$MFT"), 1 << 48))
        self.names[5].append((file_name(5, ".", directory=True), 5 | 5 << 48))
        standard = struct.pack("<QQQQI12x", *(MODIFIED,) * 4, 6)
        attrs = [Attr(STANDARD, standard), Attr(NAME, file_name(5, ".", directory=True)), *self._index(5)]
        self.records[5] = Record(attrs, flags=3, sequence=5)

    def _system(self, number: int, name: str, *data: Attr) -> None:
        standard = struct.pack("<QQQQI12x", *(MODIFIED,) * 4, 6)
        attrs = [Attr(STANDARD, standard), Attr(NAME, file_name(5, name)), *data]
        self.records[number] = Record(attrs, sequence=max(1, number))
        self.names[5].append((file_name(5, name), number | max(1, number) << 48))

    def _place_mft(self) -> list[int]:
        """Allocate the $MFT and describe it in record 0; its cluster numbers, one after another, are returned."""
        size = self.mft_records * self.record
        runs = self.store(bytes(size), self.mft_pieces)
        places = [lcn + index for lcn, count in runs for index in range(count) if lcn]
        standard = struct.pack("<QQQQI12x", *(MODIFIED,) * 4, 6)
        attrs = [Attr(STANDARD, standard), Attr(NAME, file_name(5, "$MFT"))]
        whole = Attr(DATA, runs=runs, size=size, cluster=self.cluster)
        if not self.moved_mft_extents:
            self.records[0] = Record([*attrs, whole])
            return places
        first = Attr(DATA, runs=runs[:1], size=size, cluster=self.cluster)
        attrs.append(first)
        lines = [(attr, 0, instance) for instance, attr in enumerate(attrs)]
        lowest = runs[0][1]
        for index, run in enumerate(runs[1:]):
            extent = Attr(DATA, runs=[run], lowest=lowest)
            self.records[12 + index] = Record([extent], base=1 << 48)
            lines.append((extent, 12 + index, 0))
            lowest += run[1]
        self._add_list(attrs, lines, clustered=False)
        self.records[0] = Record(attrs)
        return places

    def encode_record(self, number: int) -> bytes:
        record = self.records.get(number, Record(flags=0))
        data = bytearray(self.record)
        data[:4] = b"FILE"
        first = _up(0x30 + 2 * (self.record // 512 + 1), 8)
        at = first
        ordered = sorted(enumerate(record.attrs), key=lambda pair: (pair[1].type, pair[1].lowest))
        for instance, attr in ordered:
            raw = attr.encode(instance)
            data[at : at + len(raw)] = raw
            at += len(raw)
        data[at : at + 4] = b"\xff" * 4
        at += 8
        assert at <= self.record, f"the attributes of record {number} do not fit"
        struct.pack_into(
            "<QHHHHIIQHHI", data, 8, 0, record.sequence, 1, first, record.flags, at, self.record, record.base, 99, 0, number
        )
        return protect(data, 0x30)

    def _boot_sector(self, mft: int) -> None:
        sectors = self.cluster // self.sector
        boot = bytearray(512)
        boot[:3] = b"\xeb\x52\x90"
        boot[3:11] = b"NTFS    "
        struct.pack_into("<HB", boot, 11, self.sector, sectors if sectors <= 128 else 256 - (sectors.bit_length() - 1))
        boot[21] = 0xF8
        code = [_size_code(size, self.cluster) for size in (self.record, self.block)]
        struct.pack_into(
            "<IQQQbxxxbxxxQ", boot, 0x24, 0x800080, self.clusters * sectors, mft, self.mirror, *code, 0x1234567890ABCDEF
        )
        boot[510:] = b"\x55\xaa"
        self.image[:512] = boot
        self.image[-self.sector : len(self.image) - self.sector + 512] = boot


def _size_code(size: int, cluster: int) -> int:
    return size // cluster if size >= cluster else -(size.bit_length() - 1)


def _entry(key: bytes, reference: int, child: int | None) -> bytes:
    length = _up(16 + len(key), 8) + (8 if child is not None else 0)
    flags = (1 if child is not None else 0) | (0 if key else 2)
    out = (struct.pack("<QHHI", reference, length, len(key), flags) + key).ljust(length, b"\0")
    return out if child is None else out[:-8] + struct.pack("<Q", child)
