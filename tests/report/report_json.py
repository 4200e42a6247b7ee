"""The content of report.json, without writing it."""

from rcjax.report.findings import findings_of
from rcjax.report.published import published


def report_json(analysis):
    return published(analysis, findings_of(analysis))
