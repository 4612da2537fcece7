"""Pending servicing: what an update has begun and not finished, as the hives keep it.

Files (``WinSxS\\pending.xml``, ``poqexec.log``) are for those who have the file tree; this reads the hives SOFTWARE, COMPONENTS
and SYSTEM.  Package states are those of the "CBS Servicing States" chart (Microsoft TechNet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.registry import Hive, Key
    from bootmend.registry.values import Value

CBS = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"
SIDE_BY_SIDE = "Microsoft\\Windows\\CurrentVersion\\SideBySide\\Configuration"
STATES = {
    0: "Absent",
    5: "Uninstall Pending",
    16: "Resolving",
    32: "Resolved",
    48: "Staging",
    64: "Staged",
    80: "Superseded",
    96: "Install Pending",
    101: "Partially Installed",
    112: "Installed",
    128: "Permanent",
}
UNSETTLED = frozenset({5, 16, 48, 96, 101})
"""States in which a package waits for the next start, or was left."""
MOST_PACKAGES = 50_000
MOST_SHOWN = 200
_COMPONENTS = ("PendingXmlIdentifier", "PoqexecFailure", "ExecutionState", "RepairTransactionPended", "AIFailureInformation")
_TEXTS = frozenset({1, 2, 7})
"""SZ, EXPAND_SZ, MULTI_SZ"""
_CONFIGURATION = ("PoqexecCmdline", "DontRunPoqexecInSmss")


class Package(NamedTuple):
    """A package of the component store that is not settled, and its state in Microsoft's words."""

    name: str
    state: str


class Mark(NamedTuple):
    """A key or value whose being there says that something is pending: the hive, its path, and what it holds."""

    hive: str
    path: str
    value: str


class Servicing(NamedTuple):
    """``packages`` counts those of each state, ``unsettled`` are those that wait, ``marks`` what else says so."""

    packages: tuple[tuple[str, int], ...] = ()
    unsettled: tuple[Package, ...] = ()
    marks: tuple[Mark, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "packages": dict(self.packages),
            "unsettled": [one._asdict() for one in self.unsettled],
            "marks": [one._asdict() for one in self.marks],
        }


def read_servicing(software: Hive | None, components: Hive | None, system: Hive | None, control_set: str) -> Servicing:
    """Look at the hives that are there; ``control_set`` is the current one, ``ControlSet001``.

    Raises:
        CorruptError: a hive is damaged there.
    """
    states = dict(_states(software)) if software else {}
    unsettled = [Package(name, STATES[state]) for name, state in states.items() if state in UNSETTLED]
    marks = [
        *(_software_marks(software) if software else ()),
        *(_values("COMPONENTS", components.root, "", _COMPONENTS) if components else ()),
        *(_session_manager(system, control_set) if system else ()),
    ]
    return Servicing(tuple(_counts(states)), tuple(unsettled[:MOST_SHOWN]), tuple(marks))


def _states(software: Hive) -> Iterator[tuple[str, int]]:
    packages = software.key(f"{CBS}\\Packages")
    for number, package in enumerate(packages.subkeys() if packages else ()):
        state = package.value("CurrentState")
        if state is not None:
            yield package.name, state.integer()
        if number >= MOST_PACKAGES:
            return


def _counts(states: dict[str, int]) -> Iterator[tuple[str, int]]:
    values = list(states.values())
    for state in sorted(set(values)):
        yield STATES.get(state, f"state {state}"), values.count(state)


def _software_marks(software: Hive) -> Iterator[Mark]:
    for name in ("RebootPending", "RebootInProgress", "PackagesPending", "SessionsPending"):
        key = software.key(f"{CBS}\\{name}")
        if key is None:
            continue
        if name == "SessionsPending":
            yield from _values("SOFTWARE", key, key.path, ("Exclusive",))
        elif name.startswith("Reboot") or key.subkey_count:
            yield Mark("SOFTWARE", key.path, f"{key.subkey_count} keys" if key.subkey_count else "the key is there")
    configuration = software.key(SIDE_BY_SIDE)
    if configuration is not None:
        yield from _values("SOFTWARE", configuration, configuration.path, _CONFIGURATION)


def _session_manager(system: Hive, control_set: str) -> Iterator[Mark]:
    key = system.key(f"{control_set}\\Control\\Session Manager")
    for name in ("SetupExecute", "PendingFileRenameOperations"):
        value = key.value(name) if key else None
        texts = _all_texts(value) if value else []
        if key is not None and texts:
            shown = "; ".join(texts[:4]) if name == "SetupExecute" else f"{len(texts)} paths"
            yield Mark("SYSTEM", f"{key.path}\\{name}", shown)


def _values(hive: str, key: Key, path: str, names: tuple[str, ...]) -> Iterator[Mark]:
    for name in names:
        value = key.value(name)
        if value is not None and any(value.data):
            where = f"{path}\\{name}" if path else name
            yield Mark(hive, where, "; ".join(_all_texts(value))[:200] if value.type in _TEXTS else value.data[:16].hex())


def _all_texts(value: Value) -> list[str]:
    """The texts of a value, beyond the empty ones too: a list of renames holds one for each file that is deleted."""
    return [text for text in value.data.decode("utf-16-le", "replace").split("\0") if text]
