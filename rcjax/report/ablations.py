"""Other definitions of the count on the same networks: what changes, and what does not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rcjax.report import words
from rcjax.report.charts import Chart, Hints, Panel
from rcjax.report.definition import VARIED, About
from rcjax.report.drawing import Curve, draw_curves
from rcjax.report.palette import Palette
from rcjax.report.texts import text_of
from rcjax.statistics import Analysis, NetworkStatistics, is_number, names, variant_name

_RESOLUTION = {"method", "points"}


@dataclass(frozen=True)
class Variant:
    """One definition of the count in a group of definitions that vary the same fields."""

    name: str  # of the measure
    label: str
    values: tuple[Any, ...]
    main: bool = False  # the study's own definition


def groups_of(about: About) -> dict[tuple[str, ...], list[Variant]]:
    """Variants by the fields that they override, in numerical order.

    The study's own definition joins every group whose fields it states. A variant that changes
    the estimator (`method`) joins the group of `points`, whose limit it is, at its end.
    """
    groups: dict[tuple[str, ...], list[Variant]] = {}
    for name, overrides in about.variants.items():
        fields = tuple(overrides) or ("definition",)
        values = tuple(overrides.values()) or (name,)
        variant = Variant(variant_name(name), _label(fields, values), values)
        groups.setdefault(fields, []).append(variant)
    limits = [fields for fields in groups if "method" in fields and set(fields) <= _RESOLUTION]
    if ("points",) in groups:
        for fields in limits:
            groups[("points",)] += [
                Variant(one.name, one.label, ("limit", *one.values)) for one in groups.pop(fields)
            ]
    stated = about.definition.stated() if about.definition else {}
    for fields, members in groups.items():
        own = tuple(stated[field] for field in fields if field in stated)
        known = len(own) == len(fields) and VARIED not in own
        if known and own not in [one.values for one in members]:
            members.append(Variant(names.COUNT, _label(fields, own), own, main=True))
        members.sort(key=lambda one: [_order(value) for value in one.values])
    return groups


def ablation_charts(analysis: Analysis, about: About, palette: Palette) -> list[Chart]:
    """For each group a chart of two panels: correlation with the gap, and mean count."""
    groups = groups_of(about)
    networks = [own for own in analysis.networks.values() if own.runs.with_numbers]
    return [_chart(fields, members, networks, palette) for fields, members in groups.items()]


def _chart(
    fields: tuple[str, ...],
    members: Sequence[Variant],
    networks: Sequence[NetworkStatistics],
    palette: Palette,
) -> Chart:
    correlations = [_correlations(own, members, palette) for own in networks]
    counts = [_counts(own, members, palette) for own in networks]
    title = words.listing([words.field_name(field) for field in fields])
    own_label = next((one.label for one in members if one.main), "")
    labels = [one.label for one in members]
    panels = tuple(
        Panel(
            heading,
            text_of("ablation_description", what=what, curves=curves, labels=labels),
            _Drawing(curves, members, title, y_label, len(fields)),
        )
        for heading, what, curves, y_label in (
            ("Correlation with the gap", "Pearson correlation", correlations, "Pearson r"),
            ("Mean count", "Mean region count", counts, "region count"),
        )
    )
    several = len(fields) > 1
    caption = text_of("ablation_caption", title=title, own=own_label, several_fields=several)
    legends = palette.network_legend([own.name for own in networks])
    return Chart("ablation", "_".join(fields), caption, panels, legends, height=2.2, columns=2)


@dataclass(frozen=True)
class _Drawing:
    """Draws a curve for each network over the variants of a group."""

    curves: Sequence[Curve]
    members: Sequence[Variant]
    x_label: str
    y_label: str
    fields: int

    def __call__(self, axes: Axes) -> Hints:
        joined = all(is_number(one.values[0]) for one in self.members)
        # Networks stand a little aside of each other, so that no bar hides another.
        distance = 0.03 * (len(self.members) - 1)
        middle = (len(self.curves) - 1) / 2
        shown = [
            replace(one, x=one.x + distance * (place - middle), joined=joined)
            for place, one in enumerate(self.curves)
        ]
        # Values alone, below which the axis names their fields: names at every mark leave no room.
        labels = [
            one.label if self.fields == 1 else ", ".join(map(_value, one.values))
            for one in self.members
        ]
        ticks = [(float(place), label) for place, label in enumerate(labels)]
        draw_curves(axes, shown, x_label=self.x_label, y_label=self.y_label, ticks=ticks, bars=True)
        if max(map(len, labels)) * len(self.members) > 36:
            axes.tick_params(axis="x", rotation=30)
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
        return {}


def _correlations(
    network: NetworkStatistics, members: Sequence[Variant], palette: Palette
) -> Curve:
    found = [network.gap.measures.get(one.name) for one in members]
    values = [np.nan if one is None else one.pearson.value for one in found]
    ends = [(one and one.pearson.interval) or (np.nan, np.nan) for one in found]
    low, high = np.array(ends, float).T
    x = np.arange(len(members), dtype=float)
    colour, marker = palette.network_colour(network.name), palette.network_marker(network.name)
    return Curve(network.name, x, np.array(values, float), colour, low, high, marker=marker)


def _counts(network: NetworkStatistics, members: Sequence[Variant], palette: Palette) -> Curve:
    rows = [row for setting in network.runs.with_numbers for row in setting.rows]
    mean, spread = np.full(len(members), np.nan), np.full(len(members), np.nan)
    for position, one in enumerate(members):
        here = [value for row in rows if np.isfinite(value := row.value(one.name))]
        if here:
            mean[position] = np.mean(here)
        if len(here) > 1:
            spread[position] = np.std(here, ddof=1)
    x = np.arange(len(members), dtype=float)
    colour, marker = palette.network_colour(network.name), palette.network_marker(network.name)
    return Curve(network.name, x, mean, colour, mean - spread, mean + spread, marker=marker)


def _label(fields: tuple[str, ...], values: tuple[Any, ...]) -> str:
    if len(fields) == 1:
        return _value(values[0])
    return ", ".join(
        f"{words.field_name(field)} {_value(value)}"
        for field, value in zip(fields, values, strict=True)
    )


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
