"""The tables of the page: headline, statistics, variants of the count, and every run."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rcjax.report import words
from rcjax.report.ablations import groups_of
from rcjax.report.definition import About
from rcjax.report.texts import text_of
from rcjax.statistics import (
    Analysis,
    Axis,
    Estimate,
    MeasureStatistics,
    NetworkStatistics,
    Row,
    is_number,
    names,
)

OUTCOMES = {names.GAP: "generalization gap", names.TEST_ERROR: "test error"}
# Statistic -> heading, and what it is.
STATISTICS = {
    "pearson": ("Pearson r", "linear correlation"),
    "spearman": ("Spearman \N{GREEK SMALL LETTER RHO}", "correlation of ranks"),
    "kendall": ("Kendall τ", "agreement on which of two settings is better"),
    "granulated_kendall": (
        "Granulated ψ",
        "Kendall's τ within settings that differ in one hyperparameter only, averaged over "
        "hyperparameters (Jiang et al. 2020)",
    ),
    "conditional_mutual_information": (
        "CMI (%)",
        "conditional mutual information with the sign of differences, in percent of their "
        "entropy, the least over pairs of hyperparameters (PGDL competition)",
    ),
    "partial_correlation": (
        "Partial r",
        "Pearson r of what is left of both after regression on the logarithms of learning rate "
        "and batch size",
    ),
    "partial_rank_correlation": ("Partial \N{GREEK SMALL LETTER RHO}", "the same of ranks"),
    "partial_correlation_within_cells": (
        "r in cells",
        "Pearson r of the differences from the mean of all settings with the same learning rate "
        "and batch size; p: how often the same values, exchanged within cells, reach as much",
    ),
    "partial_correlation_given_all": (
        "r given all",
        "the partial r given every hyperparameter that varies; p: of the same values in random "
        "order",
    ),
    "partial_correlation_flexible": (
        "r given all, curved",
        "the same after cross-validated regression on smooth functions of all hyperparameters",
    ),
    "correlation_over_seeds": (
        "r over seeds",
        "Pearson r of the differences from the mean of all runs of the same setting; p: of the "
        "same values exchanged within settings",
    ),
    "pearson_noise_corrected": (
        "r without noise",
        "Pearson r less the noise between seeds, in both",
    ),
}


MOST_RUNS = 2000  # in the table of the page; runs.csv has all


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes:
        text: as it is shown.
        interval: below the text, where known.
        sort: to sort by, where the text does not sort by itself.
        numeric: whether it stands at the right.
    """

    text: str
    interval: str = ""
    sort: float | None = None
    numeric: bool = True


@dataclass(frozen=True)
class TableRow:
    """A row with its heading; `kind` is its class in the page: "own", "reference" or ""."""

    label: str
    cells: tuple[TableCell, ...]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table; `head` is the heading of its first column."""

    caption: str
    head: str
    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Tables:
    """All tables of the page.

    Attributes:
        headline: every network in a row.
        statistics: by network.
        pooled: of all networks together.
        ablations: of other definitions of the count.
        runs: every run.
    """

    headline: Table
    statistics: Mapping[str, list[Table]]
    pooled: list[Table]
    ablations: list[Table]
    runs: Table


def tables_of(analysis: Analysis, about: About) -> Tables:
    """All tables of the page."""
    return Tables(
        headline(analysis),
        {name: statistics_tables(network) for name, network in analysis.networks.items()},
        pooled_tables(analysis),
        ablation_tables(analysis, about),
        runs_table(analysis),
    )


def headline(analysis: Analysis) -> Table:
    """A row for each network: the count with the null and the trivial predictor beside it."""
    rows = []
    for name, network in analysis.networks.items():
        count = network.count
        chance = count.pearson.chance
        cells = (
            estimate_cell("pearson", count.pearson),
            TableCell(words.interval(chance.interval) if chance else words.DASH),
            estimate_cell("pearson", network.gap.trivial.pearson),
            estimate_cell("pearson", count.partial_correlation),
            estimate_cell("pearson", count.partial_correlation_within_cells),
            TableCell(str(count.settings)),
            TableCell(str(count.runs)),
        )
        rows.append(TableRow(name, cells))
    headings = (
        "Region count",
        "In random order",
        "log(bs / lr)",
        "Count given bs, lr",
        "Count in cells",
        "Settings",
        "Runs",
    )
    caption = text_of("headline_caption", confidence=analysis.options.confidence)
    return Table(caption, "Network", headings, tuple(rows))


def statistics_tables(network: NetworkStatistics) -> list[Table]:
    """For each outcome all measures, and the count's Kendall coefficient by hyperparameter."""
    tables = [
        _table(
            f"{network.name}: predictors of the {OUTCOMES[outcome]}",
            "Predictor",
            [
                *(_row(name, statistics) for name, statistics in found.predictors().items()),
                _row(names.NULL, found.null),
            ],
        )
        for outcome, found in network.outcomes.items()
    ]
    return tables + ([_granulated(network)] if network.count.along else [])


