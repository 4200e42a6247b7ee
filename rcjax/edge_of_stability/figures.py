"""Prepares the data of the pictures; `rcjax.edge_of_stability.drawing` draws them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.edge_of_stability import drawing as plotting
from rcjax.edge_of_stability.config import EdgeOfStabilityConfig
from rcjax.edge_of_stability.measuring import Experiment
from rcjax.edge_of_stability.state import DIVERGED, FITTED, STATUS_NAMES, RunsState

_REACH = 2.0  # of the square on which decision boundaries are drawn
_PANELS = 6  # learning rates whose sharpness is drawn


def draw_figures(
    config: EdgeOfStabilityConfig,
    experiment: Experiment,
    state: RunsState,
    record: dict[str, Any],
    folder: Path,
) -> None:
    """Draws all figures that the data allow into a folder.

    counts.png and sharpness.png always; variation.png where the bound applies; functions.png for
    points on a line; boundaries.png for points in the plane; weight.png for a network of one.
    """
    folder.mkdir(exist_ok=True)
    _draw_counts(config, experiment, state, record, folder / "counts.png")
    _draw_sharpness(experiment, state, folder / "sharpness.png")
    if "bound" in record and (state.status != DIVERGED).any():
        kept = state.status != DIVERGED
        plotting.plot_variation(
            experiment.runs.learning_rates[kept],
            np.asarray(state.history["slope_variation"][-1])[kept],
            (state.status == FITTED)[kept],
            record["bound"]["interpolation_cost"],
            folder / "variation.png",
        )
    if experiment.data.on_line:
        _draw_functions(experiment, state, folder / "functions.png")
    if "weight" in state.history:
        weights = np.array(state.history["weight"])
        plotting.plot_weight(
            np.array(state.history["step"]),
            experiment.runs.learning_rates,
            weights,
            folder / "weight.png",
        )
    if experiment.data.points.ndim == 2 and experiment.data.dim == 2:
        _draw_boundaries(experiment, state, folder / "boundaries.png")


def _draw_counts(
    config: EdgeOfStabilityConfig,
    experiment: Experiment,
    state: RunsState,
    record: dict[str, Any],
    path: Path,
) -> None:
    runs = experiment.runs
    rates = np.unique(runs.learning_rates)
    regions = np.array([row["regions"] for row in record["runs"]])
    where = "on the whole line" if experiment.data.on_line else "on segments between points"
    curves = {}
    for size in np.unique(runs.batch_sizes)[::-1]:
        several = f", batch size {size}" if len(np.unique(runs.batch_sizes)) > 1 else ""
        here = runs.batch_sizes == size
        curves[f"regions {where}{several}"] = _intervals(
            rates, runs.learning_rates[here], regions[here]
        )
    bound: dict[str, Any] = {}
    one_size = len(np.unique(runs.batch_sizes)) == 1
    if experiment.data.on_line and one_size:
        curves["between the first and the last point"] = _intervals(
            rates, runs.learning_rates, np.asarray(state.history["regions_between_points"][-1])
        )
    if "bound" in record:
        name = f"in the central {config.bound.center:.0%}, |output| ≥ {config.bound.margin:g}"
        name += "" if one_size else ", all batch sizes"
        curves[name] = _intervals(
            rates, runs.learning_rates, np.asarray(state.history["regions_center_margin"][-1])
        )
        bound = {
            "bound": np.array([entry["regions"] for entry in record["bound"]["count_bound"]]),
            "bound_name": "bound on that, at stable interpolation",
            "largest_fitting_rate": record["bound"]["largest_fitting_rate"],
        }
    outcomes = {
        name: np.array(
            [np.mean(state.status[runs.learning_rates == rate] == code) for rate in rates]
        )
        for code, name in enumerate(STATUS_NAMES)
    }
    plotting.plot_counts(rates, curves, outcomes, path, **bound)


def _intervals(rates: np.ndarray, of_runs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[rates, 3]: mean over the runs that are not NaN, and 1.96 standard errors on both sides."""
    result = np.full((len(rates), 3), np.nan)
    for index, rate in enumerate(rates):
        kept = values[(of_runs == rate) & np.isfinite(values)]
        if len(kept):
            error = 1.96 * np.std(kept, ddof=1) / len(kept) ** 0.5 if len(kept) > 1 else 0.0
            result[index] = kept.mean() + np.array([0, -error, error])
    return result


