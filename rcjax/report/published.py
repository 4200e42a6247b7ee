"""The content of report.json: every number under its public name."""

import math
from dataclasses import fields
from typing import Any

from rcjax.report.findings import Finding, Findings
from rcjax.statistics import (
    Analysis,
    EarlyPrediction,
    Estimate,
    Fragility,
    MeasureStatistics,
    NetworkStatistics,
    OutcomeStatistics,
    Relation,
    Row,
    Selection,
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
            outcome: {measure: _relation(found) for measure, found in measures.items()}
            for outcome, measures in analysis.pooled.items()
        },
        "selection": analysis.selection and _selection(analysis.selection),
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
        "selection": _selection(network.selection),
        "early_prediction": _early(network.early),
        "fragility": _fragility(network.fragility),
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


def _relation(found: Relation) -> dict[str, Any]:
    return {
        "settings": found.settings,
        "runs": found.runs,
        **_estimate("pearson", found.pearson),
        **_estimate("spearman", found.spearman),
    }


def _selection(found: Selection) -> dict[str, Any]:
    return {
        "settings": found.settings,
        "runs": found.runs,
        "regrets": [
            {
                "rule": one.rule,
                "examples": one.examples,
                "candidates": one.candidates,
                "runs": one.runs,
                **_estimate("regret", one.mean),
                **_estimate("minus_count", one.minus_count),
                **_examples(one.validation),
            }
            for one in found.regrets
        ],
    }


def _examples(found: Estimate) -> dict[str, Any]:
    """JSON has no infinity: an end beyond the largest validation set is None."""
    ends = found.interval and [end if math.isfinite(end) else None for end in found.interval]
    return {"validation_examples": found.value, "validation_examples_interval": ends}


def _early(found: EarlyPrediction) -> dict[str, Any]:
    return {
        "runs": found.runs,
        "not_shared": found.not_shared,
        "lacking": found.lacking,
        "epochs": [
            {
                "epoch": one.epoch,
                "predictor": one.predictor,
                **_relation(one.with_gap),
                **_estimate("spearman_count_ahead", one.count_ahead),
            }
            for one in found.predictors
        ],
    }


def _fragility(found: Fragility) -> dict[str, Any]:
    return {
        "axes": {
            axis.axis: {
                "levels": [
                    {"values": level.values, **_relation(level.with_gap)} for level in axis.levels
                ],
                "neighbours": [
                    {
                        "values": pair.values,
                        "settings": pair.settings,
                        **_estimate("count", pair.count),
                        **_estimate("gap", pair.gap),
                        "reversed": pair.reversed.value,
                    }
                    for pair in axis.neighbours
                ],
                "steps": axis.steps,
                "sign_changes": axis.sign_changes,
            }
            for axis in found.axes
        },
        "variants": {
            one.name: {
                "with_count": _relation(one.with_count),
                "with_gap": _relation(one.with_gap),
            }
            for one in found.variants
        },
    }


def _run(row: Row) -> dict[str, Any]:
    names_of = [field.name for field in fields(row)]
    kept = [name for name in names_of if name not in ("history", "versions", "halves")]
    entry = {name: getattr(row, name) for name in kept}
    return entry | {"test_error": row.test_error, names.COUNT: row.measures.get(names.COUNT)}
