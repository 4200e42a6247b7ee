"""Loads config files and completes them with the defaults of the fields they leave out.

A config file is Python with a function `get_config(size: str = "")` that returns an
`ml_collections.ConfigDict`; `digits:quick` calls `get_config("quick")`. The function of a file with
one size may take no argument. Fields that the config leaves out take the defaults of
`rcjax.config.fields`.
"""

import inspect
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from rcjax.config.fields import COMMAND_FIELDS, FREE_SECTIONS, RUN_FIELDS, STUDY_FIELDS, Field
from rcjax.config.nesting import nested, plain
from rcjax.config.run_config import replaced
from rcjax.config.study_config import CommandConfig
from rcjax.errors import UserError
from rcjax.outside import expanded

_PACKAGE = Path(__file__).resolve().parents[1]
# The folder configs/: within an installed package, beside it in a checkout.
_INSTALLED = _PACKAGE / "_configs"
_CONFIGS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "configs"


def load_config(argument: str) -> ConfigDict:
    """Loads a config from `PATH`, `PATH:SIZE`, `NAME` or `NAME:SIZE`.

    Args:
        argument: the path is looked up from the current folder first, then among the configs of
            rcjax, where `digits` and `configs/digits.py` are the same.

    Returns:
        The config, complete and locked: setting a field that it does not have raises.

    Raises:
        UserError: no such file, no such size, or the file cannot be run; says which.
    """
    path, size = find_config(argument)
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
    except KeyboardInterrupt:
        raise
    # Of any kind: sys.exit(0) in a config would pass for a run that is complete.
    except BaseException as error:
        raise UserError(f"config file {path} cannot be run: {_describe(error)}") from error
    if not callable(get_config):
        raise UserError(f"config file {path} has no function get_config(size)")
    try:
        config = get_config(*_arguments_of(get_config, size))
    except ValueError as error:  # of a size that there is not
        raise UserError(f"config {argument}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UserError(f"config {argument} cannot be used: {_describe(error)}") from error
    if not isinstance(config, ConfigDict):
        raise UserError(
            f"get_config of {path} must return an ml_collections.ConfigDict, "
            f"got {type(config).__name__}"
        )
    return complete(config)


def _arguments_of(get_config: Callable[..., Any], size: str) -> tuple[str, ...]:
    """The size for a function that takes one; that of a file with a single size need not."""
    try:
        inspect.signature(get_config).bind(size)
    except TypeError:
        if size:
            raise ValueError(f"it has no sizes, got {size!r}: its get_config takes none") from None
        return ()
    return (size,)


def complete(config: ConfigDict) -> ConfigDict:
    """Returns a copy of a config with the defaults of all fields that it leaves out, locked.

    A config of an experiment other than a study is its own affair and comes back as it is.
    """
    experiment = config.get("experiment", None)
    if experiment not in (None, "study"):
        return config.copy_and_resolve_references().lock()
    fields = RUN_FIELDS if experiment is None else RUN_FIELDS | STUDY_FIELDS
    completed = ConfigDict(with_defaults(plain(config.to_dict()), fields))
    if experiment == "study":
        for section in FREE_SECTIONS:
            if section not in completed:
                completed[section] = ConfigDict()
    return completed.lock()


def command_of(config: ConfigDict) -> tuple[CommandConfig, ConfigDict]:
    """Takes the fields of the command out of a config; a study keeps its own.

    Returns:
        What the command asks for, and the rest of the config, locked.
    """
    if config.get("experiment", None) == "study":
        return CommandConfig(), config
    rest = config.copy_and_resolve_references()
    given = {name: rest[name] for name in COMMAND_FIELDS if name in rest}
    with rest.unlocked():
        for name in given:
            del rest[name]
    return replaced(CommandConfig(), given), rest.lock()


def with_defaults(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Nested dicts with the defaults of those of `fields` that `values` leaves out."""
    completed = nested({name: field.default for name, field in fields.items()})
    _merge(completed, values)
    return completed


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(name, {}), dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def find_file(name: str, kind: str) -> Path:
    """Looks a file up from the current folder first, then among the configs of rcjax.

    Args:
        name: its path.
        kind: what it is, for the message.

    Raises:
        UserError: there is no such file.
    """
    found = _lookup(name)
    if found is None:
        raise UserError(f"no {kind} {name!r}; give the path of a file")
    return found


def _lookup(name: str, suffix: str = "") -> Path | None:
    ours = Path(name.removeprefix("configs/"))
    candidates = (expanded(name), _CONFIGS / ours, _CONFIGS / f"{ours}{suffix}")
    try:
        return next((candidate for candidate in candidates if candidate.is_file()), None)
    except OSError as error:  # such as a name that is too long
        raise UserError(f"no file can be named {name[:80]!r} ({error.strerror})") from error


def find_config(argument: str) -> tuple[Path, str]:
    """Returns the absolute path of a config file, looked up as `find_file` does, and the size.

    Args:
        argument: as `load_config` takes it.

    Raises:
        UserError: there is no such file; names those that are known.
    """
    # A path may hold a colon itself; no size holds a slash.
    name, colon, size = argument.rpartition(":")
    if not colon or "/" in size or _lookup(argument, ".py"):
        name, size = argument, ""
    found = _lookup(name, ".py")
    if found is not None:
        return found.absolute(), size
    known = ", ".join(known_configs())
    raise UserError(f"no config file {name!r}; known configs: {known}; or give a path of your own")


def known_configs() -> list[str]:
    """Names of the configs that come with rcjax, such as `digits`."""
    return sorted(path.stem for path in _CONFIGS.glob("*.py"))


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
