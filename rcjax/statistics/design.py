"""The design of a study: its settings, their axes and the controls."""

import functools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rcjax.array_types import Bool, Float, Int
from rcjax.statistics.flexible import FEWEST_FOR_FLEXIBLE, FlexibleRegression
from rcjax.statistics.names import BATCH_SIZE, CONTROLS, LEARNING_RATE
from rcjax.statistics.study_rows import Setting, identity, is_number


class Unusable(NamedTuple):
    """A control without logarithm: the number of settings that lack it, and its value there."""

    name: str
    settings: int
    value: Any


class Design:
    """Settings of one network with their axes and controls.

    Attributes:
        settings: in their order.
        codes: the hyperparameters that vary, each with the number of its value in every setting:
            int64 [settings], numbered from 0 in the order in which they appear. A hyperparameter
            that a setting does not name counts as a value of its own.
        unusable: those of learning rate and batch size that vary and have no logarithm somewhere.
        controls: names of those of the two that vary; none if one is unusable, since controlling
            for the other one alone would look like controlling for both.
        cell: int64 [settings], the number of a setting's combination of learning rate and batch
            size.
    """

    def __init__(self, settings: Sequence[Setting]):
        self.settings = tuple(settings)
        self.codes = _axis_codes([setting.settings for setting in settings])
        varying = [name for name in CONTROLS if name in self.codes]
        found = (_unusable(settings, name) for name in varying)
        self.unusable = tuple(one for one in found if one is not None)
        self.controls = () if self.unusable else tuple(varying)
        self.cell = _combinations([self.codes[name] for name in varying], len(settings))

    def kept(self, keep: Bool[np.ndarray, " settings"]) -> "Design":
        """The design of a part of the settings."""
        if keep.all():
            return self
        return Design([s for s, kept in zip(self.settings, keep.tolist(), strict=True) if kept])

    @cached_property
    def combinations(self) -> int:
        """The number of combinations of the axes' values, whether or not they are there."""
        return math.prod(int(values.max()) + 1 for values in self.codes.values())

    @cached_property
    def complete(self) -> bool:
        """Whether every combination of the values of the axes is there."""
        return len(self.settings) == self.combinations

    @cached_property
    def control_values(self) -> Float[np.ndarray, "settings controls"]:
        """Logarithms of the controls."""
        columns = [_logarithms(self.settings, name) for name in self.controls]
        known = [values for values in columns if values is not None]
        return np.stack(known, axis=1) if known else np.zeros((len(self.settings), 0))

    @cached_property
    def all_values(self) -> Float[np.ndarray, "settings columns"]:
        """Every hyperparameter that varies: its logarithms where it has them, otherwise its values
        where they are numbers, otherwise a column for each value but one."""
        columns: list[Float[np.ndarray, "settings columns"]] = [np.zeros((len(self.settings), 0))]
        for name, codes in self.codes.items():
            values = [setting.settings.get(name) for setting in self.settings]
            logarithms = _logarithms(self.settings, name)
            if logarithms is not None:
                columns.append(logarithms[:, None])
            elif all(is_number(value) and math.isfinite(value) for value in values):
                columns.append(np.array(values, float)[:, None])
            else:
                columns.append(np.eye(int(codes.max()) + 1)[codes][:, 1:])
        return np.concatenate(columns, axis=1)

    @cached_property
    def flexible(self) -> FlexibleRegression | None:
        """On every hyperparameter that varies; None where too few settings or none vary."""
        enough = len(self.settings) >= FEWEST_FOR_FLEXIBLE and self.codes
        if not enough:
            return None
        return _flexible_regression(self.all_values.tobytes(), self.all_values.shape)

    @cached_property
    def trivial_predictor(self) -> Float[np.ndarray, " settings"] | None:
        """log(batch size / learning rate); None if unknown or constant."""
        rate = _logarithms(self.settings, LEARNING_RATE)
        size = _logarithms(self.settings, BATCH_SIZE)
        if rate is None or size is None:
            return None
        ratio = size - rate
        return ratio if ratio.size and np.ptp(ratio) > 1e-9 else None


@functools.lru_cache(maxsize=4)  # networks of one grid share it
def _flexible_regression(values: bytes, shape: tuple[int, ...]) -> FlexibleRegression:
    return FlexibleRegression(np.frombuffer(values).reshape(shape))


def _axis_codes(settings: Sequence[Mapping[str, Any]]) -> dict[str, Int[np.ndarray, " settings"]]:
    codes = {}
    for name in dict.fromkeys(name for one in settings for name in one):
        values = [identity(one.get(name)) for one in settings]
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(numbers) > 1:
            codes[name] = np.array([numbers[value] for value in values])
    return codes


def _combinations(
    codes: Sequence[Int[np.ndarray, " settings"]], settings: int
) -> Int[np.ndarray, " settings"]:
    if not codes:
        return np.zeros(settings, int)
    return np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _logarithms(settings: Sequence[Setting], name: str) -> Float[np.ndarray, " settings"] | None:
    values = [setting.settings.get(name) for setting in settings]
    complete = values and all(map(_has_logarithm, values))
    return np.log(np.array(values, float)) if complete else None


def _unusable(settings: Sequence[Setting], name: str) -> Unusable | None:
    values = [setting.settings.get(name) for setting in settings]
    lacking = [value for value in values if not _has_logarithm(value)]
    return Unusable(name, len(lacking), lacking[0]) if lacking else None


def _has_logarithm(value: Any) -> bool:
    return is_number(value) and 0 < value < math.inf
