"""An external table of runs, a CSV file, as the rows of a study."""

import csv
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rcjax.errors import UserError
from rcjax.fields import RUN_FIELDS
from rcjax.study.rows import Row

NETWORK = ("network", "architecture")
ACCURACIES = ("train_accuracy", "test_accuracy")
COUNT = "region_count"
# Follow from the accuracies, and are no measures: checked, then left.
OUTCOMES = ("generalization_gap", "test_error")
RESERVED = ("null", "trivial_predictor")  # names that the report gives to predictors of its own
# Percentage points that rounded columns may differ from the accuracies.
_ROUNDING = 0.1
_COUNT_AT_EPOCH = re.compile(r"regions_epoch_(\d+)")
# Hyperparameters that other trainings have, besides the fields of a config.
OTHER_HYPERPARAMETERS = (
    "augmentation",
    "depth",
    "dropout",
    "label_noise",
    "label_smoothing",
    "optimizer",
    "schedule",
)
HYPERPARAMETERS = (set(RUN_FIELDS) | set(OTHER_HYPERPARAMETERS)) - {"seed", "network"}


def read_table(path: str | os.PathLike) -> tuple[Row, ...]:
    """Reads runs from a CSV file with a header line, one run per line.

    Columns: `network` (or `architecture`); `train_accuracy` and `test_accuracy` in percent;
    `region_count`, or counts along training as `regions_epoch_N` with any numbers N, of which the
    last is then the count and all are the history. Columns called like a field of a run config
    (learning_rate, batch_size, weight_decay, momentum, epochs, ...; docs/statistics.md lists them)
    are the settings of the run, numbers or text; `seed` tells the runs of a setting apart, without
    it the lines of one setting are its repetitions; `name` names the run. Every other column is a
    measure and must be numeric. An empty cell, or nan, is an unknown value: without accuracies the
    run counts as missing, without a measure it is left out of that measure. Columns
    `generalization_gap` and `test_error` must agree with the accuracies, from which they follow.

    Args:
        path: of the file, UTF-8, separated by commas.

    Returns:
        The runs in the order of the file, called "row 2" (the line after the header) and so on.

    Raises:
        UserError: no such file, not a table, missing or repeated columns, text where a number is
            needed, accuracies that are no percentages.

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
    path = Path(path)
    header, lines = _read_cells(path)
    _check_header(path, header)
    cells = [_Cells(path, number, header, line) for number, line in lines]
    if not cells:
        raise UserError(f"the table {path} has a header but no runs; add a line per run")
    rows = tuple(_row(line, header) for line in cells)
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
            raise self.error(column, "must be a number") from None
        return None if math.isnan(number) else number

    def error(self, column: str, rule: str) -> UserError:
        return UserError(
            f"{self.row} of {self._path}, column {column}: {rule}, got {self._cells[column]!r}"
        )


def _read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the lines that are not empty with their numbers (the header is row 1)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, strict=True))
    except OSError as error:
        raise UserError(f"cannot read the table {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is not a table of comma-separated values in UTF-8 ({error}); export it as CSV"
        ) from None
    filled = [
        (number, line) for number, line in enumerate(lines, start=1) if any(map(str.strip, line))
    ]
    if not filled:
        raise UserError(f"the table {path} is empty; it needs a header line and a line per run")
    header = [name.strip() for name in filled[0][1]]
    if len(header) == 1:
        raise UserError(
            f"the header of {path} has a single column, {header[0][:60]!r}; separate the columns "
            "with commas"
        )
    return header, filled[1:]


def _check_header(path: Path, header: list[str]) -> None:
    if repeated := sorted({name or "(empty)" for name in header if header.count(name) > 1}):
        raise UserError(f"{path} has several columns called {', '.join(repeated)}; rename them")
    if "" in header:
        raise UserError(f"column {header.index('') + 1} of {path} has no name; give it one")
    if all(name in header for name in NETWORK):
        raise UserError(f"{path} has the columns network and architecture; keep one of them")
    if taken := [name for name in RESERVED if name in header]:
        raise UserError(f"{path} has a column {taken[0]}, a name of the report; rename it")
    missing = [name for name in ACCURACIES if name not in header]
    if not any(name in header for name in NETWORK):
        missing.insert(0, "network (or architecture)")
    if COUNT not in header and not _epochs(header):
        missing.append("region_count (or regions_epoch_N)")
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header)}"
        )


def _row(cells: _Cells, header: list[str]) -> Row:
    network = cells.text("network") or cells.text("architecture")
    if not network:
        raise UserError(f"{cells.row} names no network; fill its cell")
    train, test = (cells.number(name) for name in ACCURACIES)
    gap = None
    if train is not None and test is not None:
        gap = round(train - test, 10)  # without the rounding errors of the subtraction
        _check_outcomes(cells, header, dict(zip(OUTCOMES, (gap, 100 - test), strict=True)))
    return Row(
        name=cells.text("name") or cells.row,
        network=network,
        settings={name: _setting(cells.text(name)) for name in header if name in HYPERPARAMETERS},
        seed=_seed(cells) if "seed" in header else None,
        status="missing" if gap is None else "completed",
        train_accuracy=train,
        test_accuracy=test,
        generalization_gap=gap,
        measures=_measures(cells, header),
        history=_history(cells, header),
        message="its accuracies are not in the table" if gap is None else "",
    )


def _check_outcomes(cells: _Cells, header: list[str], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        given = cells.number(name) if name in header else None
        if given is not None and abs(given - value) > _ROUNDING:
            raise cells.error(name, f"the accuracies of this row give {value:g} percentage points")


def _setting(text: str) -> Any:
    """A number where it is one; None for an empty cell."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"": None, "true": True, "false": False}.get(text.lower(), text)


