"""Rows grouped for figures: runs with numbers, their settings, the axes of the grid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax.statistics import Row, group_settings, identity

COUNT = "region_count"
# Those that the paper's claims are about come first.
_FIRST = ("learning_rate", "batch_size", "weight_decay")


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but their seed."""

    network: str
    settings: dict[str, Any]
    rows: tuple[Row, ...]

    def mean(self, quantity: Callable[[Row], float]) -> float:
        return float(np.mean([quantity(row) for row in self.rows]))

    def spread(self, quantity: Callable[[Row], float]) -> float:
        """Standard deviation over seeds; 0 for a single run."""
        values = [quantity(row) for row in self.rows]
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def count_of(row: Row) -> float:
    return row.measures[COUNT]


def gap_of(row: Row) -> float:
    return np.nan if row.generalization_gap is None else row.generalization_gap


def test_accuracy_of(row: Row) -> float:
    return np.nan if row.test_accuracy is None else row.test_accuracy


def train_accuracy_of(row: Row) -> float:
    return np.nan if row.train_accuracy is None else row.train_accuracy


def with_numbers(rows: Sequence[Row]) -> list[Row]:
    """The completed runs whose count and gap are known."""
    return [
        row
        for row in rows
        if row.status == "completed"
        and np.isfinite(gap_of(row))
        and np.isfinite(row.measures.get(COUNT, np.nan))
    ]


def by_setting(rows: Sequence[Row]) -> list[Setting]:
    """Groups completed runs by network and settings, in the order in which they come."""
    return [
        Setting(network, group.settings, group.rows)
        for network in networks_of(rows)
        for group in group_settings([row for row in rows if row.network == network])
    ]


def networks_of(rows: Sequence[Row]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(row.network for row in rows))


def axes_of(rows: Sequence[Row]) -> list[str]:
    """The settings that take at least two values, learning rate and batch size first."""
    names = list(dict.fromkeys(name for row in rows for name in row.settings))
    varying = [name for name in names if len(levels(rows, name)) > 1]
    order = {name: place for place, name in enumerate(_FIRST)}
    return sorted(varying, key=lambda name: (order.get(name, len(order)), names.index(name)))


def levels(rows: Sequence[Row], name: str) -> list[Any]:
    """The distinct values of a setting: numbers rising, then the others by name."""
    values = {identity(row.settings.get(name)): row.settings.get(name) for row in rows}
    return sorted(values.values(), key=_order)


def same(left: Any, right: Any) -> bool:
    """Whether two values of a setting are the same one (1 and 1.0 are)."""
    return identity(left) == identity(right)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if is_number(value) else (1, 0.0, str(value))
