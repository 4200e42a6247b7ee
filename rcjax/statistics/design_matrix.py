"""What the statistics of one network share: its settings, their axes and the controls."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rcjax.statistics.averaging import Setting, axis_codes, is_complete_grid
from rcjax.statistics.bootstrap import Resampling
from rcjax.statistics.correlation import control_basis

CONTROLS = ("learning_rate", "batch_size")


class Grid:
    """Settings with their axes and controls.

    Attributes:
        codes: of `averaging.axis_codes`.
        complete: whether all combinations of the axes' values are there.
        controls: names of those of learning rate and batch size that vary; none if one of these has
            no logarithm in some setting.
        no_controls: then the reason, otherwise empty.
        control_values: float64 [settings, controls], their logarithms.
        cells: float64 [settings, combinations], 1 where a setting has this combination of
            learning rate and batch size.
    """

    def __init__(self, settings: Sequence[Setting]):
        self.settings = tuple(settings)
        self.codes = axis_codes(settings)
        self.complete = is_complete_grid(self.codes)
        varying = [name for name in CONTROLS if name in self.codes]
        # Controlling for the other one alone would look like controlling for both.
        self.no_controls = "; ".join(filter(None, (_lacking(settings, name) for name in varying)))
        self.controls = [] if self.no_controls else varying
        columns = [_logarithms(settings, name) for name in self.controls]
        self.control_values = (
            np.stack([values for values in columns if values is not None], axis=1)
            if columns
            else np.zeros((len(settings), 0))
        )
        _, cell = (
            np.unique(
                np.stack([self.codes[name] for name in varying], axis=1),
                axis=0,
                return_inverse=True,
            )
            if varying
            else (None, np.zeros(len(settings), int))
        )
        self.cells = np.eye(int(cell.max(initial=0)) + 1)[cell]

    def trivial_predictor(self) -> np.ndarray | None:
        """log(batch size / learning rate), float64 [settings]; None if unknown or constant."""
        rate = _logarithms(self.settings, "learning_rate")
        size = _logarithms(self.settings, "batch_size")
        if rate is None or size is None:
            return None
        ratio = size - rate
        return ratio if ratio.size and np.ptp(ratio) > 1e-9 else None


class Resamples:
    """Bootstrap draws of a grid with the controls that go with them; drawn once per pattern."""

    def __init__(self, number: int, seed: int):
        self._number, self._seed = number, seed
        self._made: dict[bytes, tuple[Resampling, np.ndarray | None]] = {}

    def of(self, known: np.ndarray, controls: np.ndarray) -> tuple[Resampling, np.ndarray | None]:
        """The draws for the runs that are known, and the basis of the drawn controls."""
        key = repr(known.shape).encode() + known.tobytes() + controls.tobytes()
        if key not in self._made:
            resampling = Resampling(known, self._number, self._seed)
            drawn = controls[resampling.settings]
            self._made[key] = resampling, control_basis(drawn) if drawn.shape[-1] else None
        return self._made[key]


def _logarithms(settings: Sequence[Setting], name: str) -> np.ndarray | None:
    values = [setting.settings.get(name) for setting in settings]
    complete = values and all(map(_has_logarithm, values))
    return np.log(np.array(values, float)) if complete else None


def _lacking(settings: Sequence[Setting], name: str) -> str:
    """Why a hyperparameter has no logarithms; empty where it has."""
    values = [setting.settings.get(name) for setting in settings]
    lacking = [value for value in values if not _has_logarithm(value)]
    if not lacking:
        return ""
    shown = "unknown" if lacking[0] is None else f"{lacking[0]!r}"
    return (
        f"{name} varies but is no positive number in {len(lacking)} of {len(values)} settings "
        f"(it is {shown} in the first of them)"
    )


def _has_logarithm(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < math.inf
