"""Evidence of a machine: what the readers of ``evidence/`` tell of its volumes and of each Windows on it.

Nothing here decides; what cannot be read is a gap that is said, and never hides the rest.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bootmend.engine.recorded import EVENT_LOG, BootFile, DumpFile, Letter, MachineEvidence, PlainFile, WindowsEvidence
from bootmend.errors import BootmendError, MissingError, UnsupportedError
from bootmend.evidence.boot_status import parse_boot_status
from bootmend.evidence.boots import read_history
from bootmend.evidence.drive_letters import drive_letters
from bootmend.evidence.dump import read_dump
from bootmend.evidence.free_space import free_space
from bootmend.evidence.logs import cbs_errors, driver_errors, setup_errors
from bootmend.evidence.pe import read_program
from bootmend.evidence.servicing import read_servicing
from bootmend.evidence.startup_repair import parse_startup_repair
from bootmend.evidence.text import tail
from bootmend.evidence.times import filetime_text
from bootmend.machine import open_hive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bootmend.engine.diagnose import Report
    from bootmend.engine.target import Target
    from bootmend.evidence.drive_letters import DriveLetter
    from bootmend.evidence.free_space import FreeSpace
    from bootmend.evidence.pe import Program
    from bootmend.evidence.servicing import Servicing
    from bootmend.machine import Machine, Volume, WindowsInstallation
    from bootmend.registry import Hive

T = TypeVar("T")

STARTUP_REPAIR = "System32\\LogFiles\\Srt\\SrtTrail.txt"
MEMORY_DUMP = "MEMORY.DMP"
MINI_DUMPS = "Minidump"
BOOT_STATUS = "bootstat.dat"
CBS_LOG = "Logs\\CBS\\CBS.log"
DRIVER_LOG = "INF\\setupapi.dev.log"
SETUP_LOG = "Panther\\setuperr.log"
SERVICING_FILES = ("WinSxS\\pending.xml", "WinSxS\\poqexec.log", "WinSxS\\reboot.xml")
LARGEST_TRAIL = 4 << 20
LOG_TAIL = 256 << 10
MOST_MINI_DUMPS = 50
MOST_DRIVERS = 500
SYSTEM_FILES = ("\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "\\EFI\\Boot\\bootx64.efi", "\\EFI\\Boot\\bootaa64.efi")
WINDOWS_FILES = tuple(
    f"System32\\{name}" for name in ("winload.exe", "winload.efi", "ntoskrnl.exe", "hal.dll", "ci.dll", "smss.exe", "csrss.exe")
)


def with_evidence(report: Report, target: Target, *, checksums: bool = False) -> Report:
    """A report with the evidence of the machine that it is about, and what reading that cost."""
    started = time.perf_counter()
    evidence = gather(target.machine, checksums=checksums)
    spent = time.perf_counter() - started
    return replace(report, evidence=evidence, seconds=report.seconds + spent, bytes_read=target.bytes_read)


def gather(machine: Machine, *, checksums: bool = False) -> MachineEvidence:
    """Look at a machine; ``checksums`` reads the programs whole."""
    if machine.layout_failure is not None:
        return MachineEvidence((), (), (), (("volumes", str(machine.layout_failure)),))
    gatherer = _Gatherer(machine, checksums=checksums)
    windows = tuple(gatherer.windows(one) for one in machine.windows)
    return MachineEvidence(windows, tuple(gatherer.files()), tuple(gatherer.space()), tuple(gatherer.gaps))


class _Gatherer:
    def __init__(self, machine: Machine, *, checksums: bool) -> None:
        self.machine = machine
        self.checksums = checksums
        self.gaps: list[tuple[str, str]] = []

    def attempt(self, what: str, read: Callable[..., T], *arguments: object) -> T | None:
        """What ``read`` gives for the arguments; None where nothing is there, and None with a gap where it cannot be read."""
        try:
            return read(*arguments)
        except MissingError:
            return None
        except BootmendError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.gaps.append((what, f"{error}{hint}"))
            return None

    # -- one Windows ------------------------------------------------------------------------------
    def windows(self, one: WindowsInstallation) -> WindowsEvidence:
        """All that one Windows tells."""
        volume = one.volume

        def read(path: str, reader: Callable[[str], T]) -> T | None:
            full = one.path(path)
            return self.attempt(volume.where(full), reader, full) if self._there(volume, full) else None

        return WindowsEvidence(
            where=one.where,
            dumps=tuple(self._dumps(one)),
            history=read(EVENT_LOG, lambda path: read_history(volume.tree.open(path))),
            servicing=self.attempt(f"{one.where} servicing", self._servicing, one),
            servicing_files=tuple(self._plain_files(one)),
            startup_repair=read(STARTUP_REPAIR, lambda path: parse_startup_repair(_whole(volume, path))),
            boot_status=read(BOOT_STATUS, lambda path: parse_boot_status(_head(volume, path))),
            letters=tuple(self.attempt(f"{one.where} drive letters", self._letters, one) or ()),
            errors=tuple(self._errors(one)),
        )

    def _there(self, volume: Volume, path: str) -> bool:
        entry = self.attempt(volume.where(path), volume.tree.lookup, path)
        return entry is not None and not entry.is_directory and entry.size > 0

    def _dumps(self, one: WindowsInstallation) -> Iterator[DumpFile]:
        small = self.attempt(one.volume.where(one.path(MINI_DUMPS)), mini_dumps, one) or []
        for path in (one.path(MEMORY_DUMP), *small):
            if self._there(one.volume, path):
                found = self.attempt(one.volume.where(path), _dump_file, one.volume, path)
                if found is not None:
                    yield found

    def _servicing(self, one: WindowsInstallation) -> Servicing:
        """What the three hives say; one that cannot be read is a gap, and the others are read all the same."""
        system = self.attempt(f"{one.where} control set", _system, one)
        hive, control_set = system or (None, "")
        return read_servicing(self._hive(one, "SOFTWARE"), self._hive(one, "COMPONENTS"), hive, control_set)

    def _hive(self, one: WindowsInstallation, name: str) -> Hive | None:
        path = one.hive_path(name)
        return self.attempt(one.volume.where(path), _hive, one.volume, path)

    def _plain_files(self, one: WindowsInstallation) -> Iterator[PlainFile]:
        for name in SERVICING_FILES:
            path = one.path(name)
            entry = self.attempt(one.volume.where(path), one.volume.tree.lookup, path)
            if entry is not None and not entry.is_directory:
                yield PlainFile(one.volume.where(path), entry.size, filetime_text(entry.modified))

    def _letters(self, one: WindowsInstallation) -> list[Letter]:
        return [Letter(letter, self._volume_of(letter)) for letter in drive_letters(one.system.hive)]

    def _volume_of(self, letter: DriveLetter) -> str:
        return next((volume.name for volume in self.machine.volumes if self._means(letter, volume)), "")

    def _means(self, letter: DriveLetter, volume: Volume) -> bool:
        part, table = volume.partition, self.machine.table
        if part is None or table is None:
            return False
        if letter.partition_id:
            return part.guid == letter.partition_id
        return bool(letter.disk_id) and table.disk_id == letter.disk_id and part.offset == letter.offset

    def _errors(self, one: WindowsInstallation) -> Iterator[tuple[str, tuple[str, ...]]]:
        readers = ((CBS_LOG, cbs_errors), (SETUP_LOG, setup_errors), (DRIVER_LOG, driver_errors))
        for name, reader in readers:
            path = one.path(name)
            if self._there(one.volume, path):
                text = self.attempt(one.volume.where(path), _log, one.volume, path)
                lines = reader(text) if text else []
                if lines:
                    yield one.volume.where(path), tuple(lines)

    # -- the files that start it ------------------------------------------------------------------
    def files(self) -> Iterator[BootFile]:
        """The boot manager, the loader, the kernel, and the drivers that are loaded at once."""
        for volume in self.machine.readable_volumes:
            yield from self._programs(volume, ((path, "") for path in SYSTEM_FILES))
        for one in self.machine.windows:
            yield from self._programs(one.volume, ((one.path(path), "") for path in WINDOWS_FILES))
            drivers = self.attempt(f"{one.where} drivers", boot_drivers, one)
            yield from self._programs(one.volume, drivers or ())

    def _program(self, volume: Volume, path: str) -> Program:
        return read_program(volume.tree.open(path), checksum=self.checksums)

    def _programs(self, volume: Volume, paths: Iterable[tuple[str, str]]) -> Iterator[BootFile]:
        for path, service in paths:
            if self._there(volume, path):
                program = self.attempt(volume.where(path), self._program, volume, path)
                if program is not None:
                    yield BootFile(volume.where(path), service, program)

    def space(self) -> Iterator[tuple[str, FreeSpace]]:
        """How full the volumes are."""
        for volume in self.machine.readable_volumes:
            found = self.attempt(f"{volume.name} free space", _space, volume)
            if found is not None:
                yield volume.name, found


def mini_dumps(one: WindowsInstallation) -> list[str]:
    """The paths of the small dumps, the newest first.

    Raises:
        ReadError: the directory cannot be read.
    """
    folder = one.path(MINI_DUMPS)
    entries = one.volume.tree.list(folder) if one.volume.tree.lookup(folder) else ()
    files = [entry for entry in entries if not entry.is_directory and entry.name.lower().endswith(".dmp")]
    newest = sorted(files, key=lambda entry: entry.modified, reverse=True)
    return [f"{folder}\\{entry.name}" for entry in newest[:MOST_MINI_DUMPS]]


def boot_drivers(one: WindowsInstallation) -> list[tuple[str, str]]:
    """Path and name of the drivers with Start 0.

    Raises:
        ReadError: the SYSTEM hive cannot be read.
    """
    first = [service for service in one.services() if service.start == 0][:MOST_DRIVERS]
    return [(driver_path(one, service.name, service.image_path), service.name) for service in first]


def driver_path(one: WindowsInstallation, name: str, image: str) -> str:
    """The path on its volume of a driver's file; where none is given, it is the service's name in System32\\drivers."""
    text = image.strip().strip('"').replace("/", "\\")
    lowered = text.lower()
    for prefix in ("\\systemroot\\", "%systemroot%\\", "\\??\\c:\\windows\\", "c:\\windows\\"):
        if lowered.startswith(prefix):
            return one.path(text[len(prefix) :])
    return one.path(text.lstrip("\\")) if text else one.path(f"System32\\drivers\\{name}.sys")


def _whole(volume: Volume, path: str) -> bytes:
    """A small text; one that is larger than any of its kind is not read.

    Raises:
        UnsupportedError: it is too large.
    """
    file = volume.tree.open(path)
    if file.size > LARGEST_TRAIL:
        raise UnsupportedError(f"its {file.size} bytes are more than a log of Startup Repair has")
    return file.read_at(0, file.size)


def _system(one: WindowsInstallation) -> tuple[Hive, str]:
    return one.system.hive, one.control_set


def _hive(volume: Volume, path: str) -> Hive:
    return open_hive(volume, path).hive


def _log(volume: Volume, path: str) -> str:
    return tail(volume.tree.open(path), LOG_TAIL)[0]


def _space(volume: Volume) -> FreeSpace | None:
    return free_space(volume.tree)


def _head(volume: Volume, path: str) -> bytes:
    file = volume.tree.open(path)
    return file.read_at(0, min(512, file.size))


def _dump_file(volume: Volume, path: str) -> DumpFile:
    file = volume.tree.open(path)
    return DumpFile(volume.where(path), file.size, filetime_text(file.entry.modified), read_dump(file))
