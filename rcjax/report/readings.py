"""Statistics taken out of the report's dictionaries, ready to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rcjax.report import words
from rcjax.report.ablations import PREFIX
from rcjax.report.grouping import COUNT

OUTCOMES = {"generalization_gap": "generalization gap", "test_error": "test error"}
NULL, TRIVIAL = "null", "trivial_predictor"
TRIVIAL_NAME = "log(batch size / learning rate)"
NULL_NAME = "random predictors"

# Key of the report -> heading, and what it is.
STATISTICS = {
    "pearson": ("Pearson r", "linear correlation"),
    "spearman": ("Spearman \N{GREEK SMALL LETTER RHO}", "correlation of ranks"),
    "kendall": ("Kendall τ", "agreement on which of two settings is better"),
    "granulated_kendall": (
        "Granulated ψ",
        "Kendall's τ within settings that differ in one hyperparameter only, averaged over "
        "hyperparameters (Jiang et al. 2020)",
    ),
    "conditional_mutual_information": (
        "CMI (%)",
        "conditional mutual information with the sign of differences, in percent of their "
        "entropy, the least over pairs of hyperparameters (PGDL competition)",
    ),
    "partial_correlation": (
        "Partial r",
        "Pearson r of what is left of both after regression on the logarithms of learning rate "
        "and batch size",
    ),
    "partial_rank_correlation": ("Partial \N{GREEK SMALL LETTER RHO}", "the same of ranks"),
    "partial_correlation_within_cells": (
        "r in cells",
        "Pearson r of the differences from the mean of all settings with the same learning rate "
        "and batch size",
    ),
}


@dataclass(frozen=True)
class Reading:
    """A statistic as text: its value and, where known, its interval."""

    text: str
    interval: str = ""
    number: float = float("nan")  # to sort by


def reading(statistics: Mapping[str, Any] | None, key: str) -> Reading:
    """Of one measure; a dash where it is undefined or was not computed."""
    statistics = statistics or {}
    value = statistics.get(key)
    if key == "granulated_kendall" and isinstance(value, Mapping):
        value = value.get("mean")
    ends = words.ends(statistics.get(f"{key}_interval"))
    if not words.known(value):
        return Reading(words.DASH)
    number = float(value)
    if key == "conditional_mutual_information":
        return Reading(words.decimal(number, 1), words.percent_interval(ends), number)
    return Reading(words.correlation(number), words.interval(ends), number)


def measure_name(measure: str) -> str:
    """As a person reads it."""
    if measure == TRIVIAL:
        return TRIVIAL_NAME
    if measure == NULL:
        return NULL_NAME
    return words.field_name(measure)


def measures_of(network: Mapping[str, Any], outcome: str) -> dict[str, Mapping[str, Any]]:
    """Measure -> statistics for an outcome: the region count first, variants left out."""
    found = dict((network.get("outcomes") or {}).get(outcome) or {})
    if outcome == "generalization_gap":
        found.setdefault(COUNT, network)
        for key in (TRIVIAL, NULL):
            if network.get(key):
                found.setdefault(key, network[key])
    order = [name for name in (COUNT, TRIVIAL, NULL) if name in found]
    others = [name for name in found if name not in order and not name.startswith(PREFIX)]
    others.sort(key=lambda name: -_strength(found[name]))
    return {name: found[name] or {} for name in [*order, *others]}


def variants_of(network: Mapping[str, Any], outcome: str) -> dict[str, Mapping[str, Any]]:
    """The same for the variants of the count."""
    found = (network.get("outcomes") or {}).get(outcome) or {}
    return {name: found[name] or {} for name in found if name.startswith(PREFIX)}


def why_undefined(network: Mapping[str, Any]) -> list[str]:
    """The notes that say why there is no correlation of count and gap; all if none is known to.

    Example:
        >>> notes = ["one run per setting", "region_count, path_norm: there are 2 settings"]
        >>> why_undefined({"notes": notes})
        ['region_count, path_norm: there are 2 settings']
    """
    notes = [str(note) for note in network.get("notes") or ()]
    # A note on measures begins with their names.
    reasons = [
        note
        for note in notes
        if COUNT in note.partition(":")[0].split(", ") or "without numbers" in note
    ]
    return reasons or notes


def _strength(statistics: Mapping[str, Any] | None) -> float:
    value = (statistics or {}).get("pearson")
    return abs(value) if words.known(value) else -1.0
