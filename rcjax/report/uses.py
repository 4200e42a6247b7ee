"""What one does with the count: tables of model selection, early prediction and fragility."""

from collections.abc import Sequence
from typing import Any

from rcjax.report import words
from rcjax.report.tables import Table, TableCell, TableRow, estimate_cell
from rcjax.report.texts import text_of
from rcjax.statistics import (
    EXAMPLES,
    Analysis,
    AxisAudit,
    Estimate,
    Fragility,
    NetworkStatistics,
    Regret,
    Selection,
    names,
)

_KINDS = {names.COUNT: "own", names.TRIVIAL: "reference", names.RANDOM: "reference"}


def selection_tables(analysis: Analysis) -> list[Table]:
    """For every network, and all together, the regret of every rule."""
    found = {name: own.selection for name, own in analysis.networks.items()}
    if analysis.selection is not None:
        found = {"All networks together": analysis.selection, **found}
    return [_selection(name, own) for name, own in found.items() if own.regrets]


def selection_notes(analysis: Analysis) -> list[str]:
    """Why there is no regret of a network, and of which rules there is none."""
    lines = []
    for name, network in analysis.networks.items():
        found = network.selection
        lines.append(text_of("no_selection", network=name, found=found))
        lacking = {one.rule: one.mean.undefined for one in found.regrets if one.mean.undefined}
        lines += [
            text_of("no_rule", network=name, rule=rule, why=why) for rule, why in lacking.items()
        ]
    return [line for line in lines if line]


def _selection(title: str, found: Selection) -> Table:
    sizes = list(dict.fromkeys(one.candidates for one in found.regrets))
    by_rule: dict[tuple[str, int | None], dict[int, Regret]] = {}
    for one in found.regrets:
        by_rule.setdefault((one.rule, one.examples), {})[one.candidates] = one
    rows = [
        TableRow(
            words.measure_name(rule)
            if examples is None
            else text_of("validation_set", examples=examples),
            tuple(cell for size in sizes for cell in _regret_cells(own[size])),
            _KINDS.get(rule, ""),
        )
        for (rule, examples), own in by_rule.items()
        if any(one.mean.value is not None for one in own.values())
    ]
    headings = tuple(
        heading for size in sizes for heading in (f"Regret of {size}", "less the count's", "as n")
    )
    caption = text_of("selection_caption", title=title, found=found)
    return Table(caption, "Chosen by", headings, tuple(rows))


def _regret_cells(one: Regret) -> tuple[TableCell, ...]:
    beside = TableCell("") if one.rule == names.COUNT else _points(one.minus_count)
    return _points(one.mean), beside, _examples(one)


def _points(estimate: Estimate) -> TableCell:
    if estimate.value is None:
        return TableCell(words.DASH)
    text = words.decimal(estimate.value)
    return TableCell(text, words.interval(estimate.interval, 2), estimate.value)


def _examples(one: Regret) -> TableCell:
    ends = one.validation.interval
    if ends is None:
        return TableCell("")
    value = one.validation.value

    def number(examples: float | None) -> str:
        beyond = examples is None or examples > EXAMPLES[-1]
        return f"> {EXAMPLES[-1]:g}" if beyond else f"{examples:g}"

    sort = float("inf") if value is None else value
    return TableCell(number(value), f"[{number(ends.low)}, {number(ends.high)}]", sort)


