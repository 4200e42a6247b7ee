"""Other definitions of the count on the same networks: what changes, and what does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rcjax.plotting import Key, Legend
from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Panel, file_names
from rcjax.report.definition import VARIED
from rcjax.report.drawing import Curve, draw_curves, network_colour
from rcjax.report.grouping import COUNT, is_number, networks_of, with_numbers
from rcjax.statistics import Row

PREFIX = f"{COUNT}: "


@dataclass(frozen=True)
class Variant:
    """One definition of the count in a group of definitions that vary the same fields."""

    name: str  # of the measure
    label: str
    values: tuple[Any, ...]
    main: bool = False  # the study's own definition


def groups_of(
    variants: Mapping[str, Any], definition: Mapping[str, Any]
) -> dict[tuple[str, ...], list[Variant]]:
    """Variants by the fields that they override, in numerical order.

    The study's own definition joins every group whose fields it states. A variant that changes
    the estimator (`method`) joins the group of `points`, whose limit it is, at its end.
    """
    groups: dict[tuple[str, ...], list[Variant]] = {}
    for name, content in variants.items():
        overrides = dict((content or {}).get("regions") or {})
        fields = tuple(overrides) or ("definition",)
        values = tuple(overrides.values()) or (name,)
        label = _label(fields, values)
        groups.setdefault(tuple(fields), []).append(Variant(PREFIX + name, label, values))
    limits = [fields for fields in groups if "method" in fields and set(fields) <= _RESOLUTION]
    if ("points",) in groups:
        for fields in limits:
            groups[("points",)] += [
                Variant(one.name, one.label, ("limit", *one.values)) for one in groups.pop(fields)
            ]
    for fields, members in groups.items():
        own = tuple(definition.get(field) for field in fields)
        if None not in own and VARIED not in own and own not in [one.values for one in members]:
            members.append(Variant(COUNT, _label(fields, own), own, main=True))
        members.sort(key=lambda one: [_order(value) for value in one.values])
    return groups


_RESOLUTION = {"method", "points"}


def ablation_charts(
    rows: Sequence[Row],
    variants: Mapping[str, Any],
    definition: Mapping[str, Any],
    networks: Mapping[str, Any],
) -> list[Chart]:
    """For each group a chart of two panels: correlation with the gap, and mean count."""
    groups = groups_of(variants, definition)
    files = file_names("ablation", ["_".join(fields) for fields in groups])
    found = with_numbers(rows)
    return [
        _chart(found, fields, members, networks, files["_".join(fields)])
        for fields, members in groups.items()
    ]


def _chart(
    rows: list[Row],
    fields: tuple[str, ...],
    members: list[Variant],
    networks: Mapping[str, Any],
    file: str,
) -> Chart:
    names = networks_of(rows)
    correlations = [
        _correlation_curve(name, members, networks, place) for place, name in enumerate(names)
    ]
    counts = [_count_curve(name, members, rows, place) for place, name in enumerate(names)]
    title = words.listing([words.field_name(field) for field in fields])
    caption = f"The count with another {title}, on the same trained networks."
    main = [one.label for one in members if one.main]
    if main:
        caption += (
            f" The study's own count: {main[0] if len(fields) > 1 else title + ' ' + main[0]}."
        )
    caption += " Left: correlation with the generalization gap, with intervals; right: mean count,"
    caption += " with the standard deviation over runs."
    panels = (
        Panel(
            "Correlation with the gap",
            _description("Pearson correlation", correlations, members, words.correlation),
            _drawing(correlations, members, title, "Pearson r", fields),
        ),
        Panel(
            "Mean count",
            _description("Mean region count", counts, members, words.significant),
            _drawing(counts, members, title, "region count", fields),
        ),
    )
    keys = tuple(Key(name, network_colour(place)) for place, name in enumerate(names))
    legends = (Legend("network", keys),) if len(names) > 1 else ()
    return Chart(file, caption, panels, legends, height=2.2, columns=2)


def _drawing(
    curves: list[Curve],
    members: list[Variant],
    title: str,
    y_label: str,
    fields: tuple[str, ...],
) -> Callable[[Axes], Hints]:
    joined = all(is_number(one.values[0]) for one in members)
    shown = [
        Curve(one.label, one.x, one.y, one.colour, one.low, one.high, joined=joined)
        for one in curves
    ]

    # Networks stand a little aside of each other, so that no bar hides another.
    shown = [
        replace(one, x=one.x + 0.03 * (len(members) - 1) * (place - (len(shown) - 1) / 2))
        for place, one in enumerate(shown)
    ]

    def draw(axes: Axes) -> Hints:
        labels = [_tick(fields, one) for one in members]
        ticks = [(float(place), label) for place, label in enumerate(labels)]
        draw_curves(axes, shown, x_label=title, y_label=y_label, ticks=ticks, bars=True)
        if max(map(len, labels)) * len(members) > 36:
            axes.tick_params(axis="x", rotation=30)
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
        return {}

    return draw


def _correlation_curve(
    network: str, members: list[Variant], networks: Mapping[str, Any], place: int
) -> Curve:
    measures = networks.get(network, {}).get("outcomes", {}).get("generalization_gap", {})
    values, lows, highs = [], [], []
    for one in members:
        statistics = measures.get(one.name) or {}
        value = statistics.get("pearson")
        values.append(value if words.known(value) else np.nan)
        low, high = words.ends(statistics.get("pearson_interval")) or (np.nan, np.nan)
        lows.append(low)
        highs.append(high)
    x = np.arange(len(members), dtype=float)
    colour = network_colour(place)
    return Curve(network, x, np.array(values), colour, np.array(lows), np.array(highs))


def _count_curve(network: str, members: list[Variant], rows: list[Row], place: int) -> Curve:
    mean, spread = np.full(len(members), np.nan), np.full(len(members), np.nan)
    for position, one in enumerate(members):
        found = [row.measures.get(one.name) for row in rows if row.network == network]
        here = [value for value in found if value is not None and np.isfinite(value)]
        if here:
            mean[position] = np.mean(here)
        if len(here) > 1:
            spread[position] = np.std(here, ddof=1)
    x = np.arange(len(members), dtype=float)
    return Curve(network, x, mean, network_colour(place), mean - spread, mean + spread)


def _description(
    what: str, curves: list[Curve], members: list[Variant], text: Callable[[Any], str]
) -> str:
    parts = [
        f"{curve.label}: "
        + ", ".join(
            f"{one.label} {text(float(value))}" for one, value in zip(members, curve.y, strict=True)
        )
        for curve in curves
    ]
    return f"{what} by definition. " + "; ".join(parts) + "."


def _label(fields: tuple[str, ...], values: tuple[Any, ...]) -> str:
    if len(fields) == 1:
        return _value(values[0])
    return ", ".join(
        f"{words.field_name(field)} {_value(value)}"
        for field, value in zip(fields, values, strict=True)
    )


def _tick(fields: tuple[str, ...], variant: Variant) -> str:
    """Values alone, below which the axis names their fields: names at every mark leave no room."""
    return variant.label if len(fields) == 1 else ", ".join(map(_value, variant.values))


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(words.setting_value, value)) + "]"
    return words.setting_value(value)


def _order(value: Any) -> tuple[int, list[float], str]:
    """Numbers by value, ranges by their length, words last."""
    if is_number(value):
        return (0, [float(value)], "")
    if isinstance(value, list | tuple) and all(map(is_number, value)):
        return (0, [float(max(value) - min(value)), *map(float, value)], "")
    return (1, [], str(value))
