"""The rows of a study, grouped once: by network, by setting, with the axes of the grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Any, TypeGuard

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.names import COMPLETED, COUNT, TRAIN_ACCURACY
from rcjax.statistics.rows import Row

# A completed run below this share of the best train accuracy of its network has collapsed: it is
# near chance, also with two classes, and no network whose count says anything.
COLLAPSED_BELOW = 0.6
# The axes that the paper's claims are about come first.
_FIRST = ("learning_rate", "batch_size", "weight_decay")


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number; True and False are none.

    >>> is_number(1), is_number(float("nan")), is_number(True), is_number("1")
    (True, True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


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


@dataclass(frozen=True)
class Setting:
    """The completed runs of one network that share all hyperparameters but the seed."""

    network: str
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]

    def values(self, name: str) -> list[float]:
        """A quantity of every run, by the names of `Row.value`; NaN where unknown."""
        return [row.value(name) for row in self.rows]

    def mean(self, name: str) -> float:
        """Mean over the runs that have it; NaN where none has."""
        known = [value for value in self.values(name) if isfinite(value)]
        return float(np.mean(known)) if known else nan

    def spread(self, name: str) -> float:
        """Standard deviation over runs; 0 for a single run."""
        known = [value for value in self.values(name) if isfinite(value)]
        return float(np.std(known, ddof=1)) if len(known) > 1 else 0.0


@dataclass(frozen=True)
class Axis:
    """A hyperparameter that varies.

    Attributes:
        name: of the hyperparameter.
        levels: its distinct values: numbers rising, then the others by name.
    """

    name: str
    levels: tuple[Any, ...]

    def place(self, settings: Mapping[str, Any]) -> int:
        """The position of the level that a setting takes.

        >>> Axis("batch_size", (32, 64)).place({"batch_size": 64.0})
        1
        """
        return self._places[identity(settings.get(self.name))]

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {identity(level): place for place, level in enumerate(self.levels)}


@dataclass(frozen=True)
class NetworkRows:
    """All runs of one network.

    Attributes:
        name: of the network.
        rows: in the order in which they come.
        settings: of the completed runs that did not collapse, in the order in which they first
            appear.
        collapsed: the runs whose train accuracy lies below 60 % of the best of the network.
    """

    name: str
    rows: tuple[Row, ...]
    settings: tuple[Setting, ...]
    collapsed: tuple[Row, ...] = ()

    @classmethod
    def of(cls, name: str, rows: Sequence[Row]) -> "NetworkRows":
        """The rows of a network, grouped by setting."""
        completed = [row for row in rows if row.status == COMPLETED]
        accuracies = [row.value(TRAIN_ACCURACY) for row in completed]
        best = max((value for value in accuracies if isfinite(value)), default=nan)
        limit = COLLAPSED_BELOW * best
        at_chance = [accuracy < limit for accuracy in accuracies]
        pairs = list(zip(completed, at_chance, strict=True))
        return cls(
            name,
            tuple(rows),
            _grouped([row for row, collapsed in pairs if not collapsed]),
            tuple(row for row, collapsed in pairs if collapsed),
        )

    @cached_property
    def with_collapsed(self) -> tuple[Setting, ...]:
        """The settings of all completed runs."""
        return _grouped(self.completed)

    @cached_property
    def completed(self) -> tuple[Row, ...]:
        """The runs that have numbers."""
        return tuple(row for row in self.rows if row.status == COMPLETED)

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Every measure that a completed run has; the region count first, also without one."""
        names = (name for row in self.completed for name in row.measures)
        return tuple(dict.fromkeys([COUNT, *names]))

    @cached_property
    def versions(self) -> tuple[tuple[Mapping[str, Any], int], ...]:
        """The sets of versions of the completed runs, each with the number of its runs."""
        return _distinct_versions(self.completed)

    @cached_property
    def with_numbers(self) -> tuple[Setting, ...]:
        """The settings with their runs whose count and gap are known."""
        known = [
            (setting, tuple(r for r in setting.rows if isfinite(r.count) and isfinite(r.gap)))
            for setting in self.settings
        ]
        return tuple(Setting(self.name, s.settings, rows) for s, rows in known if rows)


