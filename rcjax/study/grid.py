"""The grid of a study: from axes in its config to an ordered list of complete, checked runs."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rcjax.config import RUN_FIELDS, RunConfig, flatten, is_run_field, run_kind, unknown_axis
from rcjax.errors import UserError
from rcjax.study.requested import Requested
from rcjax.training import check_config

MOST_RUNS = 100_000  # beyond there is only a slip of the keys
_LONGEST_NAME = 200  # of a folder; file systems take 255 bytes
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
# The order of axes in names and runs: the grid's own would change with the way it was written.
_FIRST, _LAST = ("network", "learning_rate", "batch_size", "weight_decay"), ("seed",)


class PlannedRun(NamedTuple):
    """One run of a study.

    Attributes:
        number: position in the grid, from 0.
        name: folder below runs/, such as `network=mlp,learning_rate=0.1,seed=0`; says all axes.
        axes: {field: value}, what the grid sets.
        config: of the run.
        requested: what is computed of its network after training.
    """

    number: int
    name: str
    axes: dict[str, Any]
    config: RunConfig
    requested: Requested = Requested()


def expand(base: RunConfig, grid: Mapping[str, Any]) -> list[PlannedRun]:
    """Lists the runs of a study.

    Args:
        base: the fields that are the same in all runs.
        grid: a tuple of values for each axis, nested as the fields are.

    Returns:
        All combinations of the values, the last axis (the seed) varying fastest. Axes are ordered
        network, learning_rate, batch_size, weight_decay, the others as in `rcjax.config.fields`,
        seed; a name does not depend on the other values of the grid, so a narrower one finds its
        runs.

    Raises:
        UserError: no axis, an axis without values, with repeated values or of no field; too many
            runs; a run whose config is wrong.

    Example:
        >>> [run.name for run in expand(RunConfig(), {"seed": (0, 1), "learning_rate": (0.1,)})]
        ['learning_rate=0.1,seed=0', 'learning_rate=0.1,seed=1']
    """
    given = _axes(grid)
    count = math.prod(len(values) for values in given.values())
    if count > MOST_RUNS:
        sizes = " x ".join(f"{len(values)} {name}" for name, values in given.items())
        raise UserError(f"the grid has {count} runs ({sizes}); at most {MOST_RUNS} are possible")
    axes = {name: _distinct(name, values) for name, values in given.items()}
    runs = []
    for number, values in enumerate(itertools.product(*axes.values())):
        settings = dict(zip(axes, values, strict=True))
        name = _name(settings)
        try:
            run = PlannedRun(number, name, settings, base.replaced(settings))
            check_config(run.config)
        except UserError as error:
            raise UserError(f"run {number} of the grid ({name}): {error}") from error
        runs.append(run)
    _check_names(runs)
    return runs


def _axes(grid: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    given = flatten(grid)
    if not given:
        raise UserError(
            "the grid has no axes, so there are no runs; set for instance "
            "--config.grid.learning_rate=0.1,0.01 --config.grid.seed=0,1,2"
        )
    for name, values in given.items():
        if not is_run_field(name):
            raise UserError(unknown_axis(name))
        if not isinstance(values, tuple | list):
            raise UserError(
                f"config field grid.{name} must be a tuple of values, got {values!r}; a single one "
                f"is written ({values!r},)"
            )
        if not values:
            raise UserError(
                f"grid.{name} has no values, so there are no runs; name some, or leave it out"
            )
    return {name: given[name] for name in _in_order(given)}


def _in_order(names: Mapping[str, Any]) -> list[str]:
    # Hyperparameters of classical classifiers come last, by name.
    known = dict.fromkeys((*RUN_FIELDS, *sorted(names)))
    middle = [name for name in known if name not in (*_FIRST, *_LAST)]
    return [name for name in (*_FIRST, *middle, *_LAST) if name in names]


def _distinct(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    # 1 and 1.0 are one learning rate, and are written alike.
    is_number = run_kind(name) is float
    whole = [float(v) if is_number and type(v) is int else v for v in values]
    seen = set()
    for value in whole:
        if repr(value) in seen:
            raise UserError(
                f"grid.{name} holds {value!r} twice, so settings would be repeated; "
                "remove one (seeds repeat a setting)"
            )
        seen.add(repr(value))
    return tuple(whole)


def _name(settings: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={_text(value)}" for name, value in settings.items())


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "_".join(_text(item) for item in value)
    return _UNSAFE.sub("-", str(value))


def _check_names(runs: Sequence[PlannedRun]) -> None:
    seen: dict[str, PlannedRun] = {}
    for run in runs:
        if len(run.name) > _LONGEST_NAME:
            raise UserError(
                f"the name of run {run.number} has {len(run.name)} characters, at most "
                f"{_LONGEST_NAME} are possible: {run.name}; set axes of one value outside the grid"
            )
        other = seen.setdefault(run.name, run)
        if other is not run:
            raise UserError(
                f"runs {other.number} and {run.number} of the grid would share the folder "
                f"{run.name}; their values differ only in characters that no file name should have"
            )


def find(runs: Sequence[PlannedRun], wanted: str) -> PlannedRun:
    """Returns the run of a number or a name.

    Raises:
        UserError: there is none.
    """
    for run in runs:
        if wanted in (str(run.number), run.name):
            return run
    raise UserError(
        f"no run {wanted!r}; give a number from 0 to {len(runs) - 1}, or a name such as "
        f"{runs[0].name}"
    )
