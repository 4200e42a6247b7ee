"""From rows to report: the one place where a study meets its statistics and its report."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.config import flatten
from rcjax.regions import check_connectivity
from rcjax.report import VARIED, About, why_no_correlation, write_report
from rcjax.statistics import Row, analyze
from rcjax.terminal import say


def report_study(rows: Sequence[Row], config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Writes the report of a study, and returns it as `report.json` holds it.

    Args:
        rows: all runs, also those without numbers.
        config: of the study, nested.
        folder: of the study.
    """
    about = About(config, definition(config), config["variants"])
    return report_rows(rows, about, folder)


def report_rows(rows: Sequence[Row], about: About, folder: Path) -> dict[str, Any]:
    """Writes the report of any rows, and returns it as `report.json` holds it.

    Args:
        rows: all runs.
        about: their study; the section `report` of its config decides the statistics.
        folder: receives the report.
    """
    analysis = analyze(rows, **about.config["report"])
    for network in analysis.networks.values():
        if network.count.pearson.undefined:
            reasons = "; ".join(why_no_correlation(network))
            say(f"{network.name}: no correlation of region count and gap ({reasons})")
    return write_report(analysis, about, folder)


def definition(config: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of the count: the fields of the section `regions` that decide it, in full.

    A field that differs between the runs, by an axis of the grid, is "varied".

    Example:
        >>> regions = {"connectivity": "", "method": "grid", "sampling": "between_points",
        ...            "length": 0.1, "every": 5}
        >>> definition({"regions": regions, "grid": {"regions": {"dim": (2, 3)}}})
        {'connectivity': 'full', 'method': 'grid', 'sampling': 'between_points', 'dim': 'varied'}
    """
    axes = flatten(config["grid"].get("regions", {}))
    found = [
        _complete({**config["regions"], **dict(zip(axes, values, strict=True))})
        for values in itertools.product(*axes.values())
    ]
    names = dict.fromkeys(name for one in found for name in one)
    by_name = {name: [one[name] for one in found if name in one] for name in names}
    return {
        name: values[0] if all(value == values[0] for value in values) else VARIED
        for name, values in by_name.items()
    }


def _complete(regions: Mapping[str, Any]) -> dict[str, Any]:
    """The section `regions` of a run with its defaults, without what does not change its count."""
    unread = {"every", "batch_size"}  # when, and how many points at a time
    if regions["method"] == "exact":
        unread.add("points")
    if regions["sampling"] != "random_directions":
        unread.add("length")
    connectivity = check_connectivity(regions["connectivity"] or None, regions["dim"])
    complete = {**regions, "connectivity": connectivity}
    return {name: value for name, value in complete.items() if name not in unread}
