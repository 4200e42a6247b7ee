"""The central figure: region count against generalization gap, a chart for each network."""

import numpy as np
from matplotlib.axes import Axes

from rcjax.report.charts import Chart, Hints, Panel
from rcjax.report.drawing import ScatterPoints, draw_scatter
from rcjax.report.palette import Palette
from rcjax.report.tables import MOST_RUNS
from rcjax.report.texts import lines_of, text_of
from rcjax.statistics import Analysis, NetworkStatistics, names


def scatter_charts(analysis: Analysis, palette: Palette) -> list[Chart]:
    """Returns a chart for each network that has a run with numbers."""
    return [
        _chart(network, palette, analysis.options.confidence)
        for network in analysis.networks.values()
        if network.runs.with_numbers
    ]


def _chart(network: NetworkStatistics, palette: Palette, confidence: float) -> Chart:
    settings = network.runs.with_numbers
    runs = [row for setting in settings for row in setting.rows]
    dots = runs if len(runs) <= MOST_RUNS else []
    points = ScatterPoints(
        x=np.array([setting.mean(names.COUNT) for setting in settings]),
        y=np.array([setting.mean(names.GAP) for setting in settings]),
        x_spread=np.array([setting.spread(names.COUNT) for setting in settings]),
        y_spread=np.array([setting.spread(names.GAP) for setting in settings]),
        colours=[palette.colour(setting.settings) for setting in settings],
        markers=[palette.marker(setting.settings) for setting in settings],
        run_x=np.array([row.count for row in dots]),
        run_y=np.array([row.gap for row in dots]),
        run_colours=[palette.colour(row.settings) for row in dots],
    )

    def draw(axes: Axes) -> Hints:
        hints: Hints = {"runs": [lines_of("run_hint", row=row) for row in dots]}
        for name, drawn in draw_scatter(axes, points, network.line).items():
            hints[name] = [lines_of("setting_hint", setting=settings[place]) for place in drawn]
        return hints

    shared = {"network": network.name, "settings": len(settings), "pearson": network.count.pearson}
    caption = text_of(
        "scatter_caption",
        runs=len(runs),
        dots=bool(dots),
        several=len(runs) > len(settings),
        line=network.line is not None,
        confidence=confidence,
        **shared,
    )
    description = text_of("scatter_description", x=points.x, y=points.y, **shared)
    panel = Panel(network.name, description, draw)
    return Chart("scatter", network.name, caption, (panel,), palette.legends(), height=2.7)
