"""An external table of runs, a CSV file, as the rows of a study."""

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rcjax.errors import UserError
from rcjax.outside import expanded, open_regular
from rcjax.statistics.csv_columns import (
    check_header,
    check_no_index,
    count_columns,
    is_hyperparameter,
    measure_columns,
)
from rcjax.statistics.names import ACCURACIES, COUNT, OUTCOMES
from rcjax.statistics.rows import Row

# Percentage points that rounded columns may differ from the accuracies.
_ROUNDING = 0.1
_MOST_SHOWN = 60  # characters of a cell
_MOST_COLUMNS, _MOST_RUNS, _MOST_BYTES = 2000, 1_000_000, 2**28
_EXCEL_SEPARATOR = ["sep=", ""]  # its first line "sep=,", which says what separates the cells


def read_table(path: str | os.PathLike[str]) -> tuple[Row, ...]:
    """Reads runs from a CSV file with a header line, one run per line.

    Columns: `network` (or `architecture`); `train_accuracy` and `test_accuracy` in percent;
    `region_count`, or counts along training as `regions_epoch_N` with any numbers N, of which the
    last is then the count and all are the history. Columns called like a field of a run config
    (learning_rate, batch_size, weight_decay, momentum, epochs, ...; docs/statistics.md lists them)
    are the settings of the run, numbers or text; `seed` tells the runs of a setting apart, without
    it the lines of one setting are its repetitions; `name` names the run, each by a name of its
    own; `status` says completed or diverged. Every other column is a measure and must be numeric,
    unless its name is nearly that of a known column (lr, Batch-Size), which is refused. An empty
    cell, or nan, is an unknown value: without accuracies the run counts as missing, without a
    measure (NaN in the row) it is left out of that measure. Columns `generalization_gap` and
    `test_error` must agree with the accuracies, from which they follow.

    Args:
        path: of the file, UTF-8, separated by commas.

    Returns:
        The runs in the order of the file, called "row 2" (the line after the header) and so on.

    Raises:
        UserError: no such file, not a table, missing, repeated or misspelt columns, text where a
            number is needed, infinite hyperparameters, accuracies that are no percentages, two runs
            of one name.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        ...     _ = file.write("network,learning_rate,train_accuracy,test_accuracy,region_count\\n"
        ...                    "mlp,0.1,100,95.5,2.5\\n")
        ...     file.flush()
        ...     row, = read_table(file.name)
        >>> row.name, row.settings, row.generalization_gap, row.measures
        ('row 2', {'learning_rate': 0.1}, 4.5, {'region_count': 2.5})
    """
    path = expanded(path)
    header, lines = _read_cells(path)
    check_header(path, header)
    check_no_index(path, header[0], [line[0] for _, line in lines])
    cells = [_Cells(path, number, header, line) for number, line in lines]
    if not cells:
        raise UserError(f"the table {path} has a header but no runs; add a line per run")
    rows = tuple(_row(line, header) for line in cells)
    _check_names(path, cells, rows)
    _check_percentages(path, rows)
    return rows


class _Cells:
    """One line of the table, read by column."""

    def __init__(self, path: Path, number: int, header: Sequence[str], cells: Sequence[str]):
        if len(cells) != len(header):
            raise UserError(
                f"row {number} of {path} has {len(cells)} cells but the header names "
                f"{len(header)} columns; give every row a cell per column"
            )
        self.row = f"row {number}"
        self._path = path
        self._cells = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}

    def text(self, column: str) -> str:
        return self._cells.get(column, "")

    def number(self, column: str) -> float | None:
        """The number in a column; None for an empty cell and nan."""
        text = self._cells[column]
        try:
            number = float(text) if text else math.nan
        except ValueError:
            measure = column in measure_columns(list(self._cells))
            rule = ", as in every column that is no hyperparameter" if measure else ""
            raise self.error(column, f"must be a number{rule}") from None
        return None if math.isnan(number) else number

    def error(self, column: str, rule: str) -> UserError:
        text = self._cells[column]
        shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
        return UserError(f"{self.row} of {self._path}, column {column}: {rule}, got {shown!r}")


def _read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the lines that are not empty with their numbers (the header is row 1)."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > _MOST_BYTES:
                raise UserError(f"{path} has more than {_MOST_BYTES:,} bytes; split it")
            text = io.TextIOWrapper(file, newline="", encoding="utf-8-sig")
            filled = _filled_lines(path, csv.reader(text, strict=True))
    except OSError as error:
        raise UserError(f"cannot read the table {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is not a table of comma-separated values in UTF-8 ({error}); export it as CSV"
        ) from None
    if not filled:
        raise UserError(f"the table {path} is empty; it needs a header line and a line per run")
    header = [name.strip() for name in filled[0][1]]
    if len(header) == 1:
        raise UserError(
            f"the header of {path} has a single column, {header[0][:60]!r}; separate the columns "
            "with commas"
        )
    return header, filled[1:]


