"""Bootstrap intervals: settings are drawn with replacement, and within each its runs."""

import numpy as np

from rcjax.statistics.averaging import average


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

    def __init__(self, known: np.ndarray, number: int, seed: int):
        """Draws.

        Args:
            known: bool [settings, runs], which runs exist; at least one in every setting.
            number: of resamples.
            seed: of the draws; equal seeds and `known` give equal draws.
        """
        generator = np.random.default_rng([seed, 0])
        runs = known.sum(axis=1)
        self.settings = generator.integers(len(known), size=(number, len(known)))
        size = (*self.settings.shape, known.shape[1])
        drawn_runs = runs[self.settings][..., None]
        # Places of the known runs come first in every setting, in their order.
        places = np.argsort(~known, axis=1, kind="stable")
        drawn = np.floor(generator.random(size) * drawn_runs).astype(int)
        self._columns = places[self.settings[..., None], drawn]
        self._used = np.arange(known.shape[1]) < drawn_runs

    def averages(self, values: np.ndarray) -> np.ndarray:
        """Averages per drawn setting of values [settings, runs]: [resamples, settings]."""
        drawn = values[self.settings[..., None], self._columns]
        return average(np.where(self._used, drawn, np.nan))


def percentile_interval(values: np.ndarray, confidence: float) -> list[float] | None:
    """The central part of the resampled values.

    Args:
        values: [resamples]; NaN where a resample is constant and has no coefficient.
        confidence: share of the resamples inside, 0 to 1.

    Returns:
        [low, high], or None if over half of the resamples have no coefficient.

    Example:
        >>> percentile_interval(np.arange(101.0), 0.5)
        [25.0, 75.0]
    """
    known = values[np.isfinite(values)]
    if known.size * 2 < values.size or not known.size:
        return None
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return [float(low), float(high)]
