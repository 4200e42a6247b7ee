"""What every hyperparameter does to count, gap and test accuracy, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import REGIONS, Key, Legend
from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Panel, file_names, scale
from rcjax.report.drawing import Curve, draw_curves, network_colour, ordered_colour
from rcjax.report.grouping import (
    Setting,
    axes_of,
    by_setting,
    count_of,
    gap_of,
    levels,
    networks_of,
    same,
    test_accuracy_of,
    with_numbers,
)
from rcjax.statistics import Row

_QUANTITIES: tuple[tuple[str, str, Callable[[Row], float]], ...] = (
    ("Region count", "region count", count_of),
    ("Generalization gap", "gap (points)", gap_of),
    ("Test accuracy", "test accuracy (%)", test_accuracy_of),
)
_MOST_LINES = 6
_MOST_LEVELS = 12  # more values than this are points, not a line


def effect_charts(rows: Sequence[Row]) -> list[Chart]:
    """A chart for each axis of the grid, with three panels."""
    found = with_numbers(rows)
    names = axes_of(found)
    files = file_names("effect", names)
    return [_chart(found, name, names, files[name]) for name in names]


def _chart(rows: list[Row], name: str, names: list[str], file: str) -> Chart:
    groups, title = _groups(rows, name, names)
    values = levels(rows, name)
    joined = len(values) <= _MOST_LEVELS
    panels = tuple(
        Panel(
            label,
            _description(label, name, groups, values, quantity),
            _drawing(groups, name, values, quantity, axis_label, joined),
        )
        for label, axis_label, quantity in _QUANTITIES
    )
    legend = Legend(title, tuple(Key(label, colour) for label, colour, _ in groups))
    caption = f"Effect of the {words.field_name(name)}."
    if joined:
        caption += " Means over all other settings and seeds"
        several = any(len(own) > len(values) for _, _, own in groups)
        caption += "; bars: standard deviation over settings." if several else "."
    else:
        caption += " A mark for each setting, averaged over seeds."
    return Chart(file, caption, panels, (legend,) if len(groups) > 1 else (), height=2.1)


def _groups(
    rows: list[Row], name: str, names: list[str]
) -> tuple[list[tuple[str, str, list[Setting]]], str]:
    """The lines of a chart: (label, colour, settings), and what distinguishes them."""
    settings = by_setting(rows)
    networks = networks_of(rows)
    if len(networks) > 1:
        lines = [
            (network, network_colour(place), [one for one in settings if one.network == network])
            for place, network in enumerate(networks)
        ]
        return lines, "network"
    for other in names:
        values = levels(rows, other)
        if other != name and len(values) <= _MOST_LINES:
            lines = [
                (
                    words.setting_value(value),
                    ordered_colour(place / max(1, len(values) - 1)),
                    [one for one in settings if same(one.settings.get(other), value)],
                )
                for place, value in enumerate(values)
            ]
            return lines, words.field_name(other)
    return [("all runs", REGIONS, settings)], ""


def _means(
    settings: list[Setting], name: str, values: list[Any], quantity: Callable[[Row], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over settings at each value; NaN where there is no run."""
    mean, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for place, value in enumerate(values):
        here = [one.mean(quantity) for one in settings if same(one.settings.get(name), value)]
        known = [number for number in here if np.isfinite(number)]
        if known:
            mean[place] = np.mean(known)
        if len(known) > 1:
            spread[place] = np.std(known, ddof=1)
    return mean, spread


def _drawing(
    groups: list[tuple[str, str, list[Setting]]],
    name: str,
    values: list[Any],
    quantity: Callable[[Row], float],
    axis_label: str,
    joined: bool,
) -> Callable[[Axes], Hints]:
    places, ticks = scale(values)

    def curve(label: str, colour: str, settings: list[Setting]) -> Curve:
        if not joined:
            where = [
                places[next(i for i, v in enumerate(values) if same(v, one.settings.get(name)))]
                for one in settings
            ]
            heights = np.array([one.mean(quantity) for one in settings])
            return Curve(label, np.array(where), heights, colour, joined=False)
        mean, spread = _means(settings, name, values, quantity)
        return Curve(label, np.array(places), mean, colour, mean - spread, mean + spread)

    # Lines stand a little aside of each other, so that no bar hides another.
    distance = 0.015 * ((max(places) - min(places)) or 1.0) if joined else 0.0

    def _aside(one: Curve, place: int) -> Curve:
        return replace(one, x=one.x + distance * (place - (len(groups) - 1) / 2))

    def draw(axes: Axes) -> Hints:
        draw_curves(
            axes,
            [_aside(curve(*group), place) for place, group in enumerate(groups)],
            x_label=words.field_name(name),
            y_label=axis_label,
            ticks=ticks,
            bars=True,
        )
        return {}

    return draw


def _description(
    label: str,
    name: str,
    groups: list[tuple[str, str, list[Setting]]],
    values: list[Any],
    quantity: Callable[[Row], float],
) -> str:
    ends = (values[0], values[-1])
    parts = []
    for group, _, settings in groups:
        first, last = _means(settings, name, list(ends), quantity)[0]
        parts.append(f"{group}: {words.significant(first)} to {words.significant(last)}")
    first, last = (words.setting_value(end) for end in ends)
    return f"{label} from {words.field_name(name)} {first} to {last}. " + "; ".join(parts) + "."
