"""Bootstrap intervals: settings are drawn with replacement, and within each its runs."""

import itertools

import numpy as np

from rcjax.array_types import Bool, Float
from rcjax.statistics.averaging import rounded
from rcjax.statistics.correlation import control_basis
from rcjax.statistics.estimates import Interval

_CHUNK = 4_000_000  # numbers held at once
_KEPT = 4  # draws, and averages of quantities by each


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
        self._drawn: dict[bytes, Float[np.ndarray, "resamples settings"]] = {}
        generator = np.random.default_rng([seed, 0])
        self.settings = generator.integers(len(known), size=(number, len(known)), dtype=np.int32)

    def averages(
        self, values: Float[np.ndarray, "settings runs"]
    ) -> Float[np.ndarray, "resamples settings"]:
        """Averages of the drawn runs of every drawn setting.

        The runs are drawn anew for every quantity, equally: held in memory they would take as many
        numbers as there are resamples times runs.
        """
        # The outcome and the trivial predictor are asked for again by every measure.
        key = values.tobytes()
        if key not in self._drawn:
            if len(self._drawn) >= _KEPT:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[key] = self._averages(values)
        return self._drawn[key]

    def _averages(
        self, values: Float[np.ndarray, "settings runs"]
    ) -> Float[np.ndarray, "resamples settings"]:
        drawn = self.settings.reshape(-1)
        order = np.argsort(drawn, kind="stable")
        ends = np.searchsorted(drawn[order], np.arange(len(values) + 1))
        means = np.empty(drawn.size)
        for place, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
            own = values[place, self._known[place]]
            generator = np.random.default_rng([self._seed, 5, place])
            step = max(1, _CHUNK // own.size)
            for first in range(start, end, step):
                where = order[first : min(first + step, end)]
                runs = generator.integers(own.size, size=(where.size, own.size), dtype=np.int32)
                means[where] = own[runs].mean(axis=1)
        several = (self._known.sum(axis=1) > 1)[self.settings]
        return rounded(means.reshape(self.settings.shape), several)


class Resamples:
    """Draws of settings and runs; quantities whose runs are known alike share them."""

    def __init__(self, number: int, seed: int):
        self._number, self._seed = number, seed
        self._made: dict[bytes, tuple[Resampling, Float[np.ndarray, "..."] | None]] = {}

    def of(
        self,
        known: Bool[np.ndarray, "settings runs"],
        controls: Float[np.ndarray, "settings controls"],
    ) -> tuple[Resampling, Float[np.ndarray, "resamples settings columns"] | None]:
        """The draws for the runs that are known, and the basis of the drawn controls."""
        key = repr(known.shape).encode() + known.tobytes() + controls.tobytes()
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.pop(next(iter(self._made)))
            resampling = Resampling(known, self._number, self._seed)
            drawn = controls[resampling.settings]
            self._made[key] = resampling, control_basis(drawn) if drawn.shape[-1] else None
        return self._made[key]


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
