"""From rows to report: the one place where a study meets its statistics and its report."""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from rcjax.config import RegionsSection, ReportSection
from rcjax.regions import check_connectivity
from rcjax.report import VARIED, About, CountDefinition, TimeSpent, why_no_correlation
from rcjax.statistics import Row, analyze
from rcjax.study.plan import StudyPlan
from rcjax.study.tools import TOOLS, Tools
from rcjax.terminal import say
from rcjax.training import Seconds


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


def about_study(plan: StudyPlan, seconds: Collection[Seconds] = ()) -> About:
    """Returns everything that the report says of a study besides its rows.

    Args:
        plan: of the study.
        seconds: of the runs that noted theirs.
    """
    regions = dict.fromkeys(run.config.regions for run in plan.runs)
    time = None
    if seconds:
        time = TimeSpent(len(seconds), dataclasses.asdict(Seconds.sum(seconds)))
        say(time.sentence)
    return About(plan.config, definition(list(regions)), plan.config["variants"], time)


def definition(sections: Sequence[RegionsSection]) -> CountDefinition:
    """Returns the definition of the count of runs with these sections `regions`.

    Example:
        >>> found = definition([RegionsSection(dim=2, points=9), RegionsSection(dim=3, points=9)])
        >>> found.dim, found.points, found.connectivity
        ('varied', 9, 'full')
    """
    found = [_definition(section).stated() for section in sections]
    fields: dict[str, Any] = {"points": None}
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one[name] for one in found if name in one]
        fields[name] = values[0] if all(value == values[0] for value in values) else VARIED
    return CountDefinition(**fields)


def _definition(regions: RegionsSection) -> CountDefinition:
    return CountDefinition(
        dim=regions.dim,
        points=None if regions.method == "exact" else regions.points,
        connectivity=check_connectivity(regions.connectivity or None, regions.dim),
        anchors=regions.anchors,
        sampling=regions.sampling,
        extent=regions.extent,
        slices=regions.slices,
        method=regions.method,
        length=regions.length if regions.sampling == "random_directions" else None,
    )
