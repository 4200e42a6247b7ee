"""runs.csv: every run with all its numbers, as `rcjax.statistics.read_table` reads them."""

import csv
import io
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from rcjax.statistics import Row, StudyRows, names

_FIXED = ("name", "network", "seed", *names.ACCURACIES, names.GAP)


def runs_csv(study: StudyRows) -> str:
    """Returns a header line and a line for each run; unknown values are empty."""
    settings = list(dict.fromkeys(name for row in study.rows for name in row.settings))
    measures = list(dict.fromkeys(name for row in study.rows for name in row.measures))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["status", *_FIXED, *settings, *measures])
    writer.writerows(_lines(study.rows, settings, measures))
    return file.getvalue()


def _lines(
    rows: Sequence[Row], settings: Sequence[str], measures: Sequence[str]
) -> Iterator[list[Any]]:
    for row in rows:
        yield [
            # Read again, a run without accuracies is missing, whatever became of it.
            row.status if row.status in (names.COMPLETED, names.DIVERGED) else "",
            *(_text(getattr(row, name)) for name in _FIXED),
            *(_text(row.settings.get(name)) for name in settings),
            *(_text(row.measures.get(name)) for name in measures),
        ]


def _text(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return ""
    return value