def early_tables(network: NetworkStatistics) -> list[Table]:
    """The rank correlation with the final gap of all that an evaluation tells."""
    found = network.early
    epochs = list(dict.fromkeys(one.epoch for one in found.predictors))
    if len(epochs) < 2:
        return []
    by_name: dict[str, dict[int, tuple[TableCell, TableCell]]] = {}
    for one in found.predictors:
        cells = estimate_cell("spearman", one.with_gap.spearman), _ahead(one.count_ahead)
        by_name.setdefault(one.predictor, {})[one.epoch] = cells
    nothing = TableCell(words.DASH), TableCell("")
    rows = []
    for name, own in by_name.items():
        label = words.measure_name(name)
        kind = _KINDS.get(name, "")
        rows.append(TableRow(label, tuple(own.get(e, nothing)[0] for e in epochs), kind))
        if name != names.COUNT:
            ahead = tuple(own.get(e, nothing)[1] for e in epochs)
            rows.append(TableRow(text_of("count_ahead", name=name), ahead))
    caption = text_of("early_caption", network=network.name, found=found)
    headings = tuple(text_of("epoch", epoch=epoch) for epoch in epochs)
    return [Table(caption, "Predictor", headings, tuple(rows))]


def _ahead(estimate: Estimate) -> TableCell:
    return TableCell(words.DASH) if estimate.value is None else estimate_cell("spearman", estimate)


def fragility_tables(network: NetworkStatistics) -> list[Table]:
    """Within each value of each hyperparameter, between neighbours, and by other definitions."""
    found = network.fragility
    return [
        table
        for table in (
            _levels(network.name, found),
            _neighbours(network.name, found),
            _variants(network.name, found),
        )
        if table.rows
    ]


def _levels(name: str, found: Fragility) -> Table:
    rows = [
        TableRow(
            f"{words.field_name(axis.axis)} {_values(level.values)}",
            (
                estimate_cell("spearman", level.with_gap.spearman),
                estimate_cell("pearson", level.with_gap.pearson),
                TableCell(str(level.with_gap.settings)),
            ),
        )
        for axis in found.axes
        for level in axis.levels
    ]
    whole = (
        estimate_cell("spearman", found.whole.spearman),
        estimate_cell("pearson", found.whole.pearson),
        TableCell(str(found.whole.settings)),
    )
    rows = [TableRow("all settings", whole, "own"), *rows] if rows else []
    headings = ("Spearman \N{GREEK SMALL LETTER RHO}", "Pearson r", "Settings")
    return Table(text_of("levels_caption", network=name), "Within", headings, tuple(rows))


def _neighbours(name: str, found: Fragility) -> Table:
    rows = [
        TableRow(
            f"{words.field_name(axis.axis)} {_values(pair.values)}",
            (
                estimate_cell("spearman", pair.count),
                estimate_cell("spearman", pair.gap),
                TableCell(_share(pair.reversed.value), "", pair.reversed.value),
                TableCell(str(pair.settings)),
            ),
        )
        for axis in found.axes
        for pair in axis.neighbours
    ]
    headings = ("Order of counts", "Order of gaps", "Pairs reversed", "Matched settings")
    caption = text_of("neighbours_caption", network=name)
    return Table(caption, "From one value to the next", headings, tuple(rows))


def _variants(name: str, found: Fragility) -> Table:
    rows = [
        TableRow(
            one.name.removeprefix(names.VARIANT),
            (
                estimate_cell("spearman", one.with_count.spearman),
                estimate_cell("spearman", one.with_gap.spearman),
                TableCell(str(one.with_gap.settings)),
            ),
        )
        for one in found.variants
    ]
    headings = ("Order by the count", "With the gap", "Settings")
    caption = text_of("variants_caption", network=name)
    return Table(caption, "Definition", headings, tuple(rows))


def fragility_sentence(network: NetworkStatistics) -> str:
    """In how many steps the correlation changes its sign; empty where no hyperparameter varies."""
    axes: Sequence[AxisAudit] = network.fragility.axes
    changing = [axis.axis for axis in axes if axis.sign_changes]
    steps, changes = sum(a.steps for a in axes), sum(a.sign_changes for a in axes)
    return text_of("fragility", network=network.name, steps=steps, changes=changes, axes=changing)


def _values(values: Sequence[Any]) -> str:
    return " to ".join(map(words.level, values))


def _share(value: float | None) -> str:
    return words.DASH if value is None else f"{words.decimal(100 * value, 1)} %"