def _filled_lines(path: Path, lines: Iterable[list[str]]) -> list[tuple[int, list[str]]]:
    """Lines that are not empty, with their numbers, one at a time: the file may be anything."""
    filled: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        if not any(map(str.strip, line)) or (number == 1 and line == _EXCEL_SEPARATOR):
            continue
        if not filled and len(line) > _MOST_COLUMNS:
            raise UserError(
                f"the header of {path} has {len(line)} columns; a table of runs has at most "
                f"{_MOST_COLUMNS}"
            )
        if len(filled) > _MOST_RUNS:
            raise UserError(f"{path} has more than {_MOST_RUNS} runs; give a table for each study")
        filled.append((number, line))
    return filled


def _row(cells: _Cells, header: list[str]) -> Row:
    network = cells.text("network") or cells.text("architecture")
    if not network:
        raise UserError(f"{cells.row} names no network; fill its cell")
    for column, text in (("network", network), ("name", cells.text("name"))):
        if text and not text.isprintable():
            raise UserError(
                f"{cells.row}, column {column}: a name is of printable characters, got {text!r}"
            )
    train, test = (cells.number(name) for name in ACCURACIES)
    gap = None
    if train is not None and test is not None:
        gap = round(train - test, 10)  # without the rounding errors of the subtraction
        _check_outcomes(cells, header, dict(zip(OUTCOMES, (gap, 100 - test), strict=True)))
    status = _status(cells, gap is not None)
    return Row(
        name=cells.text("name") or cells.row,
        network=network,
        settings={name: _setting(cells, name) for name in header if is_hyperparameter(name)},
        seed=_seed(cells) if "seed" in header else None,
        status=status,
        train_accuracy=train,
        test_accuracy=test,
        generalization_gap=gap,
        measures=_measures(cells, header),
        history=_history(cells, header),
        message="its accuracies are not in the table" if status == "missing" else "",
    )


def _status(cells: _Cells, known: bool) -> str:
    """What became of a run.

    Args:
        known: whether both of its accuracies are.
    """
    given = cells.text("status").lower()
    if given not in ("", "completed", "diverged"):
        raise cells.error("status", "must be completed, diverged or empty")
    if given == "completed" and not known:
        raise cells.error("status", "without its accuracies a run is missing; leave it empty")
    return given or ("completed" if known else "missing")


def _check_outcomes(cells: _Cells, header: list[str], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        given = cells.number(name) if name in header else None
        if given is not None and abs(given - value) > _ROUNDING:
            raise cells.error(name, f"the accuracies of this row give {value:g} percentage points")


def _setting(cells: _Cells, column: str) -> Any:
    """A number where it is one; None for an empty cell and nan."""
    text = cells.text(column)
    try:
        number = float(text)
    except ValueError:
        return {"": None, "true": True, "false": False}.get(text.lower(), text)
    if math.isnan(number):
        return None
    if math.isinf(number):  # whole numbers of many digits too
        raise cells.error(column, "a hyperparameter must be text or a finite number below 1e308")
    try:
        return int(text)
    except ValueError:
        return number


def _seed(cells: _Cells) -> int | None:
    number = cells.number("seed")
    if number is None:
        return None
    if math.isinf(number) or number != int(number):
        raise cells.error("seed", "must be a whole number")
    return int(number)


def _measures(cells: _Cells, header: list[str]) -> dict[str, float]:
    """The count and every other measure; NaN where unknown."""
    for name in (COUNT, *count_columns(header).values()):
        number = cells.number(name) if name in header else None
        if number is not None and not 1 <= number < math.inf:
            raise cells.error(name, "a region count is at least 1 and finite")
    found = {name: cells.number(column) for name, column in measure_columns(header).items()}
    return {name: math.nan if value is None else value for name, value in found.items()}


def _history(cells: _Cells, header: list[str]) -> tuple[dict[str, Any], ...]:
    entries = []
    for epoch, column in count_columns(header).items():
        count = cells.number(column)
        if count is not None:
            entries.append(
                {"epoch": epoch, "region_count": {"mean": count, "standard_error": None}}
            )
    return tuple(entries)


def _check_names(path: Path, cells: Sequence[_Cells], rows: Sequence[Row]) -> None:
    """The report tells runs apart by their names."""
    first: dict[str, str] = {}
    for line, row in zip(cells, rows, strict=True):
        other = first.setdefault(row.name, line.row)
        if other != line.row:
            raise UserError(
                f"{other} and {line.row} of {path} are both called {row.name[:_MOST_SHOWN]!r}; "
                "give every run a name of its own, or remove the column name"
            )


def _check_percentages(path: Path, rows: Sequence[Row]) -> None:
    for name in ACCURACIES:
        by_network: dict[str, list[float]] = {}
        for row in rows:
            value = getattr(row, name)
            if value is None:
                continue
            if not 0 <= value <= 100:
                raise UserError(
                    f"{row.name} of {path}, column {name}: an accuracy is a percentage, 0 to 100, "
                    f"got {value:g}"
                )
            if row.status != "diverged":
                by_network.setdefault(row.network, []).append(value)
        for network, values in by_network.items():
            _check_no_fractions(path, name, network, max(values))


def _check_no_fractions(path: Path, column: str, network: str, largest: float) -> None:
    # A column or a network alone may be in other units than the rest.
    if largest <= 1:
        raise UserError(
            f"column {column} of {path} is at most {largest:g} for network "
            f"{network[:_MOST_SHOWN]}, that looks like fractions; give percentages, 100 times as "
            "much, or say diverged in a column status for runs that learned nothing"
        )
