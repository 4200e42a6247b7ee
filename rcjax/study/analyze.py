"""A table of runs that were made elsewhere, analysed like a study."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.config import AnalysisConfig, find_file, flatten, replaced
from rcjax.errors import UserError
from rcjax.report import About
from rcjax.runtime import Workdir
from rcjax.statistics import Row, read_table
from rcjax.study.plan import check_report
from rcjax.study.reporting import report_rows
from rcjax.terminal import say


def run_analysis(config: Any, workdir: str | os.PathLike) -> dict[str, Any]:
    """Writes the report of an external table of runs.

    Args:
        config: an `ml_collections.ConfigDict` with `experiment = "analyze"`, `table`, the path of a
            CSV file (see `rcjax.statistics.csv_table.read_table` for its columns), and the section
            `report` of a study.
        workdir: folder of the report; made if need be. The report of another table is not
            overwritten, one of the same table is, whatever its section `report`.

    Returns:
        The report, as `report.json` holds it, with "status" "completed".

    Raises:
        UserError: the config, the table or the folder cannot be used; the line says how to mend it.
    """
    plain = config.to_dict()
    checked = check_analysis(plain)
    rows = read_table(find_file(checked.table, "table"))
    # The section report may change, as that of a study may: the report is made anew.
    folder = Workdir(workdir, {name: plain[name] for name in ("experiment", "table")})
    folder.finished_record()  # refuses a folder that is not this analysis's
    say(_columns_read(rows))
    with folder.claimed():
        folder.claim_for_good()
        # A report is passed on: where the table lies is no one's business.
        about = About({**plain, "table": Path(checked.table).name})
        report = report_rows(rows, about, checked.report, folder.path)
    return {**report, "status": "completed"}


def _columns_read(rows: Sequence[Row]) -> str:
    """Says how columns were read: a hyperparameter read as a measure would go unnoticed."""
    # All rows of a table have the same columns.
    hyperparameters, measures = (", ".join(names) for names in (rows[0].settings, rows[0].measures))
    return f"read as hyperparameters: {hyperparameters or 'none'}; as measures: {measures}"


def check_analysis(config: Mapping[str, Any]) -> AnalysisConfig:
    """Checks all fields of an analysis.

    Args:
        config: nested dicts; fields left out take the defaults of a study.

    Raises:
        UserError: the first field that is wrong, what it holds and what it may hold.
    """
    checked = replaced(AnalysisConfig(), flatten(config))
    if not checked.table:
        raise UserError(
            "config field table names no file; set --config.table=FILE.csv, a table with a line "
            "for each run"
        )
    check_report(checked.report)
    return checked
