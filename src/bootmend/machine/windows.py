"""The Windows installations of a computer, told from their files and hives."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bootmend.errors import BootmendError, CorruptError, MissingError, place
from bootmend.machine.hives import OpenedHive, open_hive, readable_hive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine.volumes import Volume
    from bootmend.registry import Hive, Key

CONFIG = "System32\\config"


class Service:
    """A service or driver of the current control set."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.name = key.name

    def integer(self, name: str) -> int | None:
        """A number among its values, such as ``Start``; None where there is none."""
        value = self.key.value(name)
        return None if value is None else value.integer()

    @property
    def start(self) -> int | None:
        """0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled."""
        return self.integer("Start")

    @property
    def error_control(self) -> int | None:
        """0 ignore, 1 normal, 2 severe, 3 critical."""
        return self.integer("ErrorControl")

    @property
    def image_path(self) -> str:
        """The driver or program file as it is written; empty where there is none."""
        value = self.key.value("ImagePath")
        return "" if value is None else value.text()


class WindowsInstallation:
    """A directory with a Windows in it; ``root`` is its path on the volume, usually ``\\Windows``."""

    def __init__(self, volume: Volume, root: str) -> None:
        self.volume = volume
        self.root = root

    def path(self, relative: str) -> str:
        """The path on the volume of a file below the Windows directory."""
        return f"{self.root}\\{relative}"

    def hive_path(self, name: str) -> str:
        """The path of a machine hive: ``SYSTEM``, ``SOFTWARE`` ..."""
        return self.path(f"{CONFIG}\\{name}")

    @property
    def where(self) -> str:
        """``volume 2 \\Windows``."""
        return self.volume.where(self.root)

    @cached_property
    def system(self) -> OpenedHive:
        """The SYSTEM hive as Windows would load it: recovered from its logs if it is dirty."""
        return open_hive(self.volume, self.hive_path("SYSTEM"))

    @cached_property
    def _system_as_it_lies(self) -> Hive | None:
        return readable_hive(self.volume, self.hive_path("SYSTEM"))

    @cached_property
    def _software_as_it_lies(self) -> Hive | None:
        return readable_hive(self.volume, self.hive_path("SOFTWARE"))

    @cached_property
    def control_set(self) -> str:
        """The name of the current control set, from this installation's own ``Select``.

        Raises:
            MissingError: ``Select\\Current`` is not there or names a control set that is not there.
        """
        with place(self.volume.where(self.hive_path("SYSTEM"))):
            return _control_set(self.system.hive)

    def control_key(self, path: str) -> Key | None:
        """A key below ``Control`` of the current control set."""
        return self.system.hive.key(f"{self.control_set}\\Control\\{path}")

    def services(self) -> Iterator[Service]:
        """Yield the services of the current control set."""
        key = self.system.hive.key(f"{self.control_set}\\Services")
        if key is not None:
            for sub in key.subkeys():
                yield Service(sub)

    @cached_property
    def service_list(self) -> tuple[Service, ...]:
        """The services, found once: several rules look at all of them."""
        return tuple(self.services())

    @cached_property
    def boot_drivers(self) -> tuple[Service, ...]:
        """The drivers that the loader reads before Windows runs: kernel and file system drivers with ``Start`` 0."""
        return tuple(one for one in self.service_list if one.start == 0 and one.integer("Type") in (1, 2))

    # -- what is only shown -----------------------------------------------------------------------
    @cached_property
    def product(self) -> str:
        """The product's name, ``Windows Server 2019 Datacenter``; empty where it cannot be read."""
        return self._current_version("ProductName")

    @cached_property
    def build(self) -> str:
        """The build, with its update revision where known: ``17763.3650``."""
        build = self._current_version("CurrentBuildNumber") or self._current_version("CurrentBuild")
        revision = self._current_version("UBR")
        return f"{build}.{revision}" if build and revision else build

    @cached_property
    def edition(self) -> str:
        """The edition id: ``ServerDatacenter``."""
        return self._current_version("EditionID")

    @cached_property
    def system_root(self) -> str:
        """Where this Windows says that it is, with its letter: ``C:\\Windows``; empty where it cannot be read."""
        return self._current_version("SystemRoot")

    def _current_version(self, name: str) -> str:
        return _shown(self._software_as_it_lies, "Microsoft\\Windows NT\\CurrentVersion", name)

    @cached_property
    def computer(self) -> str:
        """The computer's name; empty where it cannot be read."""
        hive = self._system_as_it_lies
        if hive is None:
            return ""
        try:
            control = _control_set(hive)
        except BootmendError:
            return ""
        return _shown(hive, f"{control}\\Control\\ComputerName\\ComputerName", "ComputerName")


def _control_set(hive: Hive) -> str:
    select = hive.key("Select")
    current = select.value("Current") if select else None
    if current is None:
        raise MissingError("Select\\Current is missing")
    name = f"ControlSet{current.integer():03d}"
    if hive.key(name) is None:
        raise CorruptError(f"Select\\Current names {name}, which is not there")
    return name


def _shown(hive: Hive | None, path: str, name: str) -> str:
    """A value as text for people; empty for whatever reason it cannot be had."""
    if hive is None:
        return ""
    try:
        key = hive.key(path)
        value = key.value(name) if key else None
        if value is None:
            return ""
        return value.text() if value.type in (1, 2) else str(value.integer())
    except BootmendError:
        return ""


def find_windows(volumes: list[Volume]) -> Iterator[WindowsInstallation]:
    """Yield the directories of each volume's root that hold ``System32\\config``, ``\\Windows`` first.

    Only ``\\Windows`` is looked for first; another name is found where a loader says so.
    """
    for volume in volumes:
        entry = volume.tree.lookup("\\Windows\\System32\\config")
        if entry is not None and entry.is_directory:
            yield WindowsInstallation(volume, "\\" + _stored_name(volume, "\\Windows"))


def _stored_name(volume: Volume, path: str) -> str:
    entry = volume.tree.lookup(path)
    return entry.name if entry else path.lstrip("\\")