class StudyRows:
    """All runs of a study.

    Attributes:
        rows: in the order in which they come.
        networks: in the order in which they come.
        axes: hyperparameters that vary between the runs, learning rate and batch size first.
        with_numbers: every setting with its runs whose count and gap are known.
        axes_with_numbers: hyperparameters that vary between these.

    Example:
        >>> rows = [Row(f"run {i}", "mlp", {"learning_rate": 0.1 * (i // 2)}, i % 2, "completed",
        ...             100.0, 90.0, 10.0, {"region_count": 2.0}) for i in range(4)]
        >>> study = StudyRows(rows)
        >>> [len(setting.rows) for setting in study.networks[0].settings], study.axes[0].levels
        ([2, 2], (0.0, 0.1))
    """

    def __init__(self, rows: Iterable[Row]):
        self.rows = tuple(rows)
        by_network: dict[str, list[Row]] = {}
        for row in self.rows:
            by_network.setdefault(row.network, []).append(row)
        self.networks = tuple(NetworkRows.of(name, own) for name, own in by_network.items())
        self.axes = axes_of([row.settings for row in self.rows])
        self.with_numbers = tuple(s for network in self.networks for s in network.with_numbers)
        self.axes_with_numbers = axes_of([setting.settings for setting in self.with_numbers])

    @cached_property
    def versions(self) -> tuple[tuple[Mapping[str, Any], int], ...]:
        """The sets of versions that runs were computed with, each with the number of its runs."""
        return _distinct_versions(self.rows)

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """The hyperparameters that are known and the same in all runs, with their values."""
        varying = {axis.name for axis in self.axes}
        first = self.rows[0].settings if self.rows else {}
        return {n: value for n, value in first.items() if n not in varying and value is not None}

    def with_status(self, status: str) -> list[Row]:
        """The runs that ended in this way."""
        return [row for row in self.rows if row.status == status]


def values_of(settings: Sequence[Setting], name: str) -> Float[np.ndarray, "settings runs"]:
    """A quantity of every run, by the names of `Row.value`.

    Returns:
        float64 [settings, runs of the largest setting]; NaN where a setting has fewer runs or the
        quantity is unknown.
    """
    return table_of([setting.values(name) for setting in settings])


def table_of(groups: Sequence[Sequence[float]]) -> Float[np.ndarray, "settings runs"]:
    """Numbers of runs as a table; NaN where a setting has fewer runs than the largest."""
    table = np.full((len(groups), max(map(len, groups), default=0)), np.nan)
    for place, group in enumerate(groups):
        table[place, : len(group)] = group
    return table


def _distinct_versions(rows: Sequence[Row]) -> tuple[tuple[Mapping[str, Any], int], ...]:
    found: list[tuple[Mapping[str, Any], int]] = []
    for row in rows:
        places = [place for place, (versions, _) in enumerate(found) if versions == row.versions]
        if places:
            found[places[0]] = row.versions, found[places[0]][1] + 1
        elif row.versions:
            found.append((row.versions, 1))
    return tuple(found)


def _grouped(rows: Sequence[Row]) -> tuple[Setting, ...]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        key = frozenset((name, identity(value)) for name, value in row.settings.items())
        groups.setdefault(key, []).append(row)
    return tuple(Setting(own[0].network, own[0].settings, tuple(own)) for own in groups.values())


def axes_of(settings: Sequence[Mapping[str, Any]]) -> tuple[Axis, ...]:
    """The hyperparameters that vary between settings, learning rate and batch size first."""
    names = list(dict.fromkeys(name for one in settings for name in one))
    axes = []
    for name in names:
        levels = {identity(one.get(name)): one.get(name) for one in settings}
        if len(levels) > 1:
            axes.append(Axis(name, tuple(sorted(levels.values(), key=_order))))
    first = {name: place for place, name in enumerate(_FIRST)}
    return tuple(sorted(axes, key=lambda axis: first.get(axis.name, len(first))))


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if is_number(value) and value == value else (1, 0.0, str(value))
