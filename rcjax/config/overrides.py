"""Sets single fields of a config from text, as the command line gives them."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from ml_collections import ConfigDict

from rcjax.config.fields import COMMAND_FIELDS, FREE_SECTIONS, RUN_FIELDS, field_kind
from rcjax.config.nesting import flatten
from rcjax.config.run_config import CLASSIFIER_SECTION
from rcjax.errors import UserError


def apply_overrides(config: ConfigDict, overrides: Mapping[str, str]) -> None:
    """Sets fields of a config from text, in place.

    Args:
        config: the config. A field takes the type that `rcjax.config.fields` gives it; one that is
            not there, the type of its present value.
        overrides: {dotted name: value as text}, for instance {"regions.slices": "50"}.

    Raises:
        UserError: an unknown field (names the closest ones), or a value of the wrong type.
    """
    current = flatten(config.to_dict())
    # Of a study, the name of a single run: an unset variable must not stand for all of them.
    if "run" in current and not overrides.get("run", "all").strip():
        raise UserError(
            "--config.run is empty (is a variable such as $SLURM_ARRAY_TASK_ID not set?); give a "
            "run's number or name, or leave the field out to make all runs"
        )
    for name in overrides:
        if name not in current and not _may_be_added(name, config):
            raise UserError(_unknown_field(name, list(dict.fromkeys([*current, *COMMAND_FIELDS]))))
    values = {name: _parse(name, text, current.get(name)) for name, text in overrides.items()}
    # A config may have an integer where a number is asked for, and a study may get a new axis.
    with config.ignore_type(), config.unlocked():
        _update(config, values)


def _may_be_added(name: str, config: ConfigDict) -> bool:
    """Returns whether a field that the config has not is one of the command, or lies in a section
    whose fields are free.
    """
    if name in COMMAND_FIELDS:
        return True
    section = name.partition(".")[0]
    if section == CLASSIFIER_SECTION:
        free = config.get("experiment", None) in (None, "study")
    else:
        free = section in FREE_SECTIONS and section in config
    return free and field_kind(name) is not None


def _update(config: ConfigDict, flat: Mapping[str, Any]) -> None:
    for name, value in flat.items():
        *sections, last = name.split(".")
        inner = config
        for section in sections:
            if section not in inner:
                inner[section] = ConfigDict()
            inner = inner[section]
        with inner.ignore_type(), inner.unlocked():
            inner[last] = value


def unknown_axis(name: str) -> str:
    """Returns the message on an axis `grid.NAME` when NAME is no field of a run."""
    close = _closest(name, list(RUN_FIELDS))
    suggestion = f"; did you mean {' or '.join(f'grid.{field}' for field in close)}?"
    return (
        f"grid.{name} is no field of a run; any field of a run can be an axis, such as "
        f"grid.learning_rate{suggestion * bool(close)}"
    )


def _unknown_field(name: str, fields: list[str]) -> str:
    section, _, rest = name.partition(".")
    if section == "grid" and "run" in fields:  # of a study
        return unknown_axis(rest)
    inside = [field for field in fields if field.startswith(name + ".")]
    if inside:
        return f"config field {name!r} is a section; its fields are {', '.join(inside)}"
    close = _closest(name, fields)
    if not close:
        return f"no config field {name!r}; the fields are {', '.join(fields)}"
    return f"no config field {name!r}; did you mean {' or '.join(close)}?"


def _closest(name: str, fields: list[str]) -> list[str]:
    # Compared with the whole name and with its last part: "slices" should find "regions.slices".
    by_part: dict[str, list[str]] = {}
    for field in fields:
        for part in {field, field.rpartition(".")[2]}:
            by_part.setdefault(part, []).append(field)
    close = difflib.get_close_matches(name, by_part, n=3) or difflib.get_close_matches(
        name.rpartition(".")[2], by_part, n=3
    )
    return list(dict.fromkeys(field for part in close for field in by_part[part]))


_TYPE_NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def _parse(name: str, text: str, current: Any) -> Any:
    kind = field_kind(name) or type(current)
    several = get_origin(kind) is tuple
    item_kind = get_args(kind)[0] if several else kind
    if get_origin(item_kind) is tuple:
        raise UserError(
            f"config field {name} cannot be set on the command line, since each of its values is "
            f"several numbers; set it in the config file, such as {name} = ((0, 1), (-1, 2))"
        )
    try:
        if not several:
            return _parse_one(item_kind, text)
        items = text.strip().removeprefix("(").removesuffix(")").split(",")
        return tuple(_parse_one(item_kind, item.strip()) for item in items if item.strip())
    except (KeyError, ValueError) as error:
        expected = _TYPE_NAMES.get(item_kind, getattr(item_kind, "__name__", str(item_kind)))
        between = " (several between commas)" if several else ""
        raise UserError(f"config field {name} takes {expected}{between}, got {text!r}") from error


def _parse_one(kind: Any, text: str) -> Any:
    return _TRUTH[text.lower()] if kind is bool else kind(text)
