"""Draws the panels of a study: scatter, curves, and measures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from rcjax.plotting import FAINT, INK, QUIET
from rcjax.statistics import Interval, RegressionLine

MARKERS = ("o", "s", "^", "D", "v", "P")
_NETWORK_COLOURS = (
    "#2f4b8f", "#c05a1a", "#2a8a6a", "#8c3b7a", "#7a7a1f", "#3b93b8", "#b03a48",
    "#6a6a6a", "#8a6a4a",
)  # fmt: skip
_MINUS = "\N{MINUS SIGN}"
_STEPS = [1, 2, 2.5, 5, 10]  # of ticks, times powers of 10
_ORDERED = matplotlib.colormaps["viridis"]


@dataclass(frozen=True)
class Curve:
    """A line with an optional band: float arrays `[points]`; NaN leaves a gap."""

    label: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    joined: bool = True  # False: marks only
    marker: str = "o"


@dataclass(frozen=True)
class ScatterPoints:
    """The settings of a scatter plot, seed by seed and averaged.

    Args:
        x, y: float `[settings]`, means over seeds.
        x_spread, y_spread: float `[settings]`, half the length of the error bars.
        colours, markers: one for each setting.
        run_x, run_y: float `[runs]`, single runs.
        run_colours: one for each run.
    """

    x: np.ndarray
    y: np.ndarray
    x_spread: np.ndarray
    y_spread: np.ndarray
    colours: Sequence[str]
    markers: Sequence[str]
    run_x: np.ndarray
    run_y: np.ndarray
    run_colours: Sequence[str]


@dataclass(frozen=True)
class Mark:
    """A measure in a chart of measures: its value and interval, NaN where undefined."""

    label: str
    value: float
    low: float
    high: float
    colour: str = QUIET
    bold: bool = False


def network_colour(position: int) -> str:
    """Returns the colour of the network at a position of the list of all networks."""
    return _NETWORK_COLOURS[position % len(_NETWORK_COLOURS)]


def ordered_colour(share: float) -> str:
    """Returns a colour for a place in an order, from 0 (lowest) to 1 (highest)."""
    return matplotlib.colors.to_hex(_ORDERED(0.05 + 0.8 * share))


def draw_scatter(
    axes: Axes, points: ScatterPoints, line: RegressionLine | None
) -> dict[str, list[int]]:
    """Draws settings with error bars, single runs as small dots, and the regression line.

    Returns:
        Id of an artist -> the settings behind its marks, in order. The marks of the artist "runs"
        are the runs in their order.
    """
    if line is not None:
        axes.fill_between(line.x, line.low, line.high, color=FAINT, alpha=0.45, lw=0, zorder=1)
        axes.plot(line.x, line.y, color=QUIET, lw=1, zorder=2)
    runs = axes.scatter(
        points.run_x, points.run_y, s=4, c=list(points.run_colours), alpha=0.45, lw=0, zorder=3
    )
    runs.set_gid("runs")
    drawn: dict[str, list[int]] = {}
    axes.errorbar(
        points.x,
        points.y,
        xerr=points.x_spread,
        yerr=points.y_spread,
        fmt="none",
        ecolor=QUIET,
        elinewidth=0.6,
        alpha=0.7,
        zorder=4,
    )
    for marker in dict.fromkeys(points.markers):
        chosen = [i for i, own in enumerate(points.markers) if own == marker]
        marks = axes.scatter(
            points.x[chosen],
            points.y[chosen],
            s=26,
            c=[points.colours[i] for i in chosen],
            marker=marker,
            edgecolors="white",
            linewidths=0.5,
            zorder=5,
        )
        name = f"settings{MARKERS.index(marker)}"
        marks.set_gid(name)
        drawn[name] = chosen
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
    axes.set_xlabel("region count (mean over slices)")
    axes.set_ylabel("generalization gap (points)")
    _grid(axes)
    return drawn


def draw_curves(
    axes: Axes,
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    ticks: Sequence[tuple[float, str]] | None = None,
    integer: bool = False,
    bars: bool = False,
) -> None:
    """Draws curves over a shared axis.

    Args:
        axes: to draw on.
        curves: drawn in order.
        x_label, y_label: of the axes, with units.
        ticks: (position, text) of all ticks of the horizontal axis; None: chosen.
        integer: whether chosen ticks are whole numbers.
        bars: draws intervals as bars instead of bands.
    """
    for curve in curves:
        if curve.low is not None and curve.high is not None:
            if bars:
                axes.vlines(curve.x, curve.low, curve.high, color=curve.colour, lw=0.8, alpha=0.7)
            else:
                axes.fill_between(
                    curve.x, curve.low, curve.high, color=curve.colour, alpha=0.15, lw=0
                )
        axes.plot(
            curve.x,
            curve.y,
            color=curve.colour,
            linestyle="-" if curve.joined else "none",
            marker=curve.marker,
            markersize=3,
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if ticks is not None:
        axes.xaxis.set_major_locator(NullLocator())
        axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
        places = [place for place, _ in ticks]
        margin = 0.08 * ((max(places) - min(places)) or 1.0)
        axes.set_xlim(min(places) - margin, max(places) + margin)
    elif integer:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=_STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    _grid(axes)


def draw_measures(
    axes: Axes, marks: Sequence[Mark], null: Interval | None, *, x_label: str
) -> None:
    """Draws a dot with its interval for each measure, the first at the top.

    Args:
        axes: to draw on.
        marks: from the top.
        null: the range of random predictors, drawn as a grey band.
        x_label: the statistic.
    """
    places = np.arange(len(marks))[::-1]
    if null is not None:
        axes.axvspan(*null, color=FAINT, alpha=0.4, lw=0, zorder=0)
    axes.axvline(0, color=QUIET, lw=0.6, zorder=1)
    for place, mark in zip(places, marks, strict=True):
        axes.hlines(place, mark.low, mark.high, color=mark.colour, lw=1.2, zorder=2)
        # Near 1 a dot reaches beyond the axes.
        axes.plot(mark.value, place, "o", c=mark.colour, markersize=4.5, zorder=3, clip_on=False)
        if not np.isfinite(mark.value):
            axes.text(0, place, " undefined", color=QUIET, va="center", fontsize=7)
    axes.set_yticks(places, [mark.label for mark in marks])
    for text, mark in zip(axes.get_yticklabels(), marks, strict=True):
        text.set_color(mark.colour if mark.bold else INK)
        text.set_fontweight("bold" if mark.bold else "normal")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(-1.04, 1.04)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], [f"{_MINUS}1", f"{_MINUS}0.5", "0", "0.5", "1"])
    axes.set_ylim(-0.7, len(marks) - 0.3)
    axes.set_xlabel(x_label)
    axes.grid(axis="x", color=FAINT, lw=0.4, alpha=0.6)
    axes.set_axisbelow(True)


def _grid(axes: Axes) -> None:
    axes.grid(color=FAINT, lw=0.4, alpha=0.6)
    axes.set_axisbelow(True)
