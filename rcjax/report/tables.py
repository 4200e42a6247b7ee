"""The tables of the page: headline, statistics, variants of the count, and every run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcjax.report import readings, words
from rcjax.report.ablations import PREFIX, groups_of
from rcjax.report.grouping import COUNT, networks_of
from rcjax.report.readings import NULL, NULL_NAME, STATISTICS, TRIVIAL, TRIVIAL_NAME, Reading
from rcjax.statistics import Row


@dataclass(frozen=True)
class TableRow:
    label: str
    cells: tuple[Reading, ...]
    kind: str = ""  # class in the page: "own", "reference" or ""


@dataclass(frozen=True)
class Table:
    caption: str
    head: str  # heading of the first column
    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of the table of runs; `sort` where the text does not sort by itself."""

    text: str
    numeric: bool = False
    sort: float | None = None


def headline(networks: Mapping[str, Any], confidence: float) -> Table | None:
    """A row for each network: the count with the null and the trivial predictor beside it."""
    if not networks:
        return None
    rows = []
    for name, statistics in networks.items():
        null = readings.reading(statistics.get(NULL), "pearson")
        cells = (
            readings.reading(statistics, "pearson"),
            Reading(null.interval or words.DASH, "", null.number),
            readings.reading(statistics.get(TRIVIAL), "pearson"),
            readings.reading(statistics, "partial_correlation"),
            readings.reading(statistics, "partial_correlation_within_cells"),
            Reading(str(statistics.get("settings") or 0), "", statistics.get("settings") or 0),
            Reading(str(statistics.get("runs") or 0), "", statistics.get("runs") or 0),
        )
        rows.append(TableRow(name, cells))
    headings = (
        "Region count",
        "Random",
        "log(bs / lr)",
        "Count given bs, lr",
        "Count in cells",
        "Settings",
        "Runs",
    )
    caption = (
        "Pearson r with the generalization gap: of the region count, of "
        f"{words.percent(confidence)} of random predictors, "
        f"of the trivial predictor {TRIVIAL_NAME}, and of the count given batch size and learning "
        "rate (partial), and of the count in cells of equal batch size and learning rate"
    )
    return Table(caption, "Network", headings, tuple(rows))


def statistics_tables(network: str, statistics: Mapping[str, Any]) -> list[Table]:
    """For each outcome all measures, and the count's Kendall coefficient by hyperparameter."""
    tables = []
    for outcome, outcome_name in readings.OUTCOMES.items():
        measures = readings.measures_of(statistics, outcome)
        if measures:
            caption = f"{network}: predictors of the {outcome_name}"
            tables.append(_table(caption, "Predictor", _rows(measures)))
    granulated = _granulated(network, statistics)
    return tables + ([granulated] if granulated is not None else [])


def pooled_tables(pooled: Mapping[str, Any] | None) -> list[Table]:
    """For each outcome all measures over the settings of all networks together."""
    keys = ("pearson", "spearman")
    tables = []
    for outcome, outcome_name in readings.OUTCOMES.items():
        measures = (pooled or {}).get(outcome) or {}
        rows = [
            TableRow(
                readings.measure_name(name),
                (
                    *(readings.reading(content, key) for key in keys),
                    Reading(str(content["settings"]), "", content["settings"]),
                ),
                "own" if name == COUNT else "",
            )
            for name, content in measures.items()
            if not name.startswith(PREFIX)
        ]
        if rows:
            headings = (*(STATISTICS[key][0] for key in keys), "Settings")
            caption = f"All networks together: predictors of the {outcome_name}"
            tables.append(Table(caption, "Predictor", headings, tuple(rows)))
    return tables


