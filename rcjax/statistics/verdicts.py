"""What the statistics of a network allow to be said, as values."""

from dataclasses import dataclass
from enum import Enum
from math import sqrt, tanh
from statistics import NormalDist

from rcjax.statistics.estimates import Estimate, Interval, MeasureStatistics


class Sign(Enum):
    """What an estimate shows at the study's confidence; OPEN where chance would do."""

    POSITIVE = 1
    OPEN = 0
    NEGATIVE = -1


@dataclass(frozen=True)
class Verdict:
    """What a measure shows; None where the statistic is undefined.

    Attributes:
        relation: with the outcome: the interval excludes 0, and the measure's own values do not
            reach it by chance.
        lead: over the trivial predictor: the interval of the difference excludes 0, and pairs of
            both swapped at random do not reach it.
        given_ranks: given the ranks of learning rate and batch size.
        in_cells: among settings with the same learning rate and batch size.
        over_seeds: among runs that differ in nothing but the seed.
    """

    relation: Sign | None
    lead: Sign | None
    given_ranks: Sign | None
    in_cells: Sign | None
    over_seeds: Sign | None


def verdict(found: MeasureStatistics, confidence: float) -> Verdict:
    """What a measure shows at a confidence."""
    relation = _beyond_chance(found.pearson, confidence)
    lead = _beyond_chance(found.pearson_minus_trivial, confidence)
    return Verdict(
        None if relation is None else _both(relation, _sign(found.pearson.interval)),
        None if lead is None else _both(lead, _sign(found.pearson_minus_trivial.interval)),
        _beyond_chance(found.partial_rank_correlation, confidence),
        _beyond_chance(found.partial_correlation_within_cells, confidence),
        _beyond_chance(found.correlation_over_seeds, confidence),
    )


def detectable(settings: int, confidence: float, power: float = 0.8) -> float | None:
    """The correlation that a study of so many settings finds in `power` of the cases.

    By Fisher's approximation of the distribution of r; None for fewer than 4 settings.

    >>> round(detectable(27, 0.95), 2)
    0.52
    """
    if settings < 4:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)
    return tanh(reach / sqrt(settings - 3))


def _beyond_chance(estimate: Estimate, confidence: float) -> Sign | None:
    if estimate.value is None or estimate.chance is None:
        return None
    if estimate.chance.p > 1 - confidence:
        return Sign.OPEN
    return Sign.POSITIVE if estimate.value > 0 else Sign.NEGATIVE


def _both(first: Sign, second: Sign) -> Sign:
    return first if first is second else Sign.OPEN


def _sign(interval: Interval | None) -> Sign:
    """The sign of all values in an interval; OPEN where it holds 0 or is unknown."""
    if interval is None or interval.holds(0.0):
        return Sign.OPEN
    return Sign.POSITIVE if interval.low > 0 else Sign.NEGATIVE
