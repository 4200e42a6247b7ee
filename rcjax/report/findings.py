"""What a study shows, in sentences made from its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rcjax.report import words
from rcjax.report.readings import NULL, TRIVIAL, TRIVIAL_NAME
from rcjax.statistics import MINUS_TRIVIAL


@dataclass(frozen=True)
class Finding:
    """Of one network: the result in one sentence, and what it has to be held against."""

    network: str
    result: str
    remarks: tuple[str, ...]


def finding(network: str, statistics: Mapping[str, Any], confidence: float = 0.95) -> Finding:
    """Says what the correlation is, and plainly what weakens it."""
    size = (
        f"{words.plural(statistics.get('settings') or 0, 'setting')} "
        f"({words.plural(statistics.get('runs') or 0, 'run')})"
    )
    value = statistics.get("pearson")
    if not words.known(value):
        return Finding(network, f"over {size} no correlation can be given.", _notes(statistics))
    return Finding(
        network,
        f"over {size} {_direction(value, statistics.get('pearson_interval'))}.",
        tuple(
            remark
            for remark in (
                _null(statistics, confidence),
                _trivial(statistics),
                _partial(statistics),
                _rank_partial(statistics, confidence),
                _cells(statistics, confidence),
                _fitted(statistics),
            )
            if remark
        ),
    )


def overview(networks: Mapping[str, Mapping[str, Any]], pooled: Mapping[str, Any] | None) -> str:
    """All networks in one sentence; empty for a single one."""
    known = [one for one in networks.values() if words.known(one.get("pearson"))]
    if len(known) < 2:
        return ""
    clear = [
        one
        for one in known
        if one["pearson"] > 0
        and words.ends(one.get("pearson_interval"))
        and not _includes_zero(one.get("pearson_interval"))
    ]
    ahead = [one for one in known if _lead(one) > 0]
    text = (
        f"In {len(clear)} of {words.plural(len(networks), 'network')} fewer regions go with a "
        "smaller generalization gap, with an interval that excludes zero; in "
        f"{len(ahead)} of {len(networks)} the count is clearly ahead of the trivial predictor "
        f"{TRIVIAL_NAME}."
    )
    together = ((pooled or {}).get("generalization_gap") or {}).get("region_count") or {}
    if words.known(together.get("pearson")):
        text += f" All networks in one cloud: r = {_with_interval(together, 'pearson')}."
    return text


def _notes(statistics: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(note) for note in statistics.get("notes") or ())


def _with_interval(statistics: Mapping[str, Any], key: str) -> str:
    value = words.correlation(statistics.get(key))
    return f"{value} {words.interval(statistics.get(f'{key}_interval'))}".rstrip()


def _includes_zero(interval: Any) -> bool:
    return _within(0.0, interval)


def _direction(value: float, ends: Any) -> str:
    text = f"Pearson r = {words.correlation(value)} {words.interval(ends)}".rstrip()
    if _includes_zero(ends):
        return (
            "the region count and the generalization gap show no clear relation: "
            f"{text}, an interval that includes zero"
        )
    gap = "smaller" if value > 0 else "larger"
    return f"fewer regions go with a {gap} generalization gap: {text}"


def _null(statistics: Mapping[str, Any], confidence: float) -> str:
    ends = (statistics.get(NULL) or {}).get("pearson_interval")
    if words.ends(ends) is None:
        return ""
    share = words.percent(confidence)
    if _within(statistics["pearson"], ends):
        return (
            f"Random predictors reach as much: {share} of them lie within {words.interval(ends)}."
        )
    return f"{share} of random predictors lie within {words.interval(ends)}."


def _trivial(statistics: Mapping[str, Any]) -> str:
    trivial = statistics.get(TRIVIAL) or {}
    value, own = trivial.get("pearson"), statistics["pearson"]
    if not words.known(value):
        return (
            f"The trivial predictor {TRIVIAL_NAME} has no correlation here, because it is "
            "unknown or the same for all settings."
        )
    shown, lead = _with_interval(trivial, "pearson"), _lead(statistics)
    difference = _difference(statistics)
    if lead > 0 or (lead == 0 and abs(value) < abs(own)):
        which = (
            "less than the count" if lead > 0 else "which these runs do not separate from the count"
        )
        return f"The trivial predictor {TRIVIAL_NAME} reaches {shown}, {which}{difference}."
    better = "does better" if lead < 0 else "does as well or better"
    return (
        f"The trivial predictor {TRIVIAL_NAME} {better}: {shown}{difference}. "
        "So this correlation by itself is no evidence that counting regions tells more than "
        "the hyperparameters."
    )


def _lead(statistics: Mapping[str, Any]) -> int:
    """1 where the count is clearly ahead of the trivial predictor, -1 where behind, 0 where open.

    The interval of the difference decides: both correlations are over the same settings and rise
    and fall together, so that their own intervals overlap even where one is always the larger.
    """
    ends = words.ends(statistics.get(f"{MINUS_TRIVIAL}_interval"))
    return 0 if ends is None else (ends[0] > 0) - (ends[1] < 0)


def _difference(statistics: Mapping[str, Any]) -> str:
    value = statistics.get(MINUS_TRIVIAL)
    ends = words.ends(statistics.get(f"{MINUS_TRIVIAL}_interval"))
    if not words.known(value) or ends is None:
        return ""
    low, high = (words.decimal(end, 3) for end in ends)
    return f" (|r| of the count minus |r| of it: {words.decimal(value, 3)} [{low}, {high}])"


def _within(value: float, interval: Any) -> bool:
    ends = words.ends(interval)
    return ends is not None and ends[0] <= value <= ends[1]


def _partial(statistics: Mapping[str, Any]) -> str:
    value = statistics.get("partial_correlation")
    if not words.known(value):
        return ""
    shown = _with_interval(statistics, "partial_correlation")
    several = "s" * (len(statistics.get("controls") or ()) > 1)
    text = f"Given the logarithm{several} of {_controls(statistics)}, r = {shown}"
    if _includes_zero(statistics.get("partial_correlation_interval")):
        text += ", an interval that includes zero"
    return text + "."


def _rank_partial(statistics: Mapping[str, Any], confidence: float) -> str:
    """The same of ranks: a curved effect of the controls, if it only rises, is not left in them."""
    key = "partial_rank_correlation"
    if not words.known(statistics.get(key)):
        return ""
    return (
        f"Of ranks, given those of {_controls(statistics)}, \N{GREEK SMALL LETTER RHO} = "
        f"{_beside_chance(statistics, key, confidence)}."
    )


def _cells(statistics: Mapping[str, Any], confidence: float) -> str:
    """Among settings that share learning rate and batch size, where these explain nothing."""
    key = "partial_correlation_within_cells"
    if not words.known(statistics.get(key)):
        return ""
    return (
        f"Among settings with the same {_controls(statistics)}, r = "
        f"{_beside_chance(statistics, key, confidence)}."
    )


def _controls(statistics: Mapping[str, Any]) -> str:
    return words.listing([words.field_name(name) for name in statistics.get("controls") or ()])


def _beside_chance(statistics: Mapping[str, Any], key: str, confidence: float) -> str:
    """A correlation, and whether random predictors reach it."""
    value = statistics[key]
    text = words.correlation(value)
    ends = (statistics.get(NULL) or {}).get(f"{key}_interval")
    if words.ends(ends):
        where = "within" if _within(value, ends) else "outside"
        text += (
            f", {where} the {words.interval(ends)} of {words.percent(confidence)} of random "
            "predictors"
        )
    return text


def _fitted(statistics: Mapping[str, Any]) -> str:
    fitted = statistics.get("fitted_only")
    if fitted is None:
        return ""
    left = (statistics.get("runs") or 0) - (fitted.get("runs") or 0)
    text = f"{words.plural(left, 'run')} did not fit the training set; without "
    text += "it" if left == 1 else "them"
    if not words.known(fitted.get("pearson")):
        return f"{text} no correlation can be given."
    return f"{text} r = {_with_interval(fitted, 'pearson')}."
