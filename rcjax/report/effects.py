"""The effect of every hyperparameter on count, gap and test accuracy, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from rcjax.array_types import Float
from rcjax.plotting import REGIONS, Key, Legend
from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Panel
from rcjax.report.drawing import Curve, draw_curves, ordered_colour
from rcjax.report.palette import Palette, scale
from rcjax.report.texts import text_of
from rcjax.statistics import Axis, Setting, StudyRows, names

# Quantity, title of its panel, label of its axis.
_QUANTITIES = (
    (names.COUNT, "Region count", "region count"),
    (names.GAP, "Generalization gap", "gap (points)"),
    (names.TEST_ACCURACY, "Test accuracy", "test accuracy (%)"),
)
_MOST_LINES = 6
_MOST_LEVELS = 12  # more values than this are points, not a line


@dataclass(frozen=True)
class LineGroup:
    """Settings that make one line of a chart."""

    label: str
    colour: str
    settings: Sequence[Setting]
    marker: str = "o"


@dataclass(frozen=True)
class _Line:
    """Mean and standard deviation over settings at each level, NaN where there is none."""

    label: str
    colour: str
    mean: Float[np.ndarray, " levels"]
    spread: Float[np.ndarray, " levels"]


def effect_charts(study: StudyRows, palette: Palette) -> list[Chart]:
    """Returns a chart for each axis of the grid, with three panels."""
    return [_chart(study, axis, palette) for axis in study.axes_with_numbers]


def _chart(study: StudyRows, axis: Axis, palette: Palette) -> Chart:
    groups, title = _groups(study, axis, palette)
    joined = len(axis.levels) <= _MOST_LEVELS
    panels = tuple(
        _panel(label, axis_label, quantity, axis, groups)
        for quantity, label, axis_label in _QUANTITIES
    )
    legend = Legend(title, tuple(Key(group.label, group.colour, group.marker) for group in groups))
    several = any(len(group.settings) > len(axis.levels) for group in groups)
    caption = text_of("effect_caption", axis=axis, joined=joined, several=several)
    legends = (legend,) if len(groups) > 1 else ()
    return Chart("effect", axis.name, caption, panels, legends, height=2.1)


def _groups(study: StudyRows, axis: Axis, palette: Palette) -> tuple[list[LineGroup], str]:
    """Returns the lines of a chart, and what distinguishes them."""
    networks = [network for network in study.networks if network.with_numbers]
    if len(networks) > 1:
        return [
            LineGroup(
                own.name,
                palette.network_colour(own.name),
                own.with_numbers,
                palette.network_marker(own.name),
            )
            for own in networks
        ], "network"
    for other in study.axes_with_numbers:
        if other != axis and len(other.levels) <= _MOST_LINES:
            return [
                LineGroup(
                    words.setting_value(level),
                    ordered_colour(place / (len(other.levels) - 1)),
                    [one for one in study.with_numbers if other.place(one.settings) == place],
                )
                for place, level in enumerate(other.levels)
            ], words.field_name(other.name)
    return [LineGroup("all runs", REGIONS, study.with_numbers)], ""


def _panel(
    label: str, axis_label: str, quantity: str, axis: Axis, groups: Sequence[LineGroup]
) -> Panel:
    places, ticks = scale(axis.levels)
    lines = [_line(group, quantity, axis) for group in groups]
    if len(axis.levels) <= _MOST_LEVELS:
        # Lines stand a little aside of each other, so that no bar hides another.
        distance = 0.015 * ((max(places) - min(places)) or 1.0)
        curves = [
            Curve(
                line.label,
                np.array(places) + distance * (number - (len(lines) - 1) / 2),
                line.mean,
                line.colour,
                line.mean - line.spread,
                line.mean + line.spread,
                marker=group.marker,
            )
            for number, (line, group) in enumerate(zip(lines, groups, strict=True))
        ]
    else:
        curves = [_marks(group, quantity, axis, places) for group in groups]

    def draw(axes: Axes) -> Hints:
        x_label = words.field_name(axis.name)
        draw_curves(axes, curves, x_label=x_label, y_label=axis_label, ticks=ticks, bars=True)
        return {}

    description = text_of("effect_description", label=label, axis=axis, lines=lines)
    return Panel(label, description, draw)


def _line(group: LineGroup, quantity: str, axis: Axis) -> _Line:
    here: list[list[float]] = [[] for _ in axis.levels]
    for setting in group.settings:
        mean = setting.mean(quantity)
        if np.isfinite(mean):
            here[axis.place(setting.settings)].append(mean)
    return _Line(
        group.label,
        group.colour,
        np.array([np.mean(own) if own else np.nan for own in here]),
        np.array([np.std(own, ddof=1) if len(own) > 1 else np.nan for own in here]),
    )


def _marks(group: LineGroup, quantity: str, axis: Axis, places: Sequence[float]) -> Curve:
    x = np.array([places[axis.place(setting.settings)] for setting in group.settings])
    y = np.array([setting.mean(quantity) for setting in group.settings])
    return Curve(group.label, x, y, group.colour, joined=False, marker=group.marker)
