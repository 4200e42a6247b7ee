"""The content of report.json: every number under its public name."""

from typing import Any

from rcjax.report.findings import Finding, Findings
from rcjax.statistics import (
    Analysis,
    Estimate,
    MeasureStatistics,
    NetworkStatistics,
    OutcomeStatistics,
    PooledStatistics,
    Row,
    names,
)

_WITH_INTERVAL = ("pearson", "spearman", "kendall", "partial_correlation", "pearson_minus_trivial")


def published(analysis: Analysis, findings: Findings) -> dict[str, Any]:
    """The statistics as JSON can hold them: "networks", "pooled", "listed", "runs", "versions"."""
    study, networks = analysis.study, analysis.networks
    return {
        "networks": {
            name: _network(found, findings.networks[name]) for name, found in networks.items()
        },
        "pooled": None
        if analysis.pooled is None
        else {
            outcome: {measure: _pooled(found) for measure, found in measures.items()}
            for outcome, measures in analysis.pooled.items()
        },
        "listed": {
            "collapsed": analysis.collapsed,
            "not_fitted": analysis.not_fitted,
            **{
                status: [row.name for row in study.with_status(status)]
                for status in names.WITHOUT_NUMBERS
            },
        },
        "runs": [_run(row) for row in study.rows],
        "versions": [{**versions, "runs": runs} for versions, runs in study.versions],
    }


def _network(network: NetworkStatistics, said: Finding) -> dict[str, Any]:
    outcomes = {name: _outcome(found) for name, found in network.outcomes.items()}
    of_gap = outcomes[names.GAP]
    return {
        **of_gap[names.COUNT],
        names.TRIVIAL: of_gap[names.TRIVIAL],
        names.NULL: of_gap[names.NULL],
        "outcomes": outcomes,
        "fitted_only": network.fitted_only and _measure(network.fitted_only),
        "with_collapsed": network.with_collapsed and _measure(network.with_collapsed),
        "split_halves": network.gap.halves
        and {
            key: value
            for name, estimate in vars(network.gap.halves).items()
            for key, value in _estimate(name, estimate).items()
        },
        "joint_regression": network.joint
        and {
            "r2": network.joint.r2,
            "measures": {share.measure: vars(share) for share in network.joint.shares},
        },
        "findings": [said.result, *said.remarks],
        "notes": said.notes,
    }


def _outcome(found: OutcomeStatistics) -> dict[str, Any]:
    null = _measure(found.null)
    return {
        **{name: _measure(measure) for name, measure in found.measures.items()},
        names.TRIVIAL: _measure(found.trivial),
        names.NULL: {
            "predictors" if name == "runs" else name: value for name, value in null.items()
        },
    }


def _measure(found: MeasureStatistics) -> dict[str, Any]:
    content: dict[str, Any] = {
        "settings": found.settings,
        "runs": found.runs,
        "controls": found.design.controls,
    }
    for name, estimate in found.estimates().items():
        content |= _estimate(name, estimate)
    along = {axis: estimate.value for axis, estimate in found.along.items()}
    content["granulated_kendall"] = {**along, "mean": found.granulated_kendall.value}
    return content


def _estimate(name: str, estimate: Estimate) -> dict[str, Any]:
    content: dict[str, Any] = {name: estimate.value}
    if estimate.interval is not None or name in _WITH_INTERVAL:
        content[f"{name}_interval"] = estimate.interval
    if estimate.chance is not None:
        content |= {f"{name}_chance": estimate.chance.interval, f"{name}_p": estimate.chance.p}
    return content


def _pooled(found: PooledStatistics) -> dict[str, Any]:
    return {
        "settings": found.settings,
        "runs": found.runs,
        **_estimate("pearson", found.pearson),
        **_estimate("spearman", found.spearman),
    }


def _run(row: Row) -> dict[str, Any]:
    entry = {n: v for n, v in vars(row).items() if n not in ("history", "versions", "halves")}
    return entry | {"test_error": row.test_error, names.COUNT: row.measures.get(names.COUNT)}
