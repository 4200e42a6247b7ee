"""Pictures of the experiment on large learning rates: counts, sharpness, the bound, functions."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from rcjax.plotting import own_settings

_POSITIVE, _NEGATIVE = "#1f77b4", "#d95f02"
_COLOURS = ("#4c4c9d", "#1b9e77", "#d95f02", "#7570b3", "#66a61e")
_OUTCOMES = {"fitted": "#1b9e77", "step limit": "#bbbbbb", "diverged": "#c0392b"}
_DOTS_PER_INCH = 110


@own_settings()
def plot_counts(
    rates: np.ndarray,
    curves: dict[str, np.ndarray],
    outcomes: dict[str, np.ndarray],
    path: Path,
    *,
    bound: np.ndarray | None = None,
    bound_name: str = "",
    largest_fitting_rate: float | None = None,
) -> None:
    """Draws counts against the learning rate, and below them what became of the runs.

    Args:
        rates: of the ladder, rising.
        curves: name -> [rates, 3]: mean and the ends of its interval; NaN where no run is left.
        outcomes: "fitted", "step limit" and "diverged" -> [rates] shares, adding up to 1.
        path: of the picture.
        bound: [rates], drawn as a dashed curve; NaN and infinity are left out.
        bound_name: for the legend.
        largest_fitting_rate: drawn as a vertical line.
    """
    figure = Figure(figsize=(7, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    for (name, values), colour in zip(curves.items(), _COLOURS, strict=False):
        axes.fill_between(rates, values[:, 1], values[:, 2], color=colour, alpha=0.2, lw=0)
        axes.plot(rates, values[:, 0], color=colour, marker="o", markersize=4, label=name)
    if bound is not None:
        shown = np.where(np.isfinite(bound), bound, np.nan)
        axes.plot(rates, shown, color="0.2", ls="--", label=bound_name)
    if largest_fitting_rate is not None:
        for panel in (axes, below):
            panel.axvline(largest_fitting_rate, color="0.4", ls=":", lw=1.5)
        axes.plot([], [], color="0.4", ls=":", label="above: no stable interpolation (proven)")
    axes.set_ylabel("regions")
    lowest = min((np.nanmin(values) for values in curves.values() if len(values)), default=0)
    if not lowest > 1.2:  # where all counts are much alike, room for their differences
        axes.set_ylim(bottom=0)
    axes.legend(framealpha=0.9, edgecolor="none", fontsize=9)
    _bars(below, rates, outcomes)
    _rate_axis(axes, rates)
    _rate_axis(below, rates)
    below.set_xlabel("learning rate")
    _save(figure, path)


def _bars(axes: Axes, rates: np.ndarray, outcomes: dict[str, np.ndarray]) -> None:
    positions = np.asarray(rates)
    ratio = positions[1] / positions[0] if len(positions) > 1 else 2.0
    left, right = positions * ratio**-0.4, positions * ratio**0.4
    base = np.zeros(len(positions))
    for name, colour in _OUTCOMES.items():
        share = np.asarray(outcomes[name])
        axes.bar(left, share, right - left, bottom=base, align="edge", color=colour, label=name)
        base = base + share
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of runs")
    axes.legend(frameon=False, fontsize=8, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))


@own_settings()
def plot_sharpness(
    steps: np.ndarray, panels: Sequence[tuple[str, float, np.ndarray]], path: Path
) -> None:
    """Draws sharpness against the step, a panel for each learning rate, a line for each run.

    Args:
        steps: of the measurements.
        panels: (title, learning rate, sharpness [measurements, runs]); NaN ends a line.
        path: of the picture.
    """
    columns, rows = 3, -(-len(panels) // 3)
    figure = Figure(figsize=(3.2 * columns, 2.4 * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (title, rate, sharpness) in zip(grid.flat, panels, strict=False):
        positive = np.where(sharpness > 0, sharpness, np.nan)
        axes.plot(steps, positive, color=_COLOURS[0], lw=0.8, alpha=0.6)
        if not np.isfinite(positive[1:]).any():
            zero = np.isfinite(sharpness[1:]).any()
            text = "0 in all runs" if zero else "all runs diverged"
            axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center")
        axes.axhline(2 / rate, color=_OUTCOMES["diverged"], ls="--", lw=1.3)
        axes.set_title(title, fontsize=10)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        _plain(axes)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    figure.supxlabel("step", fontsize=10)
    figure.supylabel("sharpness (dashed: 2 / learning rate)", fontsize=10)
    _save(figure, path)


@own_settings()
def plot_variation(
    rates: np.ndarray,
    variation: np.ndarray,
    fitted: np.ndarray,
    interpolation_cost: float,
    path: Path,
) -> None:
    """Draws both sides of the bound on the slope's weighted variation, a dot for each run.

    Args:
        rates, variation: [runs].
        fitted: bool [runs].
        interpolation_cost: that every interpolating function has at least.
        path: of the picture.
    """
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for chosen, name, colour in (
        (fitted, "fitted runs", _OUTCOMES["fitted"]),
        (~fitted, "not interpolating", "0.6"),
    ):
        axes.scatter(rates[chosen], variation[chosen], s=14, color=colour, label=name, alpha=0.7)
    ladder = np.geomspace(rates.min(), min(rates.max(), 1.99), 200)
    axes.plot(ladder, 1 / ladder - 0.5, color="0.2", ls="--", label="bound 1 / rate - 1/2")
    axes.axhline(
        interpolation_cost, color=_NEGATIVE, ls=":", label="least of any function through the data"
    )
    axes.set_yscale("symlog", linthresh=0.1)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("weighted variation of the slope")
    axes.set_xlabel("learning rate")
    _rate_axis(axes, np.unique(rates))
    axes.legend(frameon=False, fontsize=9)
    _save(figure, path)


@own_settings()
def plot_functions(
    panels: Sequence[tuple[str, np.ndarray, np.ndarray]],
    points: np.ndarray,
    labels: np.ndarray,
    path: Path,
) -> None:
    """Draws functions of one variable with their regions coloured.

    Args:
        panels: (title, x [n], values [n]), x rising.
        points, labels: the training set, [points].
        path: of the picture.
    """
    figure = Figure(figsize=(4 * len(panels), 3.2), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    for axes, (title, x, values) in zip(grid[0], panels, strict=True):
        changes = np.flatnonzero(np.diff(values > 0)) + 1
        borders = [0, *changes, len(x) - 1]
        for left, right in itertools.pairwise(borders):
            colour = _POSITIVE if values[left] > 0 else _NEGATIVE
            axes.axvspan(x[left], x[right], color=colour, alpha=0.15, lw=0)
        axes.plot(x, values, color="0.1", lw=1.5)
        axes.axhline(0, color="0.5", lw=0.7)
        for sign, colour in ((1, _POSITIVE), (-1, _NEGATIVE)):
            chosen = labels == sign
            axes.scatter(points[chosen], labels[chosen], color=colour, s=28, zorder=3)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(x[0], x[-1])
        axes.set_xlabel("x")
        _plain(axes)
    grid[0, 0].set_ylabel("output of the network")
    grid[0, 0].set_ylim(-2, 2)
    _save(figure, path)


@own_settings()
def plot_weight(steps: np.ndarray, rates: np.ndarray, weights: np.ndarray, path: Path) -> None:
    """Draws a single weight against the step, beside what continuous time would make of it.

    Args:
        steps: of the measurements; the first, before training, is left out.
        rates: [runs].
        weights: [measurements, runs].
        path: of the picture.
    """
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for rate, values, colour in zip(rates, weights.T, itertools.cycle(_COLOURS), strict=False):
        axes.plot(steps[1:], values[1:], color=colour, marker="o", ms=3, label=f"rate {rate:,.6g}")
        axes.plot(steps[1:], np.log1p(rate * steps[1:]), color=colour, ls="--")
    axes.plot([], [], color="0.4", ls="--", label="log(1 + rate * step): continuous time")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("step")
    axes.set_ylabel("weight")
    axes.legend(frameon=False, fontsize=9)
    _plain(axes)
    _save(figure, path)


@own_settings()
def plot_boundaries(
    panels: Sequence[tuple[str, Sequence[np.ndarray]]],
    reach: float,
    points: np.ndarray,
    labels: np.ndarray,
    path: Path,
) -> None:
    """Draws decision boundaries in the plane, a panel for each learning rate.

    Args:
        panels: (title, outputs of the runs, each [n, n] over [-reach, reach]^2); the regions of
            the first are coloured, of the others the boundary is drawn as a thin line.
        reach: half the side of the square.
        points: [points, 2].
        labels: [points].
        path: of the picture.
    """
    columns, rows = 4, -(-len(panels) // 4)
    figure = Figure(figsize=(2.7 * columns, 2.8 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (title, outputs) in zip(grid.flat, panels, strict=False):
        if len(outputs):
            axes.imshow(
                np.where(outputs[0][..., None] > 0, *_pale_colours()),
                extent=(-reach, reach, -reach, reach),
                origin="lower",
            )
        for index, values in enumerate(outputs):
            axis = np.linspace(-reach, reach, len(values))
            if (values > 0).any() and not (values > 0).all():
                strong = index == 0
                axes.contour(
                    axis,
                    axis,
                    values,
                    levels=[0],
                    colors="0.1" if strong else "0.45",
                    linewidths=1.6 if strong else 0.5,
                )
        for sign, colour in ((1, _POSITIVE), (-1, _NEGATIVE)):
            axes.scatter(*points[labels == sign].T, color=colour, s=30, edgecolor="k", zorder=3)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    _save(figure, path)


def _pale_colours() -> tuple[Any, Any]:
    return np.array([0.82, 0.89, 0.95]), np.array([0.98, 0.87, 0.79])


def _rate_axis(axes: Axes, rates: np.ndarray) -> None:
    axes.set_xscale("log")
    ticks = list(rates)[:: max(1, -(-len(rates) // 7))]
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DOTS_PER_INCH)