def _spread(values: Sequence[Any] | np.ndarray, count: int) -> list[Any]:
    """At most `count` of the values, evenly spread from the first to the last."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))
    return [values[index] for index in chosen]


def _draw_sharpness(experiment: Experiment, state: RunsState, path: Path) -> None:
    runs = experiment.runs
    sizes = np.unique(runs.batch_sizes)[::-1]
    sharpness = np.array(state.history["sharpness"])
    steps = np.array(state.history["step"])
    # A run that stopped repeats its last measurement; its line should end there.
    sharpness = np.where(steps[:, None] > state.steps, np.nan, sharpness)
    panels = []
    rates = _spread(np.unique(runs.learning_rates), _PANELS if len(sizes) == 1 else 3)
    for size in sizes:
        for rate in rates:
            here = (runs.learning_rates == rate) & (runs.batch_sizes == size)
            title = f"rate {rate:.2g}" + (f", batch {size}" if len(sizes) > 1 else "")
            panels.append((title, float(rate), sharpness[:, here]))
    plotting.plot_sharpness(steps, panels, path)


def _outputs(experiment: Experiment, state: RunsState, run: int, points: np.ndarray) -> np.ndarray:
    parameters = jax.tree.map(lambda leaf: leaf[run], state.parameters)
    return np.asarray(experiment.network.outputs(parameters, jnp.asarray(points, jnp.float32)))


def _draw_functions(experiment: Experiment, state: RunsState, path: Path) -> None:
    """The first run that did not diverge, at the smallest, the middle and the largest rate."""
    runs, data = experiment.runs, experiment.data
    kept = state.status != DIVERGED
    reach = 1.25 * np.abs(data.points).max()
    x = np.linspace(-reach, reach, 2001)
    panels = []
    for rate in _spread(np.unique(runs.learning_rates[kept]), 3):
        run = int(np.flatnonzero(kept & (runs.learning_rates == rate))[0])
        values = _outputs(experiment, state, run, x[:, None])
        count = 1 + np.sum((values[1:] > 0) != (values[:-1] > 0))
        status = STATUS_NAMES[state.status[run]].replace("step limit", "not fitted")
        panels.append((f"rate {rate:.2g}: {count} regions ({status})", x, values))
    if panels:
        plotting.plot_functions(panels, data.points[:, 0], data.labels, path)


def _draw_boundaries(experiment: Experiment, state: RunsState, path: Path) -> None:
    runs, data = experiment.runs, experiment.data
    axis = np.linspace(-_REACH, _REACH, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    # The seed that fitted at the most rates comes first: the same initial network in all panels.
    shown = np.argmax(np.bincount(runs.seeds, weights=state.status == FITTED))
    panels = []
    for rate in _spread(np.unique(runs.learning_rates), 8):
        here = runs.learning_rates == rate
        kept = np.flatnonzero(here & (state.status != DIVERGED))
        kept = kept[np.argsort(runs.seeds[kept] != shown, kind="stable")]
        outputs = [
            _outputs(experiment, state, run, grid).reshape(len(axis), -1) for run in kept[:10]
        ]
        fitted = int(np.sum(state.status[here] == FITTED))
        diverged = int(np.sum(state.status[here] == DIVERGED))
        title = f"rate {rate:.2g}: {fitted}/{here.sum()} fitted"
        panels.append((title + (f", {diverged} diverged" if diverged else ""), outputs))
    plotting.plot_boundaries(panels, _REACH, data.points, data.labels, path)
