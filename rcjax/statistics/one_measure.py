"""All statistics of one measure against one outcome."""

from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np

from rcjax.array_types import Bool, Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import Resamples, percentile_interval
from rcjax.statistics.chance import Statistic, chance, swapped
from rcjax.statistics.conditional_information import break_ties, conditional_mutual_information
from rcjax.statistics.correlation import (
    control_basis,
    correlate_residuals,
    correlate_within_cells,
    kendall,
    partial_correlation,
    pearson,
    ranks,
    spearman,
    standardised,
)
from rcjax.statistics.design import Design
from rcjax.statistics.estimates import (
    Chance,
    Estimate,
    Interval,
    MeasureStatistics,
    Undefined,
    holding,
    undefined,
)
from rcjax.statistics.granulated import granulated_kendall
from rcjax.statistics.noise import noise_corrected
from rcjax.statistics.over_seeds import correlation_over_seeds

FEWEST_SETTINGS = 3
_ROUNDING = 1e-9  # percentage points
_TIE_BREAKS = 200
_MOST_PAIRS = 200_000_000  # pairs of settings times resamples, of what looks at all pairs
COEFFICIENTS = {"pearson": pearson, "spearman": spearman, "kendall": kendall}

_Runs = Float[np.ndarray, "settings runs"]
_Kept = Float[np.ndarray, "kept runs"]
_Means = Float[np.ndarray, "*#batch settings"]


@dataclass(frozen=True)
class Options:
    """The options of `rcjax.statistics.analyze`, which explains them."""

    bootstrap_samples: int = 2000
    confidence: float = 0.95
    fitted_accuracy: float = 99.0
    seed: int = 0


def measure_statistics(
    x: _Runs, y: _Runs, design: Design, resamples: Resamples, options: Options
) -> MeasureStatistics:
    """Statistics of a measure and an outcome of the same runs.

    Args:
        x, y: NaN where unknown. Runs that lack one of the two are left out, and settings without
            any run.
        design: of the settings.
        resamples: of the network.
        options: of the intervals.
    """
    x, y, known, design = runs_of_both(x, y, design)
    runs = int(known.sum())
    seeds = correlation_over_seeds(
        x,
        y,
        known,
        samples=options.bootstrap_samples,
        confidence=options.confidence,
        seed=options.seed,
    )
    means_x, means_y = average(x), average(y)
    if why := _no_correlation(means_x, means_y):
        return replace(undefined(design, runs, why), correlation_over_seeds=seeds)
    values = {name: float(value) for name, value in coefficients(means_x, means_y, design).items()}
    values["pearson_minus_trivial"] = float(lead(means_x, means_y, design.trivial_predictor))
    left = flexible_residuals(means_x, means_y, design)
    values["partial_correlation_flexible"] = float(pearson(*left))
    intervals = _intervals(x, y, known, design, resamples, options)
    chances = _chances(means_x, means_y, design, options)
    if design.flexible is not None:
        places = resamples.of(known).settings
        drawn = pearson(left[0][places], left[1][places])
        intervals["partial_correlation_flexible"] = percentile_interval(drawn, options.confidence)
        # What is left of x is exchanged: what is left of y, and the regression, stay as they are.
        chances["partial_correlation_flexible"] = chance(
            left[0],
            np.zeros(len(x), int),
            lambda z: pearson(z, left[1]),
            confidence=options.confidence,
            seed=options.seed,
        )
    along = {
        axis: _estimate(float(psi), Undefined.NO_PAIRS)
        for axis, psi in granulated_kendall(means_x, means_y, design.codes).items()
        if axis != "mean"
    }
    return MeasureStatistics(
        design,
        len(known),
        runs,
        along=along,
        correlation_over_seeds=seeds,
        conditional_mutual_information=_information(means_x, means_y, design, options),
        pearson_noise_corrected=noise_corrected(
            x,
            y,
            known,
            samples=options.bootstrap_samples,
            confidence=options.confidence,
            seed=options.seed,
        ),
        **{
            name: _estimate(
                value, why_undefined(name, design), intervals.get(name), chances.get(name)
            )
            for name, value in values.items()
        },
    )


