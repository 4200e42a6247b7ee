"""All statistics of one measure against one outcome."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.conditional_information import break_ties, conditional_mutual_information
from rcjax.statistics.correlation import (
    control_basis,
    correlate_residuals,
    kendall,
    partial_correlation,
    pearson,
    ranks,
    spearman,
)
from rcjax.statistics.design_matrix import Grid, Resamples
from rcjax.statistics.granulated import granulated_kendall

FEWEST_SETTINGS = 3
TIE_BREAKS = 200
COEFFICIENTS = {"pearson": pearson, "spearman": spearman, "kendall": kendall}
MINUS_TRIVIAL = "pearson_minus_trivial"


@dataclass(frozen=True)
class Options:
    """Of all intervals: the share inside, and the seed of what is drawn."""

    confidence: float
    seed: int


def measure_statistics(
    x: np.ndarray, y: np.ndarray, grid: Grid, resamples: Resamples, options: Options
) -> tuple[dict[str, Any], list[str]]:
    """Statistics of a measure and an outcome of the same runs.

    Args:
        x, y: float64 [settings, runs], NaN where unknown; settings of `grid`. Runs that lack one
            of the two are left out, settings without any run too.

    Returns:
        The statistics by name, None where undefined, and for each undefined one a line that says
        why.
    """
    known = np.isfinite(x) & np.isfinite(y)
    kept = known.any(axis=1)
    if not kept.all():
        grid = Grid([s for s, keep in zip(grid.settings, kept, strict=True) if keep])
        x, y, known = x[kept], y[kept], known[kept]
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    counted = {"settings": len(known), "runs": int(known.sum())}
    if len(known) < FEWEST_SETTINGS:
        note = (
            f"correlations need at least {FEWEST_SETTINGS} settings with numbers, there are "
            f"{len(known)}"
        )
        return {**counted, **undefined(grid)}, [note]
    means_x, means_y = average(x), average(y)
    for values, what in ((means_x, "the measure"), (means_y, "the outcome")):
        if np.ptp(values) == 0:
            note = f"{what} is constant over the settings, nothing can be correlated with it"
            return {**counted, **undefined(grid)}, [note]
    notes: list[str] = []
    statistics = counted | {"controls": list(grid.controls)}
    statistics |= _coefficients(means_x, means_y, grid, notes)
    statistics |= _information(means_x, means_y, grid, options, notes)
    statistics |= _intervals(x, y, known, grid, resamples, options)
    return statistics, notes


def undefined(grid: Grid) -> dict[str, Any]:
    """Every statistic, as None, and the names of the controls."""
    names = [*COEFFICIENTS, "partial_correlation", MINUS_TRIVIAL]
    nothing: dict[str, Any] = {key: None for name in names for key in (name, f"{name}_interval")}
    return nothing | {
        "controls": list(grid.controls),
        "granulated_kendall": dict.fromkeys([*grid.codes, "mean"]),
        "conditional_mutual_information": None,
        "partial_rank_correlation": None,
        "partial_correlation_within_cells": None,
    }


def coefficients(x: np.ndarray, y: np.ndarray, grid: Grid) -> dict[str, Any]:
    """All coefficients but the conditional information, of averages [..., settings]; may be NaN."""
    values: dict[str, Any] = {name: function(x, y) for name, function in COEFFICIENTS.items()}
    values["granulated_kendall"] = granulated_kendall(x, y, grid.codes)
    nothing = np.full(np.shape(values["pearson"]), np.nan)
    controls = grid.control_values
    some = controls.shape[1] > 0
    values["partial_correlation"] = partial_correlation(x, y, controls) if some else nothing
    values["partial_rank_correlation"] = (
        partial_correlation(ranks(x), ranks(y), ranks(controls.T).T) if some else nothing
    )
    values["partial_correlation_within_cells"] = (
        correlate_residuals(x, y, control_basis(grid.cells)) if some else nothing
    )
    return values


def plain(value: Any) -> Any:
    """Numbers for JSON: floats, None for NaN, also inside dictionaries."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return float(value) if np.isfinite(value) else None