def pooled_tables(analysis: Analysis) -> list[Table]:
    """For each outcome all measures over the settings of all networks together."""
    if analysis.pooled is None:
        return []
    tables = []
    for outcome, measures in analysis.pooled.items():
        rows = [
            TableRow(
                words.measure_name(name),
                (
                    estimate_cell("pearson", found.pearson),
                    estimate_cell("spearman", found.spearman),
                    TableCell(str(found.settings)),
                ),
                "own" if name == names.COUNT else "",
            )
            for name, found in measures.items()
            if not name.startswith(names.VARIANT)
        ]
        headings = (STATISTICS["pearson"][0], STATISTICS["spearman"][0], "Settings")
        caption = f"All networks together: predictors of the {OUTCOMES[outcome]}"
        tables.append(Table(caption, "Predictor", headings, tuple(rows)))
    return tables


def ablation_tables(analysis: Analysis, about: About) -> list[Table]:
    """For each network the variants of the count against the generalization gap."""
    labels = {names.COUNT: "the count of this study"}
    for fields, members in groups_of(about).items():
        title = words.listing([words.field_name(field) for field in fields])
        for one in members:
            label = one.label if len(fields) > 1 else f"{title} {one.label}"
            labels.setdefault(one.name, label)
    tables = []
    for network in analysis.networks.values():
        found = {names.COUNT: network.count, **network.gap.variants()}
        if len(found) > 1:
            known = [name for name in labels if name in found]
            order = [*known, *(name for name in found if name not in labels)]
            rows = [_row(name, found[name], labels.get(name)) for name in order]
            caption = (
                f"{network.name}: definitions of the count as predictors of the generalization gap"
            )
            tables.append(_table(caption, "Definition", rows))
    return tables


def runs_table(analysis: Analysis) -> Table:
    """Every run with its settings and numbers."""
    study = analysis.study
    said = dict.fromkeys(analysis.not_fitted, "did not fit")
    said |= dict.fromkeys(analysis.collapsed, "collapsed")
    networks = len(study.networks) > 1
    axes = study.axes
    headings = ["Network"] if networks else []
    headings += [words.field_name(axis.name).capitalize() for axis in axes]
    headings += ["Seed", "Train", "Test", "Gap", "Regions", "± s.e.", "Status"]
    rows = [
        TableRow(
            row.name,
            _run_cells(row, networks, axes, said.get(row.name, row.status)),
            "" if row.status == names.COMPLETED else "faulty",
        )
        for row in study.rows[:MOST_RUNS]
    ]
    caption = text_of("runs_caption", runs=len(study.rows), shown=len(rows), fixed=study.fixed)
    return Table(caption, "Run", tuple(headings), tuple(rows))


def _run_cells(
    row: Row, networks: bool, axes: tuple[Axis, ...], status: str
) -> tuple[TableCell, ...]:
    numbers = (
        row.train_accuracy,
        row.test_accuracy,
        row.generalization_gap,
        row.measures.get(names.COUNT),
        row.standard_error,
    )
    return (
        *([TableCell(row.network, numeric=False)] if networks else []),
        *(_setting_cell(row.settings.get(axis.name)) for axis in axes),
        TableCell(words.DASH if row.seed is None else str(row.seed)),
        *(TableCell(words.decimal(value), "", value) for value in numbers),
        TableCell(status, numeric=False),
    )


def estimate_cell(name: str, estimate: Estimate) -> TableCell:
    """Returns a statistic with its interval; a dash where it is undefined."""
    if estimate.value is None:
        return TableCell(words.DASH)
    digits = 1 if name == "conditional_mutual_information" else 3
    below = words.interval(estimate.interval, digits)
    if estimate.chance and (not below or name == "partial_correlation_flexible"):
        below = f"p = {words.p_value(estimate.chance.p)}"
    return TableCell(words.decimal(estimate.value, digits), below, estimate.value)


def _table(caption: str, head: str, rows: list[TableRow]) -> Table:
    return Table(caption, head, tuple(heading for heading, _ in STATISTICS.values()), tuple(rows))


def _row(name: str, found: MeasureStatistics, label: str | None = None) -> TableRow:
    kinds: Mapping[str, str] = {
        names.COUNT: "own",
        names.TRIVIAL: "reference",
        names.NULL: "reference",
    }
    cells = tuple(estimate_cell(key, getattr(found, key)) for key in STATISTICS)
    label = label or words.measure_name(name).removeprefix(names.VARIANT)
    return TableRow(label, cells, kinds.get(name, ""))


def _granulated(network: NetworkStatistics) -> Table:
    axes = list(network.count.along)
    found = network.gap.predictors() | {names.NULL: network.gap.null}
    rows = []
    for name in (names.COUNT, names.TRIVIAL, names.NULL):
        along = [found[name].along[axis] for axis in axes]
        psi = [*along, Estimate(found[name].granulated_kendall.value)]
        cells = tuple(estimate_cell("granulated_kendall", one) for one in psi)
        rows.append(TableRow(words.measure_name(name), cells, _row(name, found[name]).kind))
    headings = (*(words.field_name(axis) for axis in axes), "Mean")
    caption = f"{network.name}: granulated Kendall ψ, generalization gap, by hyperparameter"
    return Table(caption, "Predictor", headings, tuple(rows))


def _setting_cell(value: Any) -> TableCell:
    sort = float(value) if is_number(value) and isfinite(value) else None
    return TableCell(words.DASH if value is None else words.setting_value(value), "", sort)
