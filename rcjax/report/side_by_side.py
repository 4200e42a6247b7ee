"""The region count among the other measures, with the null and the trivial predictor."""

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import QUIET, REGIONS, TRIVIAL
from rcjax.report.charts import Chart, Hints, Panel
from rcjax.report.drawing import Mark, draw_measures
from rcjax.report.texts import text_of
from rcjax.report.words import measure_name
from rcjax.statistics import Analysis, Estimate, NetworkStatistics, names

_COLOURS = {names.COUNT: REGIONS, names.TRIVIAL: TRIVIAL}


def measure_charts(analysis: Analysis) -> list[Chart]:
    """A chart for each network whose region count has a correlation or that has measures."""
    confidence = analysis.options.confidence
    charts = [_chart(network, confidence) for network in analysis.networks.values()]
    return [chart for chart in charts if chart is not None]


def network_charts(analysis: Analysis) -> list[Chart]:
    """The count of every network in one axis; none for a single network."""
    marks = [_mark(name, own.count.pearson, name) for name, own in analysis.networks.items()]
    if len(marks) < 2 or not any(np.isfinite(mark.value) for mark in marks):
        return []

    def draw(axes: Axes) -> Hints:
        draw_measures(axes, marks, None, x_label="Pearson r of count and gap")
        return {}

    caption = text_of("networks_caption", networks=len(marks))
    description = text_of("networks_description", marks=marks)
    height = max(1.3, 0.75 + 0.19 * len(marks))
    return [Chart("networks", "", caption, (Panel("", description, draw),), height=height)]


def _chart(network: NetworkStatistics, confidence: float) -> Chart | None:
    predictors = network.gap.predictors()
    marks = [_mark(name, found.pearson) for name, found in predictors.items()]
    marks.sort(key=lambda mark: -abs(mark.value) if np.isfinite(mark.value) else 1.0)
    if not any(np.isfinite(mark.value) for mark in marks):
        return None
    chance = network.gap.null.pearson.interval

    def draw(axes: Axes) -> Hints:
        draw_measures(axes, marks, chance, x_label="Pearson r with the gap")
        return {}

    caption = text_of(
        "measures_caption",
        network=network.name,
        predictors=len(marks),
        chance=chance,
        confidence=confidence,
    )
    description = text_of("measures_description", network=network.name, marks=marks)
    height = max(1.3, 0.75 + 0.19 * len(marks))
    panel = Panel(network.name, description, draw)
    return Chart("measures", network.name, caption, (panel,), height=height)


def _mark(name: str, pearson: Estimate, label: str = "") -> Mark:
    low, high = pearson.interval or (np.nan, np.nan)
    value = np.nan if pearson.value is None else pearson.value
    colour = _COLOURS.get(name, QUIET)
    return Mark(label or measure_name(name), value, low, high, colour, name in _COLOURS)
