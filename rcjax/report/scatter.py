"""The central figure: region count against generalization gap, a chart for each network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Palette, Panel, file_names
from rcjax.report.drawing import Band, Points, draw_scatter
from rcjax.report.grouping import (
    Setting,
    by_setting,
    count_of,
    gap_of,
    networks_of,
    test_accuracy_of,
    train_accuracy_of,
    with_numbers,
)
from rcjax.report.regression import regression_band, table_of
from rcjax.statistics import Row


def scatter_charts(
    rows: Sequence[Row], networks: dict[str, Any], palette: Palette, confidence: float, seed: int
) -> list[Chart]:
    """A chart for each network that has a run with numbers."""
    found = with_numbers(rows)
    files = file_names("scatter", networks_of(rows))
    charts = []
    for network in networks_of(found):
        settings = by_setting([row for row in found if row.network == network])
        band = regression_band(
            table_of([[count_of(row) for row in setting.rows] for setting in settings]),
            table_of([[gap_of(row) for row in setting.rows] for setting in settings]),
            confidence=confidence,
            seed=seed,
        )
        statistics = networks.get(network, {})
        charts.append(
            Chart(
                files[network],
                _caption(network, settings, band, statistics, confidence),
                (_panel(network, settings, band, palette, statistics),),
                palette.legends(),
                height=2.7,
            )
        )
    return charts


def _panel(
    network: str,
    settings: list[Setting],
    band: Band | None,
    palette: Palette,
    statistics: dict[str, Any],
) -> Panel:
    runs = [row for setting in settings for row in setting.rows]
    points = Points(
        x=np.array([setting.mean(count_of) for setting in settings]),
        y=np.array([setting.mean(gap_of) for setting in settings]),
        x_spread=np.array([setting.spread(count_of) for setting in settings]),
        y_spread=np.array([setting.spread(gap_of) for setting in settings]),
        colours=[palette.colour(setting.settings) for setting in settings],
        markers=[palette.marker(setting.settings) for setting in settings],
        run_x=np.array([count_of(row) for row in runs]),
        run_y=np.array([gap_of(row) for row in runs]),
        run_colours=[palette.colour(row.settings) for row in runs],
    )

    def draw(axes: Axes) -> Hints:
        hints: Hints = {"runs": [_run_hint(row) for row in runs]}
        for name, drawn in draw_scatter(axes, points, band).items():
            hints[name] = [_setting_hint(settings[place]) for place in drawn]
        return hints

    description = (
        f"Scatter plot for {network}: region count from {points.x.min():.3g} to "
        f"{points.x.max():.3g}, generalization gap from {points.y.min():.3g} to "
        f"{points.y.max():.3g} points, {words.plural(len(settings), 'setting')}, Pearson "
        f"correlation {words.correlation(statistics.get('pearson'))}."
    )
    return Panel(network, description, draw)


def _caption(
    network: str,
    settings: list[Setting],
    band: Band | None,
    statistics: dict[str, Any],
    confidence: float,
) -> str:
    runs = sum(len(setting.rows) for setting in settings)
    several = any(len(setting.rows) > 1 for setting in settings)
    parts = [f"{network}: {words.plural(len(settings), 'setting')}, {words.plural(runs, 'run')}."]
    pearson = statistics.get("pearson")
    if words.known(pearson):
        ends = words.interval(statistics.get("pearson_interval"))
        parts.append(f"Pearson r = {words.correlation(pearson)} {ends}".rstrip() + ".")
    else:
        parts.append("The correlation is undefined.")
    if several:
        parts.append(
            "Large marks: means over seeds, with the standard deviation over seeds; dots: runs."
        )
    if band is not None:
        parts.append(f"Line: least squares, with its {words.percent(confidence)} bootstrap band.")
    return " ".join(parts)


def _accuracies(train: float, test: float) -> str:
    return f"training {words.decimal(train)} %, test {words.decimal(test)} %"


def _setting_hint(setting: Setting) -> str:
    seeds = [str(row.seed) for row in setting.rows if row.seed is not None]
    lines = [
        words.settings_text(setting.settings) or setting.network,
        f"count {words.decimal(setting.mean(count_of))}, gap {words.decimal(setting.mean(gap_of))}",
        _accuracies(setting.mean(train_accuracy_of), setting.mean(test_accuracy_of)),
        f"mean of {words.plural(len(setting.rows), 'run')}"
        + (f", seeds {', '.join(seeds)}" if seeds else ""),
        "runs " + ", ".join(row.name for row in setting.rows),
    ]
    return "\n".join(lines)


def _run_hint(row: Row) -> str:
    error = f" ± {words.decimal(row.standard_error)}" if row.standard_error is not None else ""
    lines = [
        row.name,
        words.settings_text(row.settings) + ("" if row.seed is None else f", seed {row.seed}"),
        f"count {words.decimal(count_of(row))}{error}, gap {words.decimal(gap_of(row))}",
        _accuracies(train_accuracy_of(row), test_accuracy_of(row)),
    ]
    return "\n".join(line for line in lines if line)