def _seed(cells: _Cells) -> int | None:
    number = cells.number("seed")
    if number is not None and number != int(number):
        raise cells.error("seed", "must be a whole number")
    return None if number is None else int(number)


def _measures(cells: _Cells, header: list[str]) -> dict[str, float]:
    """The count and every other numeric column, where known."""
    epochs = _epochs(header)
    known = {
        *NETWORK,
        *ACCURACIES,
        *OUTCOMES,
        COUNT,
        "seed",
        "name",
        *HYPERPARAMETERS,
        *epochs.values(),
    }
    counts = [name for name in (COUNT, *epochs.values()) if name in header]
    for name in counts:
        number = cells.number(name)
        if number is not None and not 1 <= number < math.inf:
            raise cells.error(name, "a region count is at least 1")
    columns = {COUNT: COUNT if COUNT in header else epochs[max(epochs)]}
    columns |= {name: name for name in header if name not in known}
    values = {name: cells.number(column) for name, column in columns.items()}
    return {name: value for name, value in values.items() if value is not None}


def _history(cells: _Cells, header: list[str]) -> tuple[dict[str, Any], ...]:
    entries = []
    for epoch, column in _epochs(header).items():
        count = cells.number(column)
        if count is not None:
            entries.append(
                {"epoch": epoch, "region_count": {"mean": count, "standard_error": None}}
            )
    return tuple(entries)


def _epochs(header: Sequence[str]) -> dict[int, str]:
    """epoch -> column of its count, first epochs first."""
    found = [(match, name) for name in header if (match := _COUNT_AT_EPOCH.fullmatch(name))]
    return dict(sorted((int(match.group(1)), name) for match, name in found))


def _check_percentages(path: Path, rows: Sequence[Row]) -> None:
    accuracies = [
        (row.name, name, value)
        for row in rows
        for name in ACCURACIES
        if (value := getattr(row, name)) is not None
    ]
    for row, name, value in accuracies:
        if not 0 <= value <= 100:
            raise UserError(
                f"{row} of {path}, column {name}: an accuracy is a percentage, 0 to 100, "
                f"got {value:g}"
            )
    if accuracies and max(value for _, _, value in accuracies) <= 1:
        raise UserError(
            f"all accuracies of {path} are at most 1, they look like fractions; give percentages, "
            "100 times as much"
        )
