"""Rows of a study to the content of its report."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from rcjax.errors import UserError
from rcjax.statistics.network import Analysis, analyze_network
from rcjax.statistics.one_measure import Options
from rcjax.statistics.pooling import pooled_statistics
from rcjax.statistics.rows import Row


def analyze(
    rows: Sequence[Row],
    *,
    bootstrap_samples: int = 2000,
    confidence: float = 0.95,
    fitted_accuracy: float = 99.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Every statistic of a study.

    Args:
        rows: of all runs, also of those without numbers; see `rcjax.statistics.rows.Row`.
        bootstrap_samples: resamples of every interval; at least 10.
        confidence: of every interval, between 0 and 1.
        fitted_accuracy: percent; a run of lower train accuracy did not fit its training set.
        seed: of the resamples, the random predictors and the order of ties.

    Returns:
        What `report.json` holds but "config" and "definition": "networks", "pooled" (None for one
        network), "listed", "runs" and "versions". Only finite numbers, None, text, lists and
        dictionaries. docs/statistics.md says what each number means.

    Raises:
        UserError: options out of range.

    Example:
        >>> from rcjax.statistics import Row
        >>> rows = [Row(f"run {i}", "mlp", {"learning_rate": 0.1 / 2**i}, 0, "completed", 100.0,
        ...             90.0 - i, 10.0 + i, {"region_count": 3.0 + i**2}) for i in range(5)]
        >>> report = analyze(rows, bootstrap_samples=100)
        >>> report["networks"]["mlp"]["spearman"], report["networks"]["mlp"]["settings"]
        (1.0, 5)
    """
    _check(bootstrap_samples, confidence, fitted_accuracy)
    analysis = Analysis(bootstrap_samples, fitted_accuracy, Options(confidence, seed))
    networks = list(dict.fromkeys(row.network for row in rows))
    return {
        "networks": {
            name: analyze_network([row for row in rows if row.network == name], analysis)
            for name in networks
        },
        "pooled": pooled_statistics(rows, bootstrap_samples, analysis.options),
        "listed": {
            "not_fitted": [row.name for row in rows if analysis.not_fitted(row)],
            **{
                status: [row.name for row in rows if row.status == status]
                for status in ("diverged", "missing", "damaged")
            },
        },
        "runs": [_entry(row) for row in rows],
        "versions": _versions(rows),
    }


def _check(bootstrap_samples: int, confidence: float, fitted_accuracy: float) -> None:
    for name, value, legal, words in (
        ("bootstrap_samples", bootstrap_samples, bootstrap_samples >= 10, "10 or more"),
        ("confidence", confidence, 0 < confidence < 1, "between 0 and 1, as 0.95"),
        ("fitted_accuracy", fitted_accuracy, 0 <= fitted_accuracy <= 100, "a percentage"),
    ):
        if not legal:
            raise UserError(f"report.{name} must be {words}; got {value}")


def _entry(row: Row) -> dict[str, Any]:
    entry = asdict(row) | {
        "test_error": row.test_error,
        "region_count": row.measures.get("region_count"),
    }
    return {
        name: json_value(value)
        for name, value in entry.items()
        if name not in ("history", "versions")
    }


def _versions(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The distinct versions, each with the number of its runs as "runs"."""
    found: list[tuple[dict[str, Any], list[str]]] = []
    for row in rows:
        names = next((names for versions, names in found if versions == row.versions), None)
        if names is None and row.versions:
            found.append((row.versions, names := []))
        if names is not None:
            names.append(row.name)
    return [json_value(versions) | {"runs": len(names)} for versions, names in found]


def json_value(value: Any) -> Any:
    """The same value as JSON can hold it: None for NaN and infinities, lists for tuples."""
    if isinstance(value, dict):
        return {str(name): json_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(part) for part in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    number = float(value)
    if not isfinite(number):
        return None
    return value if isinstance(value, int | float) else number
