"""The region count among the other measures, with the null and the trivial predictor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import QUIET, REGIONS, TRIVIAL
from rcjax.report import readings, words
from rcjax.report.charts import Chart, Hints, Panel, file_names
from rcjax.report.drawing import Mark, draw_measures
from rcjax.report.grouping import COUNT

_COLOURS = {COUNT: REGIONS, readings.TRIVIAL: TRIVIAL}


def measure_charts(networks: Mapping[str, Any], confidence: float) -> list[Chart]:
    """A chart for each network whose region count has a correlation or that has measures."""
    files = file_names("measures", list(networks))
    return [
        chart
        for network, statistics in networks.items()
        if (chart := _chart(network, statistics, files[network], confidence)) is not None
    ]


def _chart(
    network: str, statistics: Mapping[str, Any], file: str, confidence: float
) -> Chart | None:
    measures = readings.measures_of(statistics, "generalization_gap")
    null = words.ends((measures.pop(readings.NULL, None) or {}).get("pearson_interval"))
    marks = [_mark(name, content) for name, content in measures.items()]
    marks.sort(key=lambda mark: -abs(mark.value) if np.isfinite(mark.value) else 1.0)
    if not any(np.isfinite(mark.value) for mark in marks):
        return None

    def draw(axes: Axes) -> Hints:
        draw_measures(axes, marks, null, x_label="Pearson r with the gap")
        return {}

    caption = (
        f"{network}: {words.plural(len(marks), 'predictor')} of the generalization gap, strongest "
        "correlation first, with bootstrap intervals."
    )
    if null is not None:
        caption += (
            f" Grey: {words.percent(confidence)} of random predictors, {words.interval(null)}."
        )
    parts = [f"{mark.label} {words.correlation(mark.value)}" for mark in marks]
    description = f"Correlations for {network}, strongest first: " + ", ".join(parts) + "."
    height = 0.75 + 0.19 * len(marks)
    return Chart(file, caption, (Panel(network, description, draw),), height=max(1.3, height))


def _mark(name: str, statistics: Mapping[str, Any]) -> Mark:
    value = statistics.get("pearson")
    low, high = words.ends(statistics.get("pearson_interval")) or (np.nan, np.nan)
    return Mark(
        readings.measure_name(name),
        float(value) if words.known(value) else np.nan,
        low,
        high,
        _COLOURS.get(name, QUIET),
        name in _COLOURS,
    )
