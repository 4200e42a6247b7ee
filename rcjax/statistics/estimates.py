"""What the statistics are: a value, its interval, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from rcjax.statistics.design import Design


class Undefined(Enum):
    """Why a statistic has no value."""

    FEW_SETTINGS = auto()
    CONSTANT_MEASURE = auto()
    CONSTANT_OUTCOME = auto()
    NO_TRIVIAL_PREDICTOR = auto()
    NO_AXIS = auto()  # no hyperparameter varies
    NO_PAIRS = auto()  # no two settings differ in this hyperparameter alone
    FEW_AXES = auto()  # fewer than two hyperparameters vary
    NO_PAIRS_IN_CELLS = auto()  # of the conditional information
    UNUSABLE_CONTROL = auto()  # learning rate or batch size has no logarithm somewhere
    NO_CONTROL = auto()  # neither is known and varies
    NOTHING_LEFT = auto()  # given the controls
    NOTHING_LEFT_GIVEN_ALL = auto()
    NOTHING_LEFT_IN_CELLS = auto()
    FEW_FOR_FLEXIBLE = auto()  # regression
    NOISE = auto()  # seeds differ as much as settings do
    NO_HALVES = auto()  # of slices or test examples
    NOT_RECORDED = auto()  # in any run
    NO_MATCHED_SETTINGS = auto()  # settings that differ in this hyperparameter alone
    NOTHING_OVER_SEEDS = auto()  # no setting has two runs that differ


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


def holding(value: float, interval: Interval | None) -> Interval | None:
    """An interval of a value, which holds it: resamples add noise, and may all lie on one side.

    >>> holding(0.9, Interval(0.1, 0.8))
    Interval(low=0.1, high=0.9)
    """
    if interval is None:
        return None
    return Interval(min(interval.low, value), max(interval.high, value))


class Chance(NamedTuple):
    """What a measure's own values reach in random order, and how often they reach the estimate."""

    interval: Interval
    p: float


@dataclass(frozen=True)
class Estimate:
    """A statistic.

    Attributes:
        value: None where undefined.
        interval: of the bootstrap, where there is one; it holds the value.
        undefined: the reason why there is no value.
        chance: of the measure's own values, where it is computed.
    """

    value: float | None = None
    interval: Interval | None = None
    undefined: Undefined | None = None
    chance: Chance | None = None


@dataclass(frozen=True)
class MeasureStatistics:
    """All statistics of one measure against one outcome; docs/statistics.md defines them.

    Attributes:
        design: of the settings in which both are known.
        settings, runs: the numbers of these.
        along: the granulated coefficient by hyperparameter; `granulated_kendall` is their mean.
    """

    design: Design
    settings: int
    runs: int
    pearson: Estimate = Estimate()
    spearman: Estimate = Estimate()
    kendall: Estimate = Estimate()
    granulated_kendall: Estimate = Estimate()
    along: Mapping[str, Estimate] = field(default_factory=dict)
    conditional_mutual_information: Estimate = Estimate()
    partial_correlation: Estimate = Estimate()
    partial_rank_correlation: Estimate = Estimate()
    partial_correlation_given_all: Estimate = Estimate()
    partial_correlation_flexible: Estimate = Estimate()
    partial_correlation_within_cells: Estimate = Estimate()
    correlation_over_seeds: Estimate = Estimate()
    pearson_noise_corrected: Estimate = Estimate()
    pearson_minus_trivial: Estimate = Estimate()

    def estimates(self) -> dict[str, Estimate]:
        """Every statistic by its name."""
        return {name: getattr(self, name) for name in STATISTICS}


STATISTICS = (
    "pearson",
    "spearman",
    "kendall",
    "granulated_kendall",
    "conditional_mutual_information",
    "partial_correlation",
    "partial_rank_correlation",
    "partial_correlation_given_all",
    "partial_correlation_flexible",
    "partial_correlation_within_cells",
    "correlation_over_seeds",
    "pearson_noise_corrected",
    "pearson_minus_trivial",
)


def undefined(design: Design, runs: int, why: Undefined) -> MeasureStatistics:
    """The statistics of a measure of which none has a value."""
    nothing = Estimate(undefined=why)
    return MeasureStatistics(
        design,
        len(design.settings),
        runs,
        along=dict.fromkeys(design.codes, nothing),
        **dict.fromkeys(STATISTICS, nothing),
    )
