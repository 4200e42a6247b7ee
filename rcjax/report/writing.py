"""The report of a study: report.html, report.json and figures for a paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rcjax.errors import UserError
from rcjax.report.ablations import ablation_charts
from rcjax.report.along_training import count_charts, prediction_charts
from rcjax.report.charts import Chart, named
from rcjax.report.definition import About
from rcjax.report.effects import effect_charts
from rcjax.report.findings import findings_of
from rcjax.report.page import MOST_DRAWN, render
from rcjax.report.palette import Palette
from rcjax.report.published import published
from rcjax.report.runs_csv import runs_csv
from rcjax.report.scatter import scatter_charts
from rcjax.report.side_by_side import measure_charts, network_charts
from rcjax.runtime import read_json, write_json, written_whole
from rcjax.statistics import Analysis


def write_report(analysis: Analysis, about: About, folder: Path) -> dict[str, Any]:
    """Writes what a study found, for people, programs and papers.

    Args:
        analysis: what `rcjax.statistics.analyze` returned.
        about: what else is known of the study.
        folder: receives report.html (one file, opens without a network), report.json,
            runs.csv and figures/NAME.pdf and .png. Those of an earlier report are replaced or
            removed.

    Returns:
        The content of report.json.
    """
    charts, findings = charts_of(analysis, about), findings_of(analysis)
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    drawn = [chart for group in charts.values() for chart in group]
    for chart in drawn:
        chart.write(figures)
    for name, text in (
        ("runs.csv", runs_csv(analysis.study)),
        ("report.html", render(analysis, about, findings, charts)),
    ):
        with written_whole(folder / name) as file:
            file.write(text.encode())
    present = [chart.name for chart in drawn]
    _remove_figures(figures, _earlier_figures(folder), present)
    content = {**published(analysis, findings), **about.published(), "figures": present}
    written: dict[str, Any] = write_json(folder / "report.json", content)
    return written


SECTIONS = ("scatter", "effects", "training", "prediction", "measures", "ablations")


def charts_of(analysis: Analysis, about: About) -> dict[str, list[Chart]]:
    """All figures that the data allow, by section of the page; nothing is drawn yet.

    Of many networks there is one figure, of all of them: nobody looks through hundreds.
    """
    palette, several = Palette(analysis.study), network_charts(analysis)
    charts: dict[str, list[Chart]] = {section: [] for section in SECTIONS}
    if len(analysis.networks) > MOST_DRAWN:
        return charts | {"measures": named(several)}
    charts |= {
        "scatter": scatter_charts(analysis, palette),
        "effects": effect_charts(analysis.study, palette),
        "training": count_charts(analysis, palette),
        "prediction": prediction_charts(analysis, palette),
        "measures": [*several, *measure_charts(analysis)],
        "ablations": ablation_charts(analysis, about, palette),
    }
    return {section: named(group) for section, group in charts.items()}


def _earlier_figures(folder: Path) -> list[str]:
    """Returns the names of the figures that the folder's present report.json says it made."""
    try:
        names = read_json(folder / "report.json", remedy="it is written anew").get("figures")
    except UserError:  # there is none yet, or a damaged one
        return []
    if not isinstance(names, list):
        return []
    # A plain name and nothing that leads to another folder.
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


def _remove_figures(figures: Path, earlier: Sequence[str], present: Sequence[str]) -> None:
    """Removes earlier figures that are no longer made. Whatever else lies there is the user's."""
    # Two names that differ in case only are one file to some file systems.
    kept = {name.lower() for name in present}
    for name in earlier:
        if name.lower() not in kept:
            for suffix in ("pdf", "png"):
                (figures / f"{name}.{suffix}").unlink(missing_ok=True)
