"""Bootstrap intervals: settings are drawn with replacement, and within each its runs."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from rcjax.array_types import Bool, Float, Int
from rcjax.statistics.averaging import rounded
from rcjax.statistics.correlation import control_basis, ranks
from rcjax.statistics.estimates import Interval

_CHUNK = 4_000_000  # numbers held at once
_KEPT = 4  # draws, and averages of quantities by each
_MOST_DRAWN = 20_000_000  # runs drawn once for all quantities; more are drawn anew for each

_Value = TypeVar("_Value")
_Drawn = tuple[Int[np.ndarray, " places"], Int[np.ndarray, "runs places"]]
_ENDS: tuple[tuple[Any, float], ...] = ((np.max, -np.inf), (np.min, np.inf))


class Resampling:
    """Draws of settings and runs, to be applied to any quantity of the same runs.

    A resample draws as many settings as there are, with replacement, and for each drawn setting as
    many of its runs as it has, with replacement; a setting drawn twice draws its runs twice. The
    runs are then averaged per drawn setting, as the data were.

    Example:
        >>> resampling = Resampling(np.ones((27, 3), bool), number=500, seed=0)
        >>> resampling.averages(np.arange(81.0).reshape(27, 3)).shape
        (500, 27)

    Source: Davison and Hinkley, "Bootstrap methods and their application", 1997, section 3.8 (the
    hierarchical bootstrap) and 5.3 (percentile intervals).
    """

    def __init__(self, known: Bool[np.ndarray, "settings runs"], number: int, seed: int):
        """Draws.

        Args:
            known: which runs exist; at least one in every setting.
            number: of resamples.
            seed: of the draws; equal seeds and `known` give equal draws.
        """
        self._known, self._seed = known, seed
        self._averages: dict[bytes, Float[np.ndarray, "resamples settings"]] = {}
        self._ranks: dict[bytes, Float[np.ndarray, "resamples settings"]] = {}
        generator = np.random.default_rng([seed, 0])
        self.settings = generator.integers(len(known), size=(number, len(known)), dtype=np.int32)

    def averages(
        self, values: Float[np.ndarray, "settings runs"]
    ) -> Float[np.ndarray, "resamples settings"]:
        """Averages of the drawn runs of every drawn setting."""
        # The outcome and the trivial predictor are asked for again by every measure.
        return _remembered(self._averages, values.tobytes(), lambda: self._average(values))

    def ranks(
        self, values: Float[np.ndarray, "settings runs"]
    ) -> Float[np.ndarray, "resamples settings"]:
        """Ranks of the averages within every resample."""
        return _remembered(self._ranks, values.tobytes(), lambda: ranks(self.averages(values)))

    def _average(
        self, values: Float[np.ndarray, "settings runs"]
    ) -> Float[np.ndarray, "resamples settings"]:
        most, least = (f(values, axis=1, where=self._known, initial=i) for f, i in _ENDS)
        if (most == least).all():  # whichever runs are drawn
            means = most[self.settings]
        else:
            means = np.empty(self.settings.size)
            for where, runs in self._runs:
                means[where] = values.ravel()[runs].mean(axis=0)
            means = means.reshape(self.settings.shape)
        return rounded(means, (self._known.sum(axis=1) > 1)[self.settings])

    @property
    def _runs(self) -> Iterable[_Drawn]:
        small = self.settings.shape[0] * self._known.sum() <= _MOST_DRAWN
        return self._kept_runs if small else self._draw_runs()

    @cached_property
    def _kept_runs(self) -> list[_Drawn]:
        """The drawn runs, those of settings with as many runs together."""
        drawn: dict[int, list[_Drawn]] = {}
        for where, runs in self._draw_runs():
            drawn.setdefault(len(runs), []).append((where, runs))
        return [
            (np.concatenate([w for w, _ in own]), np.concatenate([r for _, r in own], axis=1))
            for own in drawn.values()
        ]

    def _draw_runs(self) -> Iterator[_Drawn]:
        """Places among all drawn settings, and the runs drawn for each; some at a time."""
        drawn = self.settings.reshape(-1)
        order = np.argsort(drawn, kind="stable")
        ends = np.searchsorted(drawn[order], np.arange(len(self._known) + 1))
        for place, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
            own = np.flatnonzero(self._known[place]).astype(np.int32)
            first_place = np.int32(place * self._known.shape[1])
            gaps = own[-1] >= own.size
            generator = np.random.default_rng([self._seed, 5, place])
            step = max(1, _CHUNK // own.size)
            for first in range(start, end, step):
                where = order[first : min(first + step, end)]
                runs = generator.integers(own.size, size=(where.size, own.size), dtype=np.int32)
                yield where, ((own[runs] if gaps else runs) + first_place).T


class Resamples:
    """Draws of settings and runs; quantities whose runs are known alike share them."""

    def __init__(self, number: int, seed: int):
        self._number, self._seed = number, seed
        self._made: dict[bytes, Resampling] = {}
        self._bases: dict[bytes, Float[np.ndarray, "..."]] = {}

    def of(self, known: Bool[np.ndarray, "settings runs"]) -> Resampling:
        """The draws for the runs that are known."""
        key = repr(known.shape).encode() + known.tobytes()
        return _remembered(self._made, key, lambda: Resampling(known, self._number, self._seed))

    def basis(
        self,
        known: Bool[np.ndarray, "settings runs"],
        controls: Float[np.ndarray, "settings controls"],
    ) -> Float[np.ndarray, "resamples settings columns"]:
        """That of the controls of the drawn settings."""
        key = repr(known.shape).encode() + known.tobytes() + controls.tobytes()
        settings = self.of(known).settings
        return _remembered(self._bases, key, lambda: control_basis(controls[settings]))


def _remembered(kept: dict[bytes, _Value], key: bytes, make: Callable[[], _Value]) -> _Value:
    """What was made under a key; where it was not, it is made, and the oldest gives way."""
    if key not in kept:
        made = make()
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = made
    return kept[key]


def percentile_interval(
    values: Float[np.ndarray, " resamples"], confidence: float
) -> Interval | None:
    """The central part of the resampled values.

    Args:
        values: NaN where a resample is constant and has no coefficient.
        confidence: share of the resamples inside, 0 to 1.

    Returns:
        None if over half of the resamples have no coefficient.

    Example:
        >>> percentile_interval(np.arange(101.0), 0.5)
        Interval(low=25.0, high=75.0)
    """
    known = values[np.isfinite(values)]
    if known.size * 2 < values.size or not known.size:
        return None
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Interval(float(low), float(high))