def _coefficients(x: np.ndarray, y: np.ndarray, grid: Grid, notes: list[str]) -> dict[str, Any]:
    values = plain(coefficients(x, y, grid))
    trivial = grid.trivial_predictor()
    values[MINUS_TRIVIAL] = None if trivial is None else plain(_lead(x, trivial, y))
    if not grid.codes:
        notes.append("no hyperparameter varies: there is no granulated Kendall coefficient")
    for axis, psi in values["granulated_kendall"].items():
        if psi is None and axis != "mean":
            notes.append(f"no two settings differ in {axis} only: no granulated Kendall for it")
    if grid.no_controls:
        notes.append(f"{grid.no_controls}: no partial correlation")
    elif not grid.controls:
        notes.append(
            "neither learning rate nor batch size is known and varies: no partial correlation"
        )
    elif values["partial_correlation"] is None:
        notes.append(
            f"given {' and '.join(grid.controls)} nothing is left to correlate: no partial "
            "correlation"
        )
    if grid.controls and values["partial_correlation_within_cells"] is None:
        notes.append(
            "within the combinations of learning rate and batch size nothing is left to "
            "correlate: no partial correlation within cells"
        )
    return values


def _lead(x: np.ndarray, trivial: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By how much x correlates more strongly with y than the trivial predictor does."""
    # Rounded as x and y are: the trivial predictor leads itself by exactly 0.
    beside = average(trivial[..., None])
    return np.abs(pearson(x, y)) - np.abs(pearson(beside, y))


def _information(
    x: np.ndarray, y: np.ndarray, grid: Grid, options: Options, notes: list[str]
) -> dict[str, Any]:
    name = "conditional_mutual_information"
    if why := information_undefined(grid):
        notes.append(why)
        return {name: None}
    if len(grid.codes) == 2:
        notes.append(
            "two hyperparameters vary: the conditional mutual information is given one, not two"
        )
    if len(np.unique(x)) == len(x):
        return {name: plain(conditional_mutual_information(x, y, grid.codes))}
    orders = break_ties(x, TIE_BREAKS, np.random.default_rng([options.seed, 2]))
    values = conditional_mutual_information(orders, y, grid.codes)
    if np.ptp(values) < 1e-9:  # the equal values are never compared
        return {name: plain(values[0])}
    notes.append(
        f"equal values: the conditional mutual information is the mean over {TIE_BREAKS} random "
        "orders of them, its range is theirs"
    )
    return {
        name: plain(values.mean()),
        f"{name}_interval": percentile_interval(values, options.confidence),
    }


def information_undefined(grid: Grid) -> str:
    """Why the conditional mutual information is undefined; empty if it is not."""
    if len(grid.codes) < 2:
        return "fewer than two hyperparameters vary: no conditional mutual information"
    if not grid.complete:
        combinations = prod(len(set(values.tolist())) for values in grid.codes.values())
        return (
            f"the grid is incomplete, {len(grid.settings)} of {combinations} combinations have "
            "numbers: no conditional mutual information"
        )
    return ""


def _intervals(
    x: np.ndarray,
    y: np.ndarray,
    known: np.ndarray,
    grid: Grid,
    resamples: Resamples,
    options: Options,
) -> dict[str, Any]:
    resampling, basis = resamples.of(known, grid.control_values)
    drawn_x, drawn_y = resampling.averages(x), resampling.averages(y)
    drawn = {name: function(drawn_x, drawn_y) for name, function in COEFFICIENTS.items()}
    if basis is not None:
        drawn["partial_correlation"] = correlate_residuals(drawn_x, drawn_y, basis)
    trivial = grid.trivial_predictor()
    if trivial is not None:
        # Of the same drawn settings: what moves both correlations moves their difference little.
        drawn[MINUS_TRIVIAL] = _lead(drawn_x, trivial[resampling.settings], drawn_y)
    intervals: dict[str, Any] = {
        "partial_correlation_interval": None,
        f"{MINUS_TRIVIAL}_interval": None,
    }
    for name, values in drawn.items():
        intervals[f"{name}_interval"] = percentile_interval(values, options.confidence)
    return intervals
