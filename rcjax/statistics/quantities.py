"""What is read from a row: the outcomes and the measures."""

from collections.abc import Callable, Sequence
from functools import partial

from rcjax.statistics.rows import Row

Quantity = Callable[[Row], float | None]
COUNT = "region_count"
GAP = "generalization_gap"


def _gap(row: Row) -> float | None:
    return row.generalization_gap


def _test_error(row: Row) -> float | None:
    return row.test_error


OUTCOMES: dict[str, Quantity] = {GAP: _gap, "test_error": _test_error}


def _measure(name: str, row: Row) -> float | None:
    return row.measures.get(name)


def measures_of(rows: Sequence[Row]) -> dict[str, Quantity]:
    """Every measure that a completed row has, by name; the region count first, also without one."""
    names = (name for row in rows if row.status == "completed" for name in row.measures)
    return {name: partial(_measure, name) for name in dict.fromkeys([COUNT, *names])}