def same_outcome(x: _Runs, y: _Runs) -> bool:
    """Whether two outcomes are the same numbers but for rounding."""
    return np.allclose(x, y, rtol=0, atol=_ROUNDING, equal_nan=True)


def runs_of_both(
    x: _Runs, y: _Runs, design: Design
) -> tuple[_Kept, _Kept, Bool[np.ndarray, "kept runs"], Design]:
    """Both with NaN where one is unknown, which runs are known, without settings of no run."""
    known = np.isfinite(x) & np.isfinite(y)
    kept = known.any(axis=1)
    x, y, known = x[kept], y[kept], known[kept]
    return np.where(known, x, np.nan), np.where(known, y, np.nan), known, design.kept(kept)


def coefficients(x: _Means, y: _Means, design: Design) -> dict[str, Float[np.ndarray, "*batch"]]:
    """Coefficients that cost little, of averages; NaN where undefined."""
    values = {name: function(x, y) for name, function in COEFFICIENTS.items()}
    values["granulated_kendall"] = granulated_kendall(x, y, design.codes)["mean"]
    values["partial_correlation_given_all"] = partial_correlation(x, y, design.all_values)
    controls = design.control_values
    if controls.shape[1]:
        values["partial_correlation"] = partial_correlation(x, y, controls)
        values["partial_rank_correlation"] = partial_correlation(
            ranks(x), ranks(y), ranks(controls.T).T
        )
        values["partial_correlation_within_cells"] = correlate_within_cells(x, y, design.cell)
    else:
        nothing = np.full(values["pearson"].shape, np.nan)
        values |= dict.fromkeys(_PARTIAL, nothing)
    return values


def flexible_residuals(x: _Means, y: _Means, design: Design) -> tuple[_Means, _Means]:
    """What flexible regression on all hyperparameters leaves; nothing where there is none."""
    if design.flexible is None:
        return np.zeros_like(x), np.zeros_like(y)
    left = [
        design.flexible.residuals(np.atleast_2d(standardised(v))).reshape(v.shape) for v in (x, y)
    ]
    return left[0], left[1]


_PARTIAL = (
    "partial_correlation",
    "partial_rank_correlation",
    "partial_correlation_within_cells",
)


def lead(x: _Means, y: _Means, trivial: _Means | None) -> Any:
    """By how much x correlates more strongly with y than the trivial predictor does."""
    return np.nan if trivial is None else np.abs(pearson(x, y)) - np.abs(pearson(trivial, y))


def why_undefined(name: str, design: Design) -> Undefined:
    """The reason for a coefficient without value, of settings that have one for Pearson's r."""
    if name == "pearson_minus_trivial":
        return Undefined.NO_TRIVIAL_PREDICTOR
    if name == "partial_correlation_given_all":
        return Undefined.NOTHING_LEFT_GIVEN_ALL if design.codes else Undefined.NO_AXIS
    if name == "partial_correlation_flexible":
        few = design.codes and design.flexible is None
        return Undefined.FEW_FOR_FLEXIBLE if few else Undefined.NO_AXIS
    if name == "granulated_kendall":
        return Undefined.NO_PAIRS if design.codes else Undefined.NO_AXIS
    if design.unusable:
        return Undefined.UNUSABLE_CONTROL
    if not design.controls:
        return Undefined.NO_CONTROL
    in_cells = name == "partial_correlation_within_cells"
    return Undefined.NOTHING_LEFT_IN_CELLS if in_cells else Undefined.NOTHING_LEFT


def information_undefined(design: Design) -> Undefined | None:
    """Why the conditional mutual information is undefined; None if it is not."""
    return Undefined.FEW_AXES if len(design.codes) < 2 else None


def _estimate(
    value: float,
    why: Undefined,
    interval: Interval | None = None,
    chance: Chance | None = None,
) -> Estimate:
    if not np.isfinite(value):
        return Estimate(undefined=why)
    return Estimate(value, holding(value, interval), chance=chance)


def _no_correlation(x: _Means, y: _Means) -> Undefined | None:
    """Why two averages of every setting have no correlation."""
    if len(x) < FEWEST_SETTINGS:
        return Undefined.FEW_SETTINGS
    if np.ptp(x) == 0:
        return Undefined.CONSTANT_MEASURE
    return Undefined.CONSTANT_OUTCOME if np.ptp(y) == 0 else None


