"""The page: one HTML file that opens without a network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jinja2

from rcjax.report import definition, readings, tables, words
from rcjax.report.charts import Chart
from rcjax.report.drawing import MARKERS
from rcjax.report.findings import Finding, finding, overview
from rcjax.report.grouping import axes_of, networks_of
from rcjax.report.readings import STATISTICS, TRIVIAL, TRIVIAL_NAME
from rcjax.statistics import STATUSES, Row

_GLYPHS = dict(zip(MARKERS, "●■▲◆▼✚", strict=True)) | {"": "━"}
_STATUSES = {
    "diverged": "Diverged: the loss was no longer a finite number",
    "not_fitted": "Did not fit the training set",
    "missing": "Missing",
    "damaged": "Damaged",
}
_SECTIONS = {
    "finding": "Finding",
    "scatter": "Count and gap",
    "effects": "Hyperparameters",
    "training": "Over training",
    "statistics": "Statistics",
    "measures": "Measures",
    "ablations": "Other definitions",
    "runs": "Every run",
    "definition": "Definition",
    "versions": "How it was run",
}


def render(
    report: Mapping[str, Any], rows: Sequence[Row], charts: Mapping[str, list[Chart]]
) -> str:
    """The whole page as text.

    Args:
        report: the content of report.json.
        rows: all runs.
        charts: by section: "scatter", "effects", "training", "prediction", "measures",
            "ablations".
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rcjax.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    present = {name: heading for name, heading in _SECTIONS.items() if charts.get(name, True)}
    networks = report["networks"]
    variants = report.get("variants") or {}
    used = report.get("definition") or {}
    confidence = _confidence(report)
    # Networks without a usable count are shown too: their notes say why they have none.
    numbers = any(statistics.get("runs") for statistics in networks.values())
    return environment.get_template("page.html.jinja").render(
        title="Region counts and the generalization gap",
        subtitle=_subtitle(report, rows),
        sections=list(present.items()),
        findings=[_finding(name, statistics, confidence) for name, statistics in networks.items()],
        overview=overview(networks, report.get("pooled")),
        unfinished="" if numbers else _unfinished(rows),
        headline=tables.headline(networks, confidence) if numbers else None,
        remarks=_remarks(report, rows),
        confidence=words.percent(confidence),
        pooled=tables.pooled_tables(report.get("pooled")),
        statistics=[
            {
                "network": name,
                "tables": tables.statistics_tables(name, statistics),
                "notes": [_note(text) for text in statistics.get("notes") or ()],
            }
            for name, statistics in networks.items()
        ],
        terms=list(STATISTICS.values()),
        ablation_tables=tables.ablation_tables(networks, variants, used),
        listed=_listed(report, rows),
        runs=_runs(report, rows),
        definition={
            "sentences": definition.sentences(used),
            "entries": definition.entries(used),
        },
        versions=_versions(report),
        config=json.dumps(report["config"], indent=2) if report.get("config") else "",
        glyphs=_GLYPHS,
        **charts,
    )


def _note(text: str) -> str:
    return str(text).replace(TRIVIAL, TRIVIAL_NAME)


def _finding(network: str, statistics: Mapping[str, Any], confidence: float) -> Finding:
    found = finding(network, statistics, confidence)
    if words.known(statistics.get("pearson")):
        return found
    # The other notes stand with the statistics. Here they are sentences.
    reasons = (_note(reason).rstrip(".") + "." for reason in readings.why_undefined(statistics))
    return replace(found, remarks=tuple(reasons))


def _confidence(report: Mapping[str, Any]) -> float:
    return float(((report.get("config") or {}).get("report") or {}).get("confidence", 0.95))


def _subtitle(report: Mapping[str, Any], rows: Sequence[Row]) -> str:
    config = report.get("config") or {}
    networks = networks_of(rows)
    names = words.listing(networks) if len(networks) <= 4 else f"{len(networks)} networks"
    settings = sum(entry.get("settings") or 0 for entry in report["networks"].values())
    parts = [names, str(config["dataset"]) if config.get("dataset") else ""]
    parts += [words.plural(settings, "setting"), words.plural(len(rows), "run")]
    return " · ".join(part for part in parts if part)


def _unfinished(rows: Sequence[Row]) -> str:
    """What became of the runs of a study of which none has numbers."""
    counts = {status: sum(row.status == status for row in rows) for status in STATUSES}
    parts = [f"{number} {status}" for status, number in counts.items() if number]
    return f"Of {words.plural(len(rows), 'run')}: {words.listing(parts)}."


def _remarks(report: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """What a reader must know before believing the numbers."""
    listed = report.get("listed") or {}
    left_out = [
        f"{len(listed[status])} {status}"
        for status in ("diverged", "missing", "damaged")
        if listed.get(status)
    ]
    remarks = []
    if left_out:
        remarks.append(
            f"Without numbers, and in none of these statistics: {words.listing(left_out)} "
            f"of {words.plural(len(rows), 'run')}."
        )
    unfitted = len(listed.get("not_fitted") or ())
    if unfitted:
        remarks.append(
            f"{words.plural(unfitted, 'run')} did not fit the training set: listed below, and part "
            "of these numbers."
        )
    return remarks


def _listed(report: Mapping[str, Any], rows: Sequence[Row]) -> list[dict[str, Any]]:
    messages = {row.name: row.message for row in rows}
    settings = {row.name: row for row in rows}
    groups = []
    for status, heading in _STATUSES.items():
        names = (report.get("listed") or {}).get(status) or []
        entries = []
        for name in names:
            row = settings.get(name)
            text = messages.get(name, "")
            if row is not None and not text:
                text = words.settings_text(row.settings)
                if status == "not_fitted":
                    text += f"; training accuracy {words.decimal(row.train_accuracy)} %"
            entries.append({"name": name, "text": text})
        if entries:
            groups.append({"heading": f"{heading} ({len(entries)})", "entries": entries})
    return groups


def _runs(report: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    axes = axes_of(rows)
    not_fitted = (report.get("listed") or {}).get("not_fitted") or ()
    headings, found = tables.run_cells(rows, axes, not_fitted)
    fixed = {
        name: value
        for name, value in (rows[0].settings if rows else {}).items()
        if name not in axes and value is not None
    }
    caption = (
        f"{words.plural(len(rows), 'run')}: accuracies on training and test set in percent, their "
        "gap in percentage points, regions with the standard error over slices"
    )
    if fixed:
        caption += f". All with {words.settings_text(fixed)}"
    return {
        "caption": caption,
        "headings": headings,
        "rows": [{"kind": kind, "cells": cells} for kind, cells in found],
    }


def _versions(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = []
    for entry in report.get("versions") or ():
        entries = [
            (words.field_name(str(name)), words.setting_value(value))
            for name, value in entry.items()
            if name != "runs"
        ]
        groups.append({"heading": words.plural(entry["runs"], "run"), "entries": entries})
    return groups