def ablation_tables(
    networks: Mapping[str, Any], variants: Mapping[str, Any], definition: Mapping[str, Any]
) -> list[Table]:
    """For each network the variants of the count against the generalization gap."""
    labels = {COUNT: "the count of this study"}
    for fields, members in groups_of(variants, definition).items():
        for one in members:
            name = words.listing([words.field_name(field) for field in fields])
            label = one.label if len(fields) > 1 else f"{name} {one.label}"
            labels.setdefault(one.name, label)
    tables = []
    for network, statistics in networks.items():
        found = readings.variants_of(statistics, "generalization_gap")
        if not found:
            continue
        measures = readings.measures_of(statistics, "generalization_gap")
        wanted = {COUNT: measures.get(COUNT, {})}
        wanted |= {name: found[name] for name in labels if name in found}
        wanted |= {name: found[name] for name in found if name not in wanted}
        rows = [
            TableRow(
                labels.get(name, name.removeprefix(PREFIX)),
                _cells(content),
                "own" if name == COUNT else "",
            )
            for name, content in wanted.items()
        ]
        caption = f"{network}: definitions of the count as predictors of the generalization gap"
        tables.append(_table(caption, "Definition", rows))
    return tables


def run_cells(
    rows: Sequence[Row], axes: Sequence[str], not_fitted: Iterable[str]
) -> tuple[list[tuple[str, bool]], list[tuple[str, list[Cell]]]]:
    """Headings (text, whether numeric) and rows (class, cells) of the table of all runs."""
    networks, unfitted = len(networks_of(rows)) > 1, set(not_fitted)
    headings = [("Run", False)] + ([("Network", False)] if networks else [])
    headings += [(words.field_name(name).capitalize(), True) for name in axes]
    headings += [(name, True) for name in ("Seed", "Train", "Test", "Gap", "Regions", "± s.e.")]
    headings.append(("Status", False))
    found = []
    for row in rows:
        status = row.status
        if status == "completed" and row.name in unfitted:
            status = "did not fit"
        cells = [Cell(row.name)] + ([Cell(row.network)] if networks else [])
        cells += [_setting_cell(row.settings.get(name)) for name in axes]
        cells += [
            Cell(words.DASH if row.seed is None else str(row.seed), True),
            _number_cell(row.train_accuracy),
            _number_cell(row.test_accuracy),
            _number_cell(row.generalization_gap),
            _number_cell(row.measures.get(COUNT)),
            _number_cell(row.standard_error),
            Cell(status),
        ]
        found.append(("" if row.status == "completed" else "faulty", cells))
    return headings, found


def _rows(measures: Mapping[str, Mapping[str, Any]]) -> list[TableRow]:
    kinds = {COUNT: "own", TRIVIAL: "reference", NULL: "reference"}
    return [
        TableRow(readings.measure_name(name), _cells(content), kinds.get(name, ""))
        for name, content in measures.items()
    ]


def _cells(statistics: Mapping[str, Any]) -> tuple[Reading, ...]:
    return tuple(readings.reading(statistics, key) for key in STATISTICS)


def _table(caption: str, head: str, rows: Sequence[TableRow]) -> Table:
    return Table(caption, head, tuple(heading for heading, _ in STATISTICS.values()), tuple(rows))


def _granulated(network: str, statistics: Mapping[str, Any]) -> Table | None:
    """Kendall's coefficient within each hyperparameter, for the count and its references."""
    own = statistics.get("granulated_kendall")
    if not isinstance(own, Mapping) or not own:
        return None
    names = [*(name for name in own if name != "mean"), "mean"]
    sources = (
        ("region count", statistics, "own"),
        (TRIVIAL_NAME, statistics.get(TRIVIAL) or {}, "reference"),
        (NULL_NAME, statistics.get(NULL) or {}, "reference"),
    )
    rows = []
    for label, content, kind in sources:
        values = content.get("granulated_kendall")
        if isinstance(values, Mapping):
            cells = tuple(readings.reading(values, name) for name in names)
            rows.append(TableRow(label, cells, kind))
    headings = tuple(words.field_name(name).capitalize() for name in names)
    caption = f"{network}: granulated Kendall coefficient ψ, generalization gap, by hyperparameter"
    return Table(caption, "Predictor", headings, tuple(rows))


def _setting_cell(value: Any) -> Cell:
    sort = float(value) if words.known(value) else None
    return Cell(words.DASH if value is None else words.setting_value(value), True, sort)


def _number_cell(value: float | None) -> Cell:
    return Cell(words.decimal(value), True, value if words.known(value) else None)
