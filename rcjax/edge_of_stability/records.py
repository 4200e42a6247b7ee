"""The record of the experiment: a row for each run, a summary for each learning rate."""

from typing import Any

import numpy as np

from rcjax.edge_of_stability import bounds
from rcjax.edge_of_stability.config import EdgeOfStabilityConfig
from rcjax.edge_of_stability.measuring import Experiment
from rcjax.edge_of_stability.state import DIVERGED, FITTED, STATUS_NAMES, RunsState
from rcjax.runtime import versions

# Rounding of float32 measurements, relative, that no run is accused for.
_TOLERANCE = 1e-3


def make_record(
    config: EdgeOfStabilityConfig,
    experiment: Experiment,
    state: RunsState,
    final: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Everything that is known at the end.

    Args:
        config: of the experiment.
        experiment: its compiled parts.
        state: at the end.
        final: further measurements at the end, name -> [runs].
    """
    last = {name: rows[-1] for name, rows in state.history.items() if name != "step"}
    last |= {
        name: np.where(state.status == DIVERGED, np.nan, values) for name, values in final.items()
    }
    rows = [_row(experiment, state, last, run) for run in range(len(experiment.runs))]
    record: dict[str, Any] = {
        "config": dict(config.given),
        "versions": versions(),
        "status": "completed",
        "totals": {
            name: int(np.sum(state.status == code)) for code, name in enumerate(STATUS_NAMES)
        },
        "learning_rates": _by_learning_rate(rows),
        "runs": rows,
    }
    if experiment.bounded:
        record["bound"] = _bound(config, experiment, rows)
        record["bound"]["along_training"] = _violations_along_training(experiment, state)
    return record


def _row(
    experiment: Experiment, state: RunsState, last: dict[str, Any], run: int
) -> dict[str, Any]:
    runs = experiment.runs
    rate = float(runs.learning_rates[run])
    row: dict[str, Any] = {
        "batch_size": int(runs.batch_sizes[run]),
        "learning_rate": rate,
        "seed": int(runs.seeds[run]),
        "status": STATUS_NAMES[state.status[run]],
        "steps": int(state.steps[run]),
        **{name: float(values[run]) for name, values in last.items()},
    }
    row["sharpness_times_rate_half"] = row["sharpness"] * rate / 2
    if experiment.bounded and state.status[run] != DIVERGED:
        row |= _sides_of_the_bound(row, fitted=bool(state.status[run] == FITTED))
    return row


def _sides_of_the_bound(row: dict[str, Any], fitted: bool) -> dict[str, Any]:
    """Whether a run keeps the theorem's bound and, if not, which condition it does not meet."""
    budget = float(bounds.stability_budget(row["learning_rate"]))
    violated = row["slope_variation"] > budget + _TOLERANCE * abs(budget)
    reasons = []
    if violated and not fitted:
        reasons.append("not interpolating")
    if violated and row["sharpness_times_rate_half"] > 1 + _TOLERANCE:
        reasons.append("not stable: sharpness above 2 / learning rate")
    return {
        "budget": budget,
        "violates_bound": violated,
        "why": reasons if reasons or not violated else ["unexplained"],
        # For every parameter vector: 1 + 2 variation <= sharpness + curvature of the residuals.
        "flatness_slack": row["sharpness"]
        + row["residual_curvature"]
        - 1
        - 2 * row["slope_variation"],
    }


def _by_learning_rate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[int, float], list] = {}
    for row in rows:
        groups.setdefault((row["batch_size"], row["learning_rate"]), []).append(row)
    summary = []
    for (batch_size, rate), group in groups.items():
        entry: dict[str, Any] = {"batch_size": batch_size, "learning_rate": rate}
        entry |= {name: sum(row["status"] == name for row in group) for name in STATUS_NAMES}
        counts = [row["regions"] for row in group if np.isfinite(row["regions"])]
        sharp = [row["sharpness_times_rate_half"] for row in group if row["status"] != "diverged"]
        entry["regions"] = mean_and_error(counts)
        entry["sharpness_times_rate_half"] = mean_and_error(sharp)
        summary.append(entry)
    return summary


