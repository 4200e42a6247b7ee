"""Region counts over training, and how early they tell the final gap."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import QUIET, REGIONS
from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Panel
from rcjax.report.drawing import Curve, draw_curves
from rcjax.report.palette import Palette
from rcjax.report.texts import text_of
from rcjax.statistics import Analysis, EpochCorrelation, NetworkStatistics, Row, counts_by_epoch

_EPOCHS = "epochs trained"
_TITLES = ("With the final gap", "With the gap at that epoch")


def count_charts(analysis: Analysis, palette: Palette) -> list[Chart]:
    """For each network with histories: the mean count by epoch, a line for each colour."""
    return [
        _count_chart(network, palette)
        for network in analysis.networks.values()
        if network.training.settings
    ]


def _count_chart(network: NetworkStatistics, palette: Palette) -> Chart:
    axis, settings = palette.colour_axis, network.training.settings
    if axis is None:
        groups = {("all runs", REGIONS): settings}
    else:
        groups = {
            (words.setting_value(level), colour): tuple(
                one for one in settings if axis.place(one.settings) == place
            )
            for place, (level, colour) in enumerate(
                zip(axis.levels, palette.level_colours, strict=True)
            )
        }
    curves = [
        _count_curve(label, colour, [row for setting in own for row in setting.rows])
        for (label, colour), own in groups.items()
        if own
    ]

    def draw(axes: Axes) -> Hints:
        draw_curves(axes, curves, x_label=_EPOCHS, y_label="region count", integer=True)
        return {}

    runs = sum(len(setting.rows) for setting in settings)
    caption = text_of("training_caption", network=network.name, runs=runs, axis=axis)
    description = text_of("training_description", network=network.name, curves=curves)
    legends = palette.legends(marker="", symbols=False)
    panel = Panel(network.name, description, draw)
    return Chart("count_over_training", network.name, caption, (panel,), legends, height=2.3)


def _count_curve(label: str, colour: str, rows: Sequence[Row]) -> Curve:
    by_epoch: dict[int, list[float]] = {}
    for row in rows:
        for epoch, count in counts_by_epoch(row).items():
            by_epoch.setdefault(epoch, []).append(count)
    values = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    mean = np.array([np.mean(here) for here in values])
    spread = np.array([np.std(here, ddof=1) if len(here) > 1 else np.nan for here in values])
    epochs = np.array(sorted(by_epoch), float)
    return Curve(label, epochs, mean, colour, mean - spread, mean + spread)


def prediction_charts(analysis: Analysis, palette: Palette) -> list[Chart]:
    """One chart: the correlation by epoch, with the final gap and with the gap at that epoch."""
    final: dict[str, Sequence[EpochCorrelation]] = {}
    then: dict[str, Sequence[EpochCorrelation]] = {}
    for name, network in analysis.networks.items():
        if network.training.with_final_gap:
            final[name] = network.training.with_final_gap
        if network.training.with_gap_then:
            then[name] = network.training.with_gap_then
    panels = tuple(
        _prediction_panel(title, points, palette)
        for title, points in zip(_TITLES, (final, then), strict=True)
        if points
    )
    if not panels:
        return []
    networks = list(final or then)
    caption = text_of(
        "prediction_caption",
        networks=len(networks),
        gap_then=bool(then),
        confidence=analysis.options.confidence,
    )
    legends = palette.network_legend(networks)
    return [Chart("correlation_over_training", "", caption, panels, legends, 2.3, 2)]


def _prediction_panel(
    title: str, points: Mapping[str, Sequence[EpochCorrelation]], palette: Palette
) -> Panel:
    # Bands of many networks hide each other.
    curves = [_curve(name, own, palette, len(points) == 1) for name, own in points.items()]

    def draw(axes: Axes) -> Hints:
        axes.axhline(0, color=QUIET, lw=0.6)
        draw_curves(axes, curves, x_label=_EPOCHS, y_label="Pearson r", integer=True)
        axes.set_ylim(top=1.03)
        return {}

    return Panel(title, text_of("prediction_description", title=title, lines=points), draw)


def _curve(network: str, points: Sequence[EpochCorrelation], palette: Palette, band: bool) -> Curve:
    epochs = np.array([float(one.epoch) for one in points])
    values = np.array([one.value for one in points])
    colour, marker = palette.network_colour(network), palette.network_marker(network)
    if not band:
        return Curve(network, epochs, values, colour, marker=marker)
    ends = np.array([one.interval or (np.nan, np.nan) for one in points])
    return Curve(network, epochs, values, colour, ends[:, 0], ends[:, 1], marker=marker)
