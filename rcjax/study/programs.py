"""The compiled programs that the runs of a study need, and the cost of programs not measured."""

import dataclasses
import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rcjax.config import RunConfig, flatten, nested
from rcjax.training import RunCost, cost_from, group_key

# Fields by which a cost is multiplied, and which no program depends on.
_FACTORS = (
    "epochs", "checkpoint_every", "keep_checkpoints", "regions.every", "tracker", "data_dir",
)  # fmt: skip
_LARGEST = ("once", "peak", "room", "program")  # of several measurements; of the others the mean


def program_key(config: RunConfig) -> str:
    """Runs of equal keys take the same seconds for an epoch, an evaluation and a count."""
    fields: dict[str, Any] = json.loads(group_key(config))
    return json.dumps({name: fields[name] for name in fields if name not in _FACTORS})


def differing_fields(keys: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the fields in which programs differ, for each of them.

    Example:
        >>> differing_fields(['{"network": "mlp", "width": 4}', '{"network": "mlp", "width": 8}'])
        [{'width': 4}, {'width': 8}]
    """
    fields = [json.loads(key) for key in keys]
    names = dict.fromkeys(name for each in fields for name in each)
    differing = [name for name in names if len({json.dumps(each.get(name)) for each in fields}) > 1]
    return [{name: each.get(name) for name in differing} for each in fields]


def chosen(count: int, most: int) -> list[int]:
    """Returns which of so many programs are measured: the first, the last, and some between.

    Example:
        >>> chosen(3, 12), chosen(100, 4)[0], len(chosen(100, 4))
        ([0, 1, 2], 0, 4)
    """
    if count <= most:
        return list(range(count))
    # Drawn, since every second or third of a grid would leave out values of an axis.
    between = random.Random(0).sample(range(1, count - 1), most - 2)
    return [0, *sorted(between), count - 1]


def combined(costs: Sequence[RunCost]) -> RunCost:
    """Returns the cost of one program that several workers have measured at once."""
    flat = [flatten(dataclasses.asdict(cost)) for cost in costs]

    def one(name: str) -> Any:
        values = [each[name] for each in flat]
        if isinstance(values[0], bool | str | tuple | list) or None in values:
            return values[0]
        found = max(values) if name in _LARGEST else sum(values) / len(values)
        return round(found) if isinstance(values[0], int) else found

    return cost_from(nested({name: one(name) for name in flat[0]}))


def extrapolated(
    measured: Mapping[int, RunCost], fields: Sequence[Mapping[str, Any]]
) -> list[RunCost]:
    """Returns the cost of every program, by the fields in which it differs from measured ones.

    Every number is taken as a product of powers of the fields that are positive numbers and of
    factors of the others (least squares of logarithms; of several solutions the smallest).

    Args:
        measured: costs, by the number of the program.
        fields: of all programs, as `differing_fields` gives them.
    """
    numbers = sorted(measured)
    design = _design(fields)
    flat = [flatten(dataclasses.asdict(measured[number])) for number in numbers]
    found: list[dict[str, Any]] = [dict(flat[0]) for _ in fields]
    for name in flat[0]:
        values = [each[name] for each in flat]
        if not all(isinstance(v, int | float) and v > 0 for v in values):
            continue
        logarithms = np.log(np.array(values, float))
        here = design[numbers]
        weights = np.linalg.lstsq(here - here.mean(0), logarithms - logarithms.mean(), rcond=1e-9)[
            0
        ]
        told = np.exp(logarithms.mean() + (design - here.mean(0)) @ weights)
        whole = all(isinstance(v, int) for v in values)
        for each, value in zip(found, told, strict=True):
            each[name] = round(value) if whole else float(value)
    costs = [cost_from(nested(each)) for each in found]
    return [measured.get(number, cost) for number, cost in enumerate(costs)]


def _design(fields: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Columns of numbers for least squares: logarithms, and ones where a field has a value."""
    columns: list[list[float]] = []
    for name in fields[0]:
        values = [each[name] for each in fields]
        if all(isinstance(v, int | float) and v > 0 for v in values):
            columns.append([math.log(v) for v in values])
        else:
            known = list(dict.fromkeys(map(str, values)))
            columns += [[float(str(v) == one) for v in values] for one in known]
    return np.array(columns, float).T.reshape(len(fields), -1)
