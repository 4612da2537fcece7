"""One small NTFS volume for tests of damage."""

from __future__ import annotations

from tests.filesystem.build_ntfs import DATA, HOLE, Attr, NtfsBuilder


def small_volume() -> tuple[NtfsBuilder, bytearray]:
    """A volume with files of each kind of storage; the builder tells where things are."""
    builder = NtfsBuilder(fanout=4)
    builder.add_directory("Boot")
    builder.add("Boot\\BCD", builder.clustered(DATA, b"b" * 9000, pieces=2))
    builder.add("Boot\\small", Attr(DATA, b"resident"))
    for index in range(12):
        builder.add(f"Boot\\other{index:02}", Attr(DATA, b""))
    runs = builder.store(b"l" * 8192, pieces=2)
    extents = [[Attr(DATA, runs=runs[:1], size=8192)], [Attr(DATA, runs=runs[1:], lowest=1)]]
    builder.add("listed", extensions=extents)
    packed = [(builder.allocate(2), 2), (HOLE, 14)]
    builder.add("packed", Attr(DATA, runs=packed, size=65536, flags=0x0001, unit=4))
    return builder, bytearray(builder.finish())


def record_at(builder: NtfsBuilder, path_or_number: str | int) -> int:
    """Where a file record begins on the volume, for records that do not cross clusters."""
    number = path_or_number if isinstance(path_or_number, int) else builder.paths[path_or_number]
    return builder.mft_places[number // 4] * 4096 + number % 4 * 1024
