"""Defaults for options, from the environment and from a file.

``BOOTMEND_<COMMAND>_<OPTION>`` sets an option of a command, such as ``BOOTMEND_CHECK_FORMAT=json``.  The file is the
one that ``BOOTMEND_CONFIG`` names, else ``bootmend/config.toml`` in the platform's folder for settings::

    color = "never"          # for every command that has --color

    [check]
    format = "json"
    rule = ["imc-config-init-failed"]

What is typed comes first, then the environment, then the command's table, then the top of the file.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bootmend.errors import UsageError

CONSENTS = ("yes", "unsafe", "discard-hibernation", "offer")
"""Not from a file: consent is given for one deed, not once and for all."""


class Command(click.Command):
    """A command each of whose options can be given in ``BOOTMEND_<COMMAND>_<OPTION>``."""

    def __init__(self, name: str, **attributes: Any) -> None:  # noqa: ANN401 (click has thirteen of them)
        super().__init__(name, **attributes)
        _name_variables(self, f"bootmend_{name}")


class Group(click.Group):
    """A command of several; their variables have both names: ``BOOTMEND_CATALOG_LIST_FORMAT``."""

    command_class = Command

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command."""
        super().add_command(cmd, name)
        _name_variables(cmd, f"bootmend_{self.name}_{cmd.name}")


def _name_variables(command: click.Command, prefix: str) -> None:
    for word, option in _options(command).items():
        option.envvar = f"{prefix}_{word}".upper().replace("-", "_")


def apply_settings(context: click.Context, name: str, command: click.Command, commands: tuple[str, ...]) -> None:
    """Give a command that is about to run its defaults from the file.

    Raises:
        UsageError: the file cannot be understood.
    """
    path = config_path()
    if path:
        settings = _read(path)
        _refuse_unknown_tables(path, settings, commands)
        context.default_map = {name: _defaults(path, name, command, settings, settings.get(name, {}))}


def config_path() -> str | None:
    """The file of settings, if there is one.

    Raises:
        UsageError: ``BOOTMEND_CONFIG`` names a file that is not there.
    """
    named = os.environ.get("BOOTMEND_CONFIG")
    if named:
        if not os.path.isfile(named):
            raise UsageError(f"there is no file {named}, which BOOTMEND_CONFIG names")
        return named
    path = os.path.join(_config_folder(), "bootmend", "config.toml")
    return path if os.path.isfile(path) else None


def _config_folder() -> str:
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.environ.get("APPDATA") or os.path.join(home, "AppData", "Roaming")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support")
    # The XDG base directory specification: a relative path is to be ignored.
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return base if os.path.isabs(base) else os.path.join(home, ".config")


def _words(option: click.Parameter) -> str:
    """An option's own name, without dashes in front: ``serial-console``."""
    return max(option.opts, key=len).lstrip("-")


def _options(command: click.Command) -> dict[str, click.Option]:
    return {_words(option): option for option in command.params if isinstance(option, click.Option)}


def _read(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a file of settings (TOML): {error}") from error


def _refuse_unknown_tables(path: str, settings: dict[str, Any], commands: tuple[str, ...]) -> None:
    for name, value in settings.items():
        if isinstance(value, dict) and name not in commands:
            raise UsageError(f"there is no command {name!r}", at=path, hint=f"the commands are {', '.join(commands)}")


def _defaults(path: str, name: str, command: click.Command, shared: dict[str, Any], own: object) -> dict[str, Any]:
    """The ``default_map`` of one command: its own table over what stands at the top of the file."""
    if not isinstance(own, dict):
        raise UsageError(f"{name} is a command: its settings are a table, [{name}]", at=path)
    options = _options(command)
    members = command.commands if isinstance(command, click.Group) else {}
    defaults: dict[str, Any] = {}
    for word, value in shared.items():
        word = word.replace("_", "-")
        if word in options and not isinstance(value, dict):
            defaults[options[word].name or word] = _value(path, word, options[word], value)
    for word, value in own.items():
        word = word.replace("_", "-")
        if word in options:
            defaults[options[word].name or word] = _value(path, f"{name}.{word}", options[word], value)
        elif word not in members:
            known = ", ".join(sorted(set(options) - set(CONSENTS))) or ", ".join(members)
            raise UsageError(f"{name} has no setting {word!r}", at=path, hint=f"it has {known}")
    for member, inner in members.items():
        defaults[member] = _defaults(path, f"{name}.{member}", inner, shared, own.get(member, {}))
    return defaults


def _value(path: str, name: str, option: click.Option, value: object) -> object:
    if name.rpartition(".")[2] in CONSENTS:
        raise UsageError(f"{name} cannot be set in a file: consent is given on the command line", at=path)
    if option.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{name} is true or false", at=path)
        return value
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        return tuple(_text(path, name, one) for one in values)
    return _text(path, name, value)


def _text(path: str, name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UsageError(f"{name} is a text", at=path)
    return str(value)
