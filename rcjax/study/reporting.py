"""From rows to report: the one place where a study meets its statistics and its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.study.report import write_report
from rcjax.study.rows import Row
from rcjax.study.statistics import analyze
from rcjax.training.files import finite


def report_study(rows: Sequence[Row], config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Writes the report of a study, and returns it as `report.json` holds it.

    Args:
        rows: all runs, also those without numbers.
        config: of the study, nested.
        folder: of the study.
    """
    variants = {name: {"regions": changes} for name, changes in config["variants"].items()}
    return report_rows(rows, config, folder, definition=definition(config), variants=variants)


def report_rows(
    rows: Sequence[Row], config: Mapping[str, Any], folder: Path, **about: Any
) -> dict[str, Any]:
    """Writes the report of any rows, and returns it as `report.json` holds it.

    Args:
        rows: all runs.
        config: of the experiment, nested; its section `report` decides the statistics.
        folder: receives the report.
        about: "definition" and "variants" of the count, where known.
    """
    report = {**analyze(rows, **config["report"]), **about, "config": config}
    write_report(report, rows, folder)
    return finite(report)


def definition(config: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of the count: the section `regions`, without how often it is made.

    An axis of the grid that changes it is left out: it has no one value.
    """
    varied = set(config["grid"].get("regions", {}))
    how = ("every", "batch_size")
    return {name: value for name, value in config["regions"].items() if name not in {*varied, *how}}
