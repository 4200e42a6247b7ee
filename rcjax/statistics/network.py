"""The statistics of one network: its measures, the null and the trivial predictor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax.statistics.averaging import average, group_settings, run_values
from rcjax.statistics.design_matrix import Grid, Resamples
from rcjax.statistics.notes import Notes, findings, notes_on_runs
from rcjax.statistics.null import null_statistics
from rcjax.statistics.one_measure import Options, measure_statistics, undefined
from rcjax.statistics.quantities import COUNT, GAP, OUTCOMES, Quantity, measures_of
from rcjax.statistics.rows import Row

NULL = "null"
TRIVIAL = "trivial_predictor"


@dataclass(frozen=True)
class Analysis:
    """The options of `analyze`."""

    bootstrap_samples: int
    fitted_accuracy: float
    options: Options

    def not_fitted(self, row: Row) -> bool:
        """Whether a completed run stayed below the train accuracy that counts as fitted."""
        return (
            row.status == "completed"
            and row.train_accuracy is not None
            and row.train_accuracy < self.fitted_accuracy
        )


def analyze_network(rows: Sequence[Row], analysis: Analysis) -> dict[str, Any]:
    """The entry of one network in `report.json`, from its rows."""
    grid = Grid(group_settings(rows))
    resamples = Resamples(analysis.bootstrap_samples, analysis.options.seed)
    notes = Notes()
    outcomes = {
        name: _outcome_statistics(name, rows, grid, resamples, analysis.options, notes)
        for name in OUTCOMES
    }
    of_gap = outcomes[GAP]
    fitted = [row for row in rows if row.status == "completed" and not analysis.not_fitted(row)]
    every = len(fitted) == sum(row.status == "completed" for row in rows)
    return {
        **of_gap[COUNT],
        TRIVIAL: of_gap[TRIVIAL],
        NULL: of_gap[NULL],
        "outcomes": outcomes,
        "fitted_only": None if every else _fitted_only(fitted, analysis),
        "notes": [
            *notes_on_runs(rows, analysis.not_fitted, analysis.fitted_accuracy),
            *findings(outcomes),
            *notes.lines(),
        ],
    }


def _outcome_statistics(
    name: str,
    rows: Sequence[Row],
    grid: Grid,
    resamples: Resamples,
    options: Options,
    notes: Notes,
) -> dict[str, Any]:
    """measure -> statistics for one outcome, the trivial predictor and the null among them."""
    outcome = run_values(grid.settings, OUTCOMES[name])
    found: dict[str, Any] = {}
    for measure, quantity in measures_of(rows).items():
        values = run_values(grid.settings, quantity)
        found[measure], reasons = measure_statistics(values, outcome, grid, resamples, options)
        notes.add(measure, name, reasons)
    trivial = grid.trivial_predictor()
    if trivial is None:
        found[TRIVIAL] = {"settings": 0, "runs": 0, **undefined(grid)}
        reasons = [
            "log(batch size / learning rate) is not known for all settings, or it is constant"
        ]
    else:
        values = np.broadcast_to(trivial[:, None], outcome.shape)
        found[TRIVIAL], reasons = measure_statistics(values, outcome, grid, resamples, options)
    notes.add(TRIVIAL, name, reasons)
    found[NULL] = _null(outcome, grid, options)
    return found


def _null(outcome: np.ndarray, grid: Grid, options: Options) -> dict[str, Any]:
    means = average(outcome)
    known = np.isfinite(means)
    if not known.all():
        grid = Grid([s for s, keep in zip(grid.settings, known, strict=True) if keep])
    return null_statistics(means[known], grid, options)


def _fitted_only(rows: Sequence[Row], analysis: Analysis) -> dict[str, Any]:
    """The headline statistics of the runs that fitted their training set."""
    grid = Grid(group_settings(rows))
    resamples = Resamples(analysis.bootstrap_samples, analysis.options.seed)
    count: Quantity = measures_of(rows)[COUNT]
    statistics, notes = measure_statistics(
        run_values(grid.settings, count),
        run_values(grid.settings, OUTCOMES[GAP]),
        grid,
        resamples,
        analysis.options,
    )
    return {**statistics, "notes": notes}