def mean_and_error(values: list[float]) -> dict[str, float | int]:
    """Mean, its standard error over runs, and their number; NaN where there are too few."""
    number = len(values)
    return {
        "mean": float(np.mean(values)) if number else np.nan,
        "standard_error": float(np.std(values, ddof=1) / number**0.5) if number > 1 else np.nan,
        "runs": number,
    }


def _bound(
    config: EdgeOfStabilityConfig, experiment: Experiment, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    x, labels = experiment.data.points[:, 0], experiment.data.labels
    start, end = bounds.center(x, config.bound.center)
    finished = [row for row in rows if row["status"] != "diverged"]
    rates = sorted({row["learning_rate"] for row in rows})
    return {
        "largest_fitting_rate": bounds.largest_fitting_rate(x, labels),
        "interpolation_cost": bounds.interpolation_cost(x, labels),
        "center": [start, end],
        "least_weight": bounds.least_weight(start, end, x),
        "count_bound": [
            {"learning_rate": rate, "regions": float(count)}
            for rate, count in zip(
                rates, bounds.count_bound(rates, x, start, end, config.bound.margin), strict=True
            )
        ],
        "violations": sum(row["violates_bound"] for row in finished),
        "violations_of_fitted_runs": sum(
            row["violates_bound"] for row in finished if row["status"] == "fitted"
        ),
        "unexplained_violations": sum("unexplained" in row["why"] for row in finished),
        "least_flatness_slack": min(
            (row["flatness_slack"] for row in finished), default=float("nan")
        ),
    }


def _violations_along_training(experiment: Experiment, state: RunsState) -> dict[str, int]:
    """Counts the measurements of runs under way above the bound, by what explains them.

    Above the bound, either the sharpness is above 2 / learning rate or the residuals' curvature is
    not zero: the inequality that holds for every network leaves no third case.
    """
    steps = np.array(state.history["step"])[:, None]
    sharpness, variation, residual = (
        np.array(state.history[name])
        for name in ("sharpness", "slope_variation", "residual_curvature")
    )
    rates = experiment.runs.learning_rates.astype(np.float64)
    budget = bounds.stability_budget(rates)
    made = (steps <= state.steps) & np.isfinite(sharpness)
    above = made & (variation > budget + _TOLERANCE * np.abs(budget))
    sharp = above & (sharpness > (1 + _TOLERANCE) * 2 / rates)
    allowed = (sharpness + residual) * (1 + _TOLERANCE)
    return {
        "measurements": int(made.sum()),
        "violations": int(above.sum()),
        "of_these_sharper_than_stable": int(sharp.sum()),
        "of_these_stable_but_not_interpolating": int((above & ~sharp).sum()),
        "against_the_inequality_for_every_network": int(
            (made & (1 + 2 * variation > allowed)).sum()
        ),
    }


def closing_table(record: dict[str, Any], workdir: Any) -> str:
    """Returns the outcome as lines of text, for a record as `record.json` holds it."""
    lines = [
        "batch  learning rate  fitted  step limit  diverged  regions        sharpness * rate / 2"
    ]
    for entry in record["learning_rates"]:
        lines.append(
            f"{entry['batch_size']:>5}  {entry['learning_rate']:>13.4g}  {entry['fitted']:>6}  "
            f"{entry['step limit']:>10}  {entry['diverged']:>8}  "
            f"{_interval(entry['regions']):<13}  {_interval(entry['sharpness_times_rate_half'])}"
        )
    if "bound" in record:
        bound = record["bound"]
        lines.append(
            f"bound: no stable interpolation above rate {bound['largest_fitting_rate']:.3g}; "
            f"{bound['violations']} runs violate the bound, of which "
            f"{bound['violations_of_fitted_runs']} fitted, {bound['unexplained_violations']} "
            "unexplained"
        )
    lines.append(f"record  {workdir}/record.json\nfigures {workdir}/figures")
    return "\n".join(lines)


def _interval(value: dict[str, Any]) -> str:
    if value["mean"] is None or np.isnan(value["mean"]):
        return "-"
    error = value["standard_error"]
    if error is None or np.isnan(error):
        return f"{value['mean']:.2f}"
    return f"{value['mean']:.2f} ± {error:.2f}"
