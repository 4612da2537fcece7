"""CompactOS: chunks as wimlib packs them, in WIM files and in files of an NTFS volume."""

from __future__ import annotations

import base64
import os
import random
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootmend.errors import BootmendError, CorruptError, RefusedError, UnsupportedError
from bootmend.filesystem.ntfs import NtfsTree
from bootmend.filesystem.ntfs.wof import lzx, xpress
from bootmend.source import MemorySource
from tests.filesystem.build_ntfs import DATA, HOLE, Attr, NtfsBuilder
from tests.filesystem.test_ntfs_names import wof
from tests.support import fuzz_cases, needs

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"".join(b"\xe8\x00\x01\x00\x00%d green bottles hanging on the wall\r\n" % (n * n) for n in range(40))
"""With E8 bytes, so that LZX' translation of call targets has something to do."""
BY_WIMLIB = {  # wimcapture --compress=XPRESS --chunk-size=4096, --compress=LZX --chunk-size=32768 (wimlib 1.13)
    0: (
        "b^rhX00(dY00000000001poj500000MrBl0RR91000000000000000000000U<Xi8b^rxs0Cxp&00000000000000000000000000000000000"
        "000000000000000000000000000000000001^@s600000000002LJ#7000000000000000000000000000000000000000000000Z~y=R0000`"
        "000000000`000000000`000000000m000000000$000000000`00000000000000000000000000000000000000000000000000PU~sfrK&OR"
        "yrNq3KhDM#m-I=h(OlwH`zq(WzvI+jQC3jd7tOyH*0LBc%NML`7g%^00?-(&@ED3(7~RDgF@qT_3>hq-8KT7*cG($*9~mqg7;w<xkQrxi85tjT"
        "42Bs9SQvw27)1jZZo?U{!x_NA8Q~!r0)iP0;u%6tOBxzsR2d`@8Io)nOXwPDPLORG@|YU4KN`m-0N@k=00"
    ),
    1: (
        "Z6E-m001KZU_~GRcWyBBF);eD6cq0Sdw1Tx4D=3di-qH0IAs~^V&E25Ha0{?fkBOpiIp}6&@?c!fFS??5dbQp5`cRK{7^&9sAQdq62jO@-PjXP"
        "6BGWu00;m800031n3)=Z`&hs46z9+x3PE8nS(bOv6a_C$FAARA|MnQoMJMGK6-TDYv(#sc66?(t#z78jNuzIM#ff_$WSkZoQz_X3gOb*e>yX1V"
        "M-Dc5g(UNggHohv-oOZJjydKkuHA!>tIb(prqGl)(ga;dS2gE4pK_eL@3*8%`-w(ZPpfs??h}3o=vrSpUAFT0y~18<7F(6Jt}MBAl8j9l|1f<`"
        "em@7cQ-cQ~f3vpxo4!Gq*t&tq)yh45+1O??0MG"
    ),
}
CHUNKS = {0: 4096, 1: 32768, 2: 8192, 3: 16384}
UNPACK: dict[int, Callable[[bytes, int], bytes]] = {0: xpress.unpack, 1: lzx.unpack}


def compact_file(packed: bytes, size: int, algorithm: int) -> NtfsTree:
    """A volume with one file that CompactOS has compressed."""
    builder = NtfsBuilder()
    stream = builder.clustered(DATA, packed, name="WofCompressedData")
    hole = Attr(DATA, runs=[(HOLE, -(-size // builder.cluster))], size=size, flags=0x8000)
    builder.add("winload.exe", hole, stream, wof(algorithm), flags=0x620)
    return NtfsTree(MemorySource(builder.finish()))


@pytest.mark.parametrize("algorithm", [0, 1])
def test_a_chunk_that_wimlib_packed(algorithm: int) -> None:
    assert UNPACK[algorithm](base64.b85decode(BY_WIMLIB[algorithm]), len(TEXT)) == TEXT


@pytest.mark.parametrize("algorithm", [0, 1])
def test_a_compact_file_is_read_and_not_written(algorithm: int) -> None:
    file = compact_file(base64.b85decode(BY_WIMLIB[algorithm]), len(TEXT), algorithm).open("\\winload.exe")
    assert file.size == len(TEXT)
    assert file.read_at(0, file.size) == TEXT
    assert file.read_at(1000, 77) == TEXT[1000:1077]
    with pytest.raises(RefusedError, match="compressed by CompactOS"):
        file.write_at(0, b"x")
    with pytest.raises(UnsupportedError, match="do not lie on the volume as they are"):
        file.locate(0, 1)
    assert "reparse" in [obstacle.kind for obstacle in file.obstacles()]


def test_chunks_that_are_stored_as_they_are() -> None:
    """A chunk of its full length was not worth packing; the table has the ends of all but the last."""
    data = random.Random(7).randbytes(10_000)
    packed = struct.pack("<II", 4096, 8192) + data
    assert compact_file(packed, len(data), 0).read("\\winload.exe") == data


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (b"", "no room for the table"),
        (struct.pack("<II", 9999, 5) + bytes(100), "cannot be"),
        (bytes(8) + bytes(100), "cannot be"),
    ],
)
def test_a_damaged_table(packed: bytes, words: str) -> None:
    with pytest.raises(CorruptError, match=words):
        compact_file(packed, 10_000, 0).read("\\winload.exe")


@pytest.mark.parametrize("algorithm", [0, 1])
def test_damaged_chunks_end_in_our_errors_only(algorithm: int) -> None:
    rng, good = random.Random(11), base64.b85decode(BY_WIMLIB[algorithm])
    damaged = 0
    for _ in range(fuzz_cases(400)):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            assert len(UNPACK[algorithm](bytes(data[: rng.randrange(len(data) + 1)]), len(TEXT))) == len(TEXT)
        except BootmendError:
            damaged += 1
    assert damaged > 100


@pytest.mark.oracle
@pytest.mark.parametrize("algorithm", CHUNKS)
@pytest.mark.parametrize("kind", ["program", "text", "zeros"])
def test_files_that_wimcapture_packed(algorithm: int, kind: str, tmp_path: Path) -> None:
    needs("wimcapture")
    program = Path(os.path.realpath("/bin/bash")).read_bytes()[:300_000]
    data = {"program": program, "text": TEXT * 100, "zeros": bytes(70_000)}[kind]
    resource = wim_resource(data, tmp_path, "LZX" if algorithm == 1 else "XPRESS", CHUNKS[algorithm])
    assert compact_file(resource, len(data), algorithm).read("\\winload.exe") == data


def wim_resource(data: bytes, folder: Path, compression: str, chunk: int) -> bytes:
    """The packed bytes of a file in a WIM, whose resources are laid out like WOF's stream ([MS-WIM] lookup table, resources)."""
    (folder / "in").mkdir()
    (folder / "in" / "file").write_bytes(data)
    wim = folder / "out.wim"
    command: list[str | Path] = [
        "wimcapture",
        folder / "in",
        wim,
        f"--compress={compression}",
        f"--chunk-size={chunk}",
        "--no-acls",
    ]
    subprocess.run(command, check=True, capture_output=True)
    raw = wim.read_bytes()
    length, start = int.from_bytes(raw[0x30:0x37], "little"), int.from_bytes(raw[0x38:0x40], "little")
    for at in range(start, start + length, 50):
        packed, flags = int.from_bytes(raw[at : at + 7], "little"), raw[at + 7]
        offset, size = struct.unpack_from("<QQ", raw, at + 8)
        if size == len(data) and not flags & 2:
            return raw[offset : offset + packed]
    raise AssertionError("the WIM does not hold the file")
