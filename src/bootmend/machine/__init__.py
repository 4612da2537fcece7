"""The offline computer: its volumes, boot stores and Windows installations, read lazily."""

from bootmend.machine.devices import (
    device_for,
    element_text,
    locate_file,
    partitions_in,
    printer,
    same_partition,
    volume_of,
    volume_text,
    volumes_named,
)
from bootmend.machine.hives import OpenedHive, open_hive
from bootmend.machine.loaders import (
    device_value,
    installation_of,
    is_default,
    loader_details,
    loader_text,
    own_stores,
    starts_windows,
    store_details,
    text_value,
)
from bootmend.machine.machine import Machine
from bootmend.machine.stores import BootStore
from bootmend.machine.volumes import Volume, listed
from bootmend.machine.windows import WindowsInstallation
from bootmend.machine.workspace import Workspace

__all__ = [
    "BootStore",
    "Machine",
    "OpenedHive",
    "Volume",
    "WindowsInstallation",
    "Workspace",
    "device_for",
    "device_value",
    "element_text",
    "installation_of",
    "is_default",
    "listed",
    "loader_details",
    "loader_text",
    "locate_file",
    "open_hive",
    "own_stores",
    "partitions_in",
    "printer",
    "same_partition",
    "starts_windows",
    "store_details",
    "text_value",
    "volume_of",
    "volume_text",
    "volumes_named",
]
