"""The page: one HTML file that opens without a network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from rcjax.report import definition, words
from rcjax.report.charts import Chart
from rcjax.report.definition import About
from rcjax.report.drawing import MARKERS
from rcjax.report.explorer import explorer_data
from rcjax.report.findings import Findings
from rcjax.report.tables import STATISTICS, tables_of
from rcjax.report.texts import text_of
from rcjax.report.uses import (
    early_tables,
    fragility_sentence,
    fragility_tables,
    selection_notes,
    selection_tables,
)
from rcjax.statistics import Analysis, names

_GLYPHS = dict(zip(MARKERS, "●■▲◆▼✚", strict=True)) | {"": "━"}
MOST_DRAWN = 12  # networks; of more there is one figure of all
_NOT_FITTED, _COLLAPSED = "not_fitted", "collapsed"
_STATUSES = {
    _COLLAPSED: "Collapsed: near chance on the training set, and left out of the statistics",
    names.DIVERGED: "Diverged: the loss was no longer a finite number",
    _NOT_FITTED: "Did not fit the training set",
    names.MISSING: "Missing",
    names.DAMAGED: "Damaged",
}
_SECTIONS = {
    "finding": "Finding",
    "explore": "Filter",
    "scatter": "Count and gap",
    "effects": "Hyperparameters",
    "training": "Over training",
    "statistics": "Statistics",
    "selection": "Choosing a network",
    "fragility": "Fragility",
    "measures": "Measures",
    "ablations": "Other definitions",
    "runs": "Every run",
    "definition": "Definition",
    "versions": "How it was run",
}


def render(
    analysis: Analysis, about: About, findings: Findings, charts: Mapping[str, list[Chart]]
) -> str:
    """Returns the whole page as text.

    Args:
        analysis: of the rows.
        about: what else is known of the study.
        findings: what is said of it.
        charts: by section: "scatter", "effects", "training", "prediction", "measures",
            "ablations".
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rcjax.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["unbroken"] = words.unbroken
    study = analysis.study
    statuses = {status: len(study.with_status(status)) for status in names.STATUSES}
    # Networks without a usable count are shown too: their notes say why they have none.
    numbers = any(network.count.runs for network in analysis.networks.values())
    uses, explorer = _uses(analysis), explorer_data(analysis)
    present = {**charts, **uses, "explore": explorer}
    return environment.get_template("page.html.jinja").render(
        title="Region counts and the generalization gap",
        subtitle=_subtitle(analysis, about),
        sections=[(name, head) for name, head in _SECTIONS.items() if present.get(name, True)],
        uses=uses,
        explorer=explorer,
        findings=findings.networks,
        overview=findings.overview,
        unfinished=""
        if numbers
        else text_of("unfinished", runs=len(study.rows), by_status=statuses),
        numbers=numbers,
        remarks=_remarks(analysis, statuses),
        confidence=words.percent(analysis.options.confidence),
        tables=tables_of(analysis, about),
        terms=list(STATISTICS.values()),
        listed=_listed(analysis),
        definition={
            "sentences": definition.sentences(about.definition),
            "entries": definition.entries(about.definition),
        },
        versions=[(words.plural(runs, "run"), _entries(found)) for found, runs in study.versions],
        time=f"{about.time.sentence}." if about.time else "",
        config=json.dumps(about.config, indent=2) if about.config else "",
        glyphs=_GLYPHS,
        **charts,
    )


def _uses(analysis: Analysis) -> dict[str, Any]:
    """The tables of what one does with the count; sections without any are left out."""
    networks = analysis.networks.values()
    return {
        "selection": selection_tables(analysis),
        "selection_notes": selection_notes(analysis),
        "early": [table for own in networks for table in early_tables(own)],
        "fragility": [table for own in networks for table in fragility_tables(own)],
        "fragility_sentences": [s for own in networks if (s := fragility_sentence(own))],
    }


def _subtitle(analysis: Analysis, about: About) -> str:
    networks = list(analysis.networks)
    settings = sum(network.count.settings for network in analysis.networks.values())
    parts = [
        words.listing(networks) if len(networks) <= 4 else f"{len(networks)} networks",
        about.dataset,
        words.plural(settings, "setting"),
        words.plural(len(analysis.study.rows), "run"),
    ]
    return " · ".join(part for part in parts if part)


def _remarks(analysis: Analysis, statuses: Mapping[str, int]) -> list[str]:
    """Returns the remarks that a reader must know before believing the numbers."""
    left_out = {status: statuses[status] for status in names.WITHOUT_NUMBERS}
    remarks = (
        text_of("left_out", runs=len(analysis.study.rows), by_status=left_out),
        text_of("collapsed", runs=len(analysis.collapsed)),
        text_of("unfitted", runs=len(analysis.not_fitted)),
        text_of("fixed", settings=analysis.study.fixed),
        text_of("drawn", networks=len(analysis.networks), most=MOST_DRAWN),
    )
    return [remark for remark in remarks if remark]


def _listed(analysis: Analysis) -> list[dict[str, Any]]:
    """Runs to be named, with the reason."""
    groups = []
    named = {_NOT_FITTED: set(analysis.not_fitted), _COLLAPSED: set(analysis.collapsed)}
    for status, heading in _STATUSES.items():
        rows = analysis.study.with_status(status)
        if status in named:
            rows = [row for row in analysis.study.rows if row.name in named[status]]
        if rows:
            entries = [
                (row.name, text_of("listed_run", row=row, with_accuracy=status in named))
                for row in rows
            ]
            groups.append({"heading": f"{heading} ({len(rows)})", "entries": entries})
    return groups


def _entries(versions: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        (words.field_name(name), words.setting_value(value)) for name, value in versions.items()
    ]
