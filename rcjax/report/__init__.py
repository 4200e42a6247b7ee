"""The report of a study: report.html, report.json and figures for a paper."""

from rcjax.report.definition import VARIED
from rcjax.report.readings import why_undefined
from rcjax.report.writing import charts_of, write_report

__all__ = [
    "VARIED",
    "charts_of",
    "why_undefined",
    "write_report",
]
