"""A result in words, for a terminal and for a notebook."""

import html
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rcjax.regions import intervals
from rcjax.regions.result_fields import ResultFields

_SHAPES = {1: ("segment", "segments"), 2: ("plane", "planes")}
_MOST_BARS = 12
_KINDS = {
    "steps": "scores move in steps, so narrower regions may be missed and counts too low",
    "labels": "there are no scores, so narrower regions may be missed and counts too low",
}


class _Fact(NamedTuple):
    name: str
    text: str


def as_text(result: ResultFields) -> str:
    """Lines: the mean, how it was obtained, how counts are spread, and what may be wrong."""
    facts = _facts(result)
    spread = ", ".join(f"{count}: {slices}" for count, slices in _spread(result))
    facts.insert(1, _Fact("slices by count", spread))
    width = max(len(fact.name) for fact in facts)
    lines = [f"  {fact.name:<{width}}  {fact.text}" for fact in facts]
    return "\n".join([f"RegionCounts: {_mean(result)}", *lines])


def as_html(result: ResultFields) -> str:
    """The same with a histogram, for a notebook; takes the colours of the page."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(fact.name)}</th>"
        f"<td style='text-align:left'>{html.escape(fact.text)}</td></tr>"
        for fact in _facts(result)
    )
    spread = _spread(result)
    largest = max(slices for _, slices in spread)
    bars = "".join(
        f"<tr><th style='text-align:right'>{count}</th><td style='text-align:left'>"
        f"<span style='display:inline-block;background:currentColor;opacity:.5;height:.8em;"
        f"width:{12 * slices / largest:.2f}em'></span> {slices}</td></tr>"
        for count, slices in spread
    )
    return (
        f"<div><b>{html.escape(_mean(result))}</b><table>{rows}</table>"
        f"<table><tr><th>count</th><th style='text-align:left'>slices</th></tr>{bars}</table></div>"
    )


def _mean(result: ResultFields) -> str:
    mean, number = float(result.counts.mean()), len(result.counts)
    one, many = _SHAPES.get(result.dim, (f"{result.dim}-D slice", f"{result.dim}-D slices"))
    regions = "region" if mean == 1 else "regions"
    if number == 1:
        return f"{mean:.4g} {regions} on one {one}"
    low, high = intervals.mean_interval(result.counts, smallest=1)
    error = intervals.standard_deviation(result.counts) / math.sqrt(number)
    return (
        f"{mean:.4g} ± {error:.2g} {regions} (mean of {number:,} {many} and its standard error; "
        f"95 % interval {low:.3g} to {high:.3g})"
    )


def _facts(result: ResultFields) -> list[_Fact]:
    method = result.method
    if result.points:
        method += f", {result.points:,} points per axis"
    if result.extent != (0.0, 1.0):
        method += f", extent {result.extent[0]:g} to {result.extent[1]:g}"
    if result.dim > 1:
        method += f", connectivity {result.connectivity!r}"
    facts = [_Fact("method", method), _Fact("evaluations", f"{result.evaluations:,}")]
    if result.linear_regions is not None:
        facts.append(_Fact("linear regions", f"{float(result.linear_regions.mean()):.4g}"))
    if result.precision == "mixed":
        share = f"{result.reevaluated_share:.1%} of the points again in float32"
        facts.append(_Fact("precision", f"mixed, {share}"))
    return facts + [_Fact("caution", text) for text in _cautions(result)]


def _cautions(result: ResultFields) -> list[str]:
    slices = {
        "incomplete: the budget ended the work early": _where(result.complete, np.logical_not),
        "uncertain: the count may be another": _where(result.uncertain),
        "crowded: float64 cannot tell all breakpoints apart": _where(result.crowded),
        "of length zero: both anchors are one point": _where(result.lengths, np.logical_not),
    }
    total = len(result.counts)
    texts = [f"{number:,} of {total:,} {text}" for text, number in slices.items() if number]
    if result.score_kind in _KINDS:
        texts.append(_KINDS[result.score_kind])
    if result.low_precision is not None:
        texts.append(f"the classifier computes in {result.low_precision}, and rounding is counted")
    return texts


def _where(
    values: np.ndarray | None, wanted: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> int:
    return 0 if values is None else int(np.count_nonzero(wanted(np.asarray(values))))


def _spread(result: ResultFields) -> list[tuple[str, int]]:
    """(count, slices) ascending; neighbouring counts share a line where there are many."""
    counts = np.asarray(result.counts)
    low, high = int(counts.min()), int(counts.max())
    step = math.ceil((high - low + 1) / _MOST_BARS)
    groups, slices = np.unique((counts - low) // step, return_counts=True)
    begins = (low + groups * step).tolist()
    names = [f"{b}" if step == 1 else f"{b} to {b + step - 1}" for b in begins]
    return list(zip(names, slices.tolist(), strict=True))
