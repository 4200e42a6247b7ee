"""Rows to settings: runs that differ only in their seed are one point of every statistic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax.statistics.rows import Row

# Averages keep this many binary digits (about 11 decimal ones), so that rounding errors of equal
# averages, summed in another order, do not break ties: ranks and signs would see them.
_KEPT_BITS = 36
# Numbers beyond are taken for infinite: sums of them would be.
_LARGEST = 1e300


@dataclass(frozen=True)
class Setting:
    """The completed runs of one network that share all hyperparameters but the seed."""

    settings: dict[str, Any]
    rows: tuple[Row, ...]


def identity(value: Any) -> Any:
    """A hashable stand-in for the value of a hyperparameter: 1 and 1.0 are one value.

    NaN and None are one value too, the unknown one; NaN would differ from itself.

    >>> identity(1) == identity(1.0), identity([0, 1]) == identity((0.0, 1.0)), identity(True)
    (True, True, ('bool', True))
    >>> identity(float("nan")) == identity(None)
    True
    """
    if isinstance(value, list | tuple):
        return tuple(identity(part) for part in value)
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int | float):
        return ("number", float(value)) if value == value else identity(None)
    return type(value).__name__, str(value)


def group_settings(rows: Sequence[Row]) -> tuple[Setting, ...]:
    """Completed rows of one network by their settings, in the order in which these first appear."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        if row.status == "completed":
            key = frozenset((name, identity(value)) for name, value in row.settings.items())
            groups.setdefault(key, []).append(row)
    return tuple(Setting(group[0].settings, tuple(group)) for group in groups.values())


def axis_codes(settings: Sequence[Setting]) -> dict[str, np.ndarray]:
    """The hyperparameters that vary, each with the number of its value in every setting.

    A hyperparameter that a setting does not name counts as a value of its own.

    Returns:
        name -> int64 [settings], values numbered from 0 in the order in which they appear.

    Example:
        >>> pair = [Setting({"learning_rate": 0.1, "momentum": 0.9}, ()),
        ...         Setting({"learning_rate": 0.01, "momentum": 0.9}, ())]
        >>> axis_codes(pair)
        {'learning_rate': array([0, 1])}
    """
    names = dict.fromkeys(name for setting in settings for name in setting.settings)
    codes = {}
    for name in names:
        values = [identity(setting.settings.get(name)) for setting in settings]
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(numbers) > 1:
            codes[name] = np.array([numbers[value] for value in values])
    return codes


def is_complete_grid(codes: dict[str, np.ndarray]) -> bool:
    """Whether every combination of the values of the axes occurs, exactly once."""
    if not codes:
        return False
    columns = np.stack(list(codes.values()), axis=1)
    combinations = int(np.prod([len(np.unique(column)) for column in columns.T]))
    return len(columns) == combinations == len(np.unique(columns, axis=0))


def run_values(settings: Sequence[Setting], quantity: Callable[[Row], float | None]) -> np.ndarray:
    """A quantity of every run.

    Returns:
        float64 [settings, runs of the largest setting]; NaN where a setting has fewer runs or the
        quantity is unknown or not finite.
    """
    values = np.full((len(settings), max((len(s.rows) for s in settings), default=0)), np.nan)
    for place, setting in enumerate(settings):
        for column, row in enumerate(setting.rows):
            if is_usable(value := quantity(row)):
                values[place, column] = value
    return values


def is_usable(value: float | None) -> bool:
    """Whether statistics can use a value: it is known, finite and no greater than 1e300.

    >>> [is_usable(value) for value in (2.5, None, float("nan"), float("inf"), 1.7e308)]
    [True, False, False, False, False]
    """
    return value is not None and abs(value) <= _LARGEST


def average(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, NaN left out; NaN where nothing is left. Rounded to 36 bits.

    >>> average(np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [1.0, np.nan, np.nan]]))
    array([0.2, 0.2, 1. ])
    """
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    fraction, exponent = np.frexp(mean)
    return np.ldexp(np.round(np.ldexp(fraction, _KEPT_BITS)), exponent - _KEPT_BITS)
