"""From rows to report: the one place where a study meets its statistics and its report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rcjax.config import RegionsSection, ReportSection
from rcjax.regions import check_connectivity
from rcjax.report import VARIED, About, why_no_correlation
from rcjax.statistics import Row, analyze
from rcjax.study.plan import StudyPlan
from rcjax.study.tools import TOOLS, Tools
from rcjax.terminal import say


def report_rows(
    rows: Sequence[Row], about: About, options: ReportSection, folder: Path, tools: Tools = TOOLS
) -> dict[str, Any]:
    """Writes the report of any rows, and returns it as `report.json` holds it.

    Args:
        rows: all runs, also those without numbers.
        about: their study.
        options: of the statistics.
        folder: receives the report.
        tools: what writes it.
    """
    analysis = analyze(rows, **dataclasses.asdict(options))
    for network in analysis.networks.values():
        if network.count.pearson.undefined:
            reasons = "; ".join(why_no_correlation(network))
            say(f"{network.name}: no correlation of region count and gap ({reasons})")
    return dict(tools.write_report(analysis, about, folder))


def about_study(plan: StudyPlan) -> About:
    """Returns everything that the report says of a study besides its rows."""
    regions = dict.fromkeys(run.config.regions for run in plan.runs)
    return About(plan.config, definition(list(regions)), plan.config["variants"])


def definition(sections: Sequence[RegionsSection]) -> dict[str, Any]:
    """The definition of the count: the fields of the section `regions` that decide it, in full.

    Args:
        sections: of the runs. A field that differs between them is "varied".

    Example:
        >>> found = definition([RegionsSection(dim=2, points=9), RegionsSection(dim=3, points=9)])
        >>> {name: found[name] for name in ("dim", "points", "connectivity")}
        {'dim': 'varied', 'points': 9, 'connectivity': 'full'}
    """
    found = [_complete(section) for section in sections]
    names = dict.fromkeys(name for one in found for name in one)
    by_name = {name: [one[name] for one in found if name in one] for name in names}
    return {
        name: values[0] if all(value == values[0] for value in values) else VARIED
        for name, values in by_name.items()
    }


def _complete(regions: RegionsSection) -> dict[str, Any]:
    """The fields of a section with their defaults, without what does not change its count."""
    unread = {"every", "batch_size"}  # when, and how many points at a time
    if regions.method == "exact":
        unread.add("points")
    if regions.sampling != "random_directions":
        unread.add("length")
    connectivity = check_connectivity(regions.connectivity or None, regions.dim)
    complete = dataclasses.asdict(regions) | {"connectivity": connectivity}
    return {name: value for name, value in complete.items() if name not in unread}
