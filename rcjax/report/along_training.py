"""Region counts over training, and how early they tell the final gap."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import QUIET, REGIONS, Key, Legend
from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Palette, Panel, file_names
from rcjax.report.drawing import Curve, draw_curves, network_colour
from rcjax.report.grouping import by_setting, gap_of, networks_of, same, with_numbers
from rcjax.report.regression import correlation_interval, table_of
from rcjax.statistics import Row

_EPOCHS = "epochs trained"


def count_charts(rows: Sequence[Row], palette: Palette) -> list[Chart]:
    """For each network with histories: the mean count by epoch, a line for each colour."""
    found = [row for row in with_numbers(rows) if len(_counts(row)) > 1]
    files = file_names("count_over_training", networks_of(rows))
    charts = []
    for network in networks_of(found):
        own = [row for row in found if row.network == network]
        curves = _count_curves(own, palette)
        ends = [f"{curve.label} {words.significant(curve.y[-1])}" for curve in curves]
        name = words.field_name(palette.colour_axis) if palette.colour_axis else ""
        caption = f"{network}: region count over training, {words.plural(len(own), 'run')}."
        caption += f" Means for each {name}" if name else " Mean of all runs"
        charts.append(
            Chart(
                files[network],
                caption + "; bands: standard deviation over runs.",
                (
                    Panel(
                        network,
                        f"Region count over training for {network}. At the end: "
                        + "; ".join(ends)
                        + ".",
                        _drawing(curves, "region count"),
                    ),
                ),
                palette.legends(marker="", symbols=False),
                height=2.3,
            )
        )
    return charts


def prediction_charts(rows: Sequence[Row], confidence: float, seed: int) -> list[Chart]:
    """One chart: the correlation by epoch, with the final gap and with the gap at that epoch."""
    found = [row for row in with_numbers(rows) if len(_counts(row)) > 1]
    everything = networks_of(with_numbers(rows))
    curves: dict[str, list[Curve]] = {"final": [], "same": []}
    for network in networks_of(found):
        own = [row for row in found if row.network == network]
        colour = network_colour(everything.index(network))
        for kind, gap in (("final", _final_gap), ("same", _gap_at)):
            curve = _correlation_curve(network, own, gap, colour, confidence, seed)
            if np.isfinite(curve.y).any():
                curves[kind].append(curve)
    panels = []
    for kind, title in (("final", "With the final gap"), ("same", "With the gap at that epoch")):
        if curves[kind]:
            panels.append(_prediction_panel(title, curves[kind]))
    if not panels:
        return []
    networks = [curve.label for curve in curves["final"] or curves["same"]]
    keys = tuple(Key(name, network_colour(everything.index(name)), "") for name in networks)
    caption = (
        "Pearson correlation of the region count at an epoch over settings averaged over seeds: "
        "with the gap after the last epoch (how early the count tells it)"
    )
    if curves["same"]:
        caption += (
            ", and with the gap at the same epoch (fewer epochs of training, though with the "
            "learning rate's schedule not run to its end)"
        )
    caption += (
        f". Bands: {words.percent(confidence)} bootstrap intervals." if len(networks) == 1 else "."
    )
    legends = (Legend("network", keys),) if len(networks) > 1 else ()
    return [Chart("correlation_over_training", caption, tuple(panels), legends, 2.3, 2)]


def _prediction_panel(title: str, curves: list[Curve]) -> Panel:
    shown = curves
    if len(curves) > 1:  # bands of many networks hide each other
        shown = [Curve(curve.label, curve.x, curve.y, curve.colour) for curve in curves]

    def draw(axes: Axes) -> Hints:
        axes.axhline(0, color=QUIET, lw=0.6)
        draw_curves(axes, shown, x_label=_EPOCHS, y_label="Pearson r", integer=True)
        axes.set_ylim(top=1.03)
        return {}

    parts = [
        f"{curve.label} {words.correlation(float(curve.y[known][0]))} at epoch "
        f"{curve.x[known][0]:g}, {words.correlation(float(curve.y[known][-1]))} at epoch "
        f"{curve.x[known][-1]:g}"
        for curve in curves
        for known in [np.isfinite(curve.y)]
    ]
    return Panel(title, f"Correlation by epoch. {title}: " + "; ".join(parts) + ".", draw)


def _drawing(curves: list[Curve], y_label: str) -> Callable[[Axes], Hints]:
    def draw(axes: Axes) -> Hints:
        draw_curves(axes, curves, x_label=_EPOCHS, y_label=y_label, integer=True)
        return {}

    return draw


def _counts(row: Row) -> dict[int, float]:
    """Epoch -> mean count, where it is known."""
    found = {}
    for entry in row.history:
        mean = (entry.get("region_count") or {}).get("mean")
        if words.known(mean):
            found[int(entry["epoch"])] = float(mean)
    return found


def _final_gap(row: Row, epoch: int) -> float:
    return gap_of(row)


def _gap_at(row: Row, epoch: int) -> float:
    for entry in row.history:
        gap = entry.get("generalization_gap")
        if entry["epoch"] == epoch and words.known(gap):
            return float(gap)
    return float("nan")


def _epochs(rows: Sequence[Row]) -> list[int]:
    return sorted({epoch for row in rows for epoch in _counts(row)})


def _count_curves(rows: list[Row], palette: Palette) -> list[Curve]:
    if palette.colour_axis is None:
        return [_count_curve("all runs", REGIONS, rows)]
    curves = []
    for value, colour in palette.level_colours():
        own = [row for row in rows if same(row.settings.get(palette.colour_axis), value)]
        if own:
            curves.append(_count_curve(words.setting_value(value), colour, own))
    return curves


def _count_curve(label: str, colour: str, rows: list[Row]) -> Curve:
    epochs = _epochs(rows)
    counts = [_counts(row) for row in rows]
    values = [[own[epoch] for own in counts if epoch in own] for epoch in epochs]
    mean = np.array([np.mean(here) for here in values])
    spread = np.array([np.std(here, ddof=1) if len(here) > 1 else np.nan for here in values])
    return Curve(label, np.array(epochs, float), mean, colour, mean - spread, mean + spread)


def _correlation_curve(
    network: str,
    rows: list[Row],
    gap: Callable[[Row, int], float],
    colour: str,
    confidence: float,
    seed: int,
) -> Curve:
    epochs = _epochs(rows)
    estimates = []
    for epoch in epochs:
        here = [row for row in rows if epoch in _counts(row) and np.isfinite(gap(row, epoch))]
        groups = by_setting(here)
        estimates.append(
            correlation_interval(
                table_of([[_counts(row)[epoch] for row in group.rows] for group in groups]),
                table_of([[gap(row, epoch) for row in group.rows] for group in groups]),
                confidence=confidence,
                seed=seed,
            )
        )
    value, low, high = np.array(estimates).reshape(-1, 3).T
    return Curve(network, np.array(epochs, float), value, colour, low, high)
