"""The report of a study: report.html, report.json and figures for a paper."""

from rcjax.report.definition import VARIED, About, CountDefinition
from rcjax.report.notes import why_no_correlation
from rcjax.report.time_spent import TimeSpent
from rcjax.report.writing import write_report

__all__ = ["VARIED", "About", "CountDefinition", "TimeSpent", "why_no_correlation", "write_report"]