def _chances(
    means_x: _Means, means_y: _Means, design: Design, options: Options
) -> dict[str, Chance | None]:
    """By statistic, what the measure's own values reach in random order.

    Pearson's r and the partial coefficients exchange all settings, the one within cells those that
    learning rate and batch size do not tell apart.
    """
    everywhere = np.zeros(len(means_x), int)
    found: dict[str, tuple[Any, Any, Statistic]] = {
        "pearson": (means_x, everywhere, lambda z: pearson(z, means_y)),
    }
    trivial = design.trivial_predictor
    if design.codes:
        given_all = control_basis(design.all_values)
        found["partial_correlation_given_all"] = (
            means_x,
            everywhere,
            lambda z: correlate_residuals(z, means_y, given_all),
        )
    controls = design.control_values
    if controls.shape[1]:
        basis = control_basis(controls)
        of_ranks, ranks_y = control_basis(ranks(controls.T).T), ranks(means_y)
        found |= {
            "partial_correlation": (
                means_x,
                everywhere,
                lambda z: correlate_residuals(z, means_y, basis),
            ),
            "partial_rank_correlation": (
                ranks(means_x),
                everywhere,
                lambda z: correlate_residuals(z, ranks_y, of_ranks),
            ),
            "partial_correlation_within_cells": (
                means_x,
                design.cell,
                lambda z: correlate_within_cells(z, means_y, design.cell),
            ),
        }
    chances = {
        name: chance(values, cell, statistic, confidence=options.confidence, seed=options.seed)
        for name, (values, cell, statistic) in found.items()
    }
    if trivial is not None:
        chances["pearson_minus_trivial"] = swapped(
            means_x, trivial, means_y, confidence=options.confidence, seed=options.seed
        )
    return chances


def _information(x: _Means, y: _Means, design: Design, options: Options) -> Estimate:
    if why := information_undefined(design):
        return Estimate(undefined=why)
    if len(np.unique(x)) == len(x):
        value = float(conditional_mutual_information(x, y, design.codes))
        return _estimate(value, Undefined.NO_PAIRS_IN_CELLS)
    orders = break_ties(x, tie_breaks(design), np.random.default_rng([options.seed, 2]))
    values = conditional_mutual_information(orders, y, design.codes)
    if np.ptp(values) < 1e-9:  # the equal values are never compared
        return _estimate(float(values[0]), Undefined.NO_PAIRS_IN_CELLS)
    interval = percentile_interval(values, options.confidence)
    return _estimate(float(values.mean()), Undefined.NO_PAIRS_IN_CELLS, interval)


def tie_breaks(design: Design) -> int:
    """Random orders of equal values: of large studies fewer."""
    cells = len(design.settings) ** 2 * max(1, comb(len(design.codes), 2))
    return min(_TIE_BREAKS, max(20, _MOST_PAIRS // cells))


def _intervals(
    x: _Runs,
    y: _Runs,
    known: Bool[np.ndarray, "settings runs"],
    design: Design,
    resamples: Resamples,
    options: Options,
) -> dict[str, Interval | None]:
    resampling = resamples.of(known)
    drawn_x, drawn_y = resampling.averages(x), resampling.averages(y)
    drawn = {
        "pearson": pearson(drawn_x, drawn_y),
        "spearman": pearson(resampling.ranks(x), resampling.ranks(y)),
    }
    fewer = max(100, 10 * _MOST_PAIRS // len(x) ** 2)
    drawn["kendall"] = kendall(drawn_x[:fewer], drawn_y[:fewer])
    if design.controls:
        basis = resamples.basis(known, design.control_values)
        drawn["partial_correlation"] = correlate_residuals(drawn_x, drawn_y, basis)
    means_x, means_y, trivial = average(x), average(y), design.trivial_predictor
    places = resampling.settings
    if trivial is not None:
        # Of the same settings: what moves both correlations moves their difference little. Runs
        # are not drawn again: their noise, which the trivial predictor has none of, would count
        # against the measure twice.
        drawn["pearson_minus_trivial"] = lead(means_x[places], means_y[places], trivial[places])
    return {name: percentile_interval(values, options.confidence) for name, values in drawn.items()}
