"""The content of report.json, without writing it."""

from rcjax.report.findings import findings_of
from rcjax.report.published import published
from rcjax.runtime import finite


def report_json(analysis):
    return finite(published(analysis, findings_of(analysis)))
