"""The fields of configs by their dotted names, with types and defaults.

A config states what it changes; all other fields take their defaults. Nothing heavy is imported
here, so that the command line stays quick.
"""

import dataclasses
import types
import typing
from typing import Any, NamedTuple

from rcjax.config.run_config import CLASSIFIER_SECTION, RunConfig
from rcjax.config.study_config import CommandConfig, StudyConfig


class Field(NamedTuple):
    """Type and default of one field. The kind `tuple[float, ...]` holds several numbers."""

    kind: Any
    default: Any


def _fields_of(section: type, prefix: str = "") -> dict[str, Field]:
    found: dict[str, Field] = {}
    kinds = typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        kind = kinds[field.name]
        if dataclasses.is_dataclass(kind):
            found |= _fields_of(typing.cast(type, kind), f"{prefix}{field.name}.")
        elif field.name != CLASSIFIER_SECTION:
            found[prefix + field.name] = Field(kind, field.default)
    return found


# Of one training run.
RUN_FIELDS: dict[str, Field] = _fields_of(RunConfig)

# Of a study, a grid of runs, besides those of its runs and the free sections grid and variants.
STUDY_FIELDS: dict[str, Field] = _fields_of(StudyConfig)

# Of a command, besides those of its run.
COMMAND_FIELDS: dict[str, Field] = _fields_of(CommandConfig)

FREE_SECTIONS = ("grid", "variants")  # of a study: their fields are those of a run


def free_value(text: str) -> Any:
    """Reads a text as its most likely type, for a field whose type is not known here.

    >>> [free_value(text) for text in ("3", "0.5", "true", "none", "gini")]
    [3, 0.5, True, None, 'gini']
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def field_kind(name: str) -> Any:
    """Returns the type of a field by its dotted name; None if no field is called that.

    For hyperparameters of classical classifiers, it is `free_value`.

    >>> field_kind("regions.slices"), field_kind("grid.learning_rate"), field_kind("slices")
    (<class 'int'>, tuple[float, ...], None)
    """
    section, _, rest = name.partition(".")
    if section == "grid" and (kind := run_kind(rest)):
        return types.GenericAlias(tuple, (kind, ...))
    if section == "variants" and (regions := RUN_FIELDS.get("regions." + rest.partition(".")[2])):
        return regions.kind
    field = STUDY_FIELDS.get(name) or COMMAND_FIELDS.get(name)
    return field.kind if field else run_kind(name)


def is_run_field(name: str) -> bool:
    """Whether a dotted name is a field of a run, or a hyperparameter of a classical classifier.

    >>> is_run_field("regions.slices"), is_run_field("classifier.C"), is_run_field("executor.name")
    (True, True, False)
    """
    return run_kind(name) is not None


def run_kind(name: str) -> Any:
    """Returns the type of a field of a run by its dotted name; None if no field is called that."""
    section, _, rest = name.partition(".")
    if section == CLASSIFIER_SECTION and rest:
        return free_value
    field = RUN_FIELDS.get(name)
    return field.kind if field else None
