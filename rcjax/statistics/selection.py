"""Choosing a network without test data: how much accuracy each way to choose gives away."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from rcjax.array_types import Float, Int
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.design import Design
from rcjax.statistics.estimates import Estimate, Interval, Undefined, holding
from rcjax.statistics.names import (
    COUNT,
    HIGHER_IS_BETTER,
    OTHER_HALF,
    RANDOM,
    TEST_ACCURACY,
    TEST_ERROR,
    TRAIN_LOSS,
    TRIVIAL,
    VALIDATION,
    VARIANT,
)
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options
from rcjax.statistics.study_rows import Setting

CANDIDATES = (2, 10, 100)  # networks to choose from; as many as half of the runs at most
EXAMPLES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # of a validation set
VALIDATION_SETS = 40  # simulated for each number of examples
_SETS_RESAMPLED = 4  # of these, in the resamples
_MOST_RESAMPLED = 150_000  # runs times resamples of each; of large studies fewer resamples

_Runs = Float[np.ndarray, " runs"]
_Drawn = Float[np.ndarray, " resamples"]


@dataclass(frozen=True)
class Regret:
    """What a way to choose gives away.

    Attributes:
        rule: a measure, `names.TRIVIAL`, `names.TRAIN_LOSS`, `names.RANDOM`, `names.VALIDATION`
            or `names.OTHER_HALF`.
        examples: of the validation set; None for the others.
        candidates: networks to choose from.
        runs: the candidates are drawn from; those in which the rule's value is known.
        mean: percentage points of test accuracy between the best candidate and the chosen one.
        minus_count: mean less that of choosing by fewest regions, among the same candidates.
        validation: examples of the smallest validation set that chooses as well or better; the
            value is None where no set of `EXAMPLES` does, an end of the interval infinite.
    """

    rule: str
    examples: int | None
    candidates: int
    runs: int
    mean: Estimate
    minus_count: Estimate
    validation: Estimate


@dataclass(frozen=True)
class Selection:
    """Every way to choose among the networks of some settings, by number of candidates.

    Attributes:
        settings, runs: with a known count and test accuracy.
        regrets: of every rule; empty where too few runs.
        undefined: why there are none.
    """

    settings: int
    runs: int
    regrets: tuple[Regret, ...]
    undefined: Undefined | None = None


def selection(settings: Sequence[Setting], options: Options) -> Selection:
    """The mean regret of every way to choose.

    Candidates are k different runs, every set of k runs alike. Runs are chosen by the least value
    of a measure, by the greatest of `HIGHER_IS_BETTER`; equal values are chosen alike often. Means
    over all sets and over ties are exact.

    A validation set of n examples is simulated: every run has binomial(n, test accuracy) right.
    So the examples are new ones and networks err independently of each other. Networks of one study
    err on the same examples in truth, which makes real validation sets tell them apart better: n is
    what suffices, not what is needed. `OTHER_HALF` chooses by one half of the test examples and
    counts regret on the other, both ways, without assuming anything.

    Intervals resample settings, each with all of its runs. Runs drawn twice compete with
    themselves, so the resampled means are moved to the mean of all runs.

    Args:
        settings: without collapsed runs.
        options: of the intervals.

    Source: Jiang et al. 2020 (arXiv:1912.02178) select by measures; Hoeffding, "A class of
    statistics with asymptotically normal distribution", 1948, for means over all sets.
    """
    table = _Table(settings, options)
    size = len(table.setting_names), len(table.accuracy)
    if size[0] < FEWEST_SETTINGS or not table.sizes:
        return Selection(*size, (), Undefined.FEW_SETTINGS)
    if np.ptp(table.accuracy) == 0:
        return Selection(*size, (), Undefined.CONSTANT_OUTCOME)
    return Selection(*size, tuple(_regrets(table, options)))


class _Table:
    """The runs whose count and test accuracy are known, with the multiplicities of resamples."""

    def __init__(self, settings: Sequence[Setting], options: Options):
        pairs = [
            (place, row)
            for place, setting in enumerate(settings)
            for row in setting.rows
            if np.isfinite(row.count) and np.isfinite(row.value(TEST_ACCURACY))
        ]
        self.rows = [row for _, row in pairs]
        self.setting_names, self.setting = np.unique(
            np.array([place for place, _ in pairs], int), return_inverse=True
        )
        self.accuracy = np.array([row.value(TEST_ACCURACY) for row in self.rows])
        number, runs = len(self.setting_names), max(1, len(self.rows))
        generator = np.random.default_rng([options.seed, 7])
        samples = min(options.bootstrap_samples, max(200, _MOST_RESAMPLED // runs))
        self.drawn = np.zeros((samples, number), int)
        for sample in range(samples):
            places = generator.integers(max(1, number), size=number)
            self.drawn[sample] = np.bincount(places, minlength=number)
        right = np.clip(self.accuracy / 100.0, 0.0, 1.0)
        self.validation = {
            examples: -generator.binomial(examples, right, size=(VALIDATION_SETS, len(right)))
            for examples in EXAMPLES
        }
        trivial = Design(settings).trivial_predictor
        measures = dict.fromkeys(name for row in self.rows for name in row.measures)
        self.rules: dict[str, _Runs | None] = {
            COUNT: np.array([row.count for row in self.rows]),
            TRIVIAL: None if trivial is None else trivial[[place for place, _ in pairs]],
            TRAIN_LOSS: np.array([row.train_loss for row in self.rows]),
            **{
                name: (-1.0 if name in HIGHER_IS_BETTER else 1.0)
                * np.array([row.value(name) for row in self.rows])
                for name in measures
                if name not in (COUNT, TRAIN_LOSS) and not name.startswith(VARIANT)
            },
        }
        self.errors_of_halves = np.array([row.halves_of(TEST_ERROR) for row in self.rows]).reshape(
            -1, 2
        )
        self.sizes = [size for size in CANDIDATES if 2 * size <= len(self.rows)]
        self._best: dict[Any, Float[np.ndarray, "sizes samples"]] = {}

    def regrets(
        self, values: Float[np.ndarray, "orders runs"], accuracy: _Runs, orders: int = 1
    ) -> "_Found":
        """Mean over orders of all runs with a value, and over the first orders in resamples."""
        once = np.ones((1, len(self.setting_names)), int)
        whole = [self._regret(own, accuracy, once) for own in values]
        drawn = [self._regret(own, accuracy, self.drawn) for own in values[:orders]]
        return _Found(np.mean(whole, axis=0)[:, 0], np.mean(drawn, axis=0))

    def _regret(
        self, values: _Runs, accuracy: _Runs, drawn: Int[np.ndarray, "samples settings"]
    ) -> Float[np.ndarray, "sizes samples"]:
        kept = np.isfinite(values) & np.isfinite(accuracy)
        own, times = accuracy[kept], drawn[:, self.setting[kept]]
        key = len(drawn), own.tobytes(), kept.tobytes()
        if key not in self._best:
            self._best[key] = _mean_of_least(-own, own, times, self.sizes)
        return np.asarray(self._best[key] - _mean_of_least(values[kept], own, times, self.sizes))


class _Found(NamedTuple):
    """Mean regrets by number of candidates, of all runs and of resamples."""

    value: Float[np.ndarray, " sizes"]
    drawn: Float[np.ndarray, "sizes samples"]

    def less(self, other: "_Found") -> "_Found":
        return _Found(self.value - other.value, self.drawn - other.drawn)

    def moved(self, place: int) -> _Drawn:
        """The resamples of one size, with the mean of all runs as theirs."""
        drawn = self.drawn[place]
        return np.asarray(drawn - np.nanmean(drawn) + self.value[place])

    def estimate(self, place: int, options: Options, least: float = -np.inf) -> Estimate:
        value = float(self.value[place])
        if not np.isfinite(value):
            return Estimate(undefined=Undefined.FEW_SETTINGS)
        drawn = np.maximum(self.moved(place), least)
        return Estimate(value, holding(value, percentile_interval(drawn, options.confidence)))


def _mean_of_least(
    values: _Runs,
    accuracy: _Runs,
    times: Int[np.ndarray, "samples runs"],
    sizes: Sequence[int],
) -> Float[np.ndarray, "sizes samples"]:
    """Mean accuracy of the run of least value in all sets of a size; each run is there `times`."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    times = times[:, order]
    number = np.add.reduceat(times, starts, axis=1)
    right = np.add.reduceat(times * accuracy[order], starts, axis=1) / np.maximum(number, 1)
    total = number.sum(axis=1, keepdims=True)
    left = np.concatenate([total, total - np.cumsum(number, axis=1)], axis=1)
    found = []
    for size in sizes:
        # Of all sets, the share that lies within the runs from here on: C(m, size) / C(all, size).
        most = np.arange(left.max() + 1)
        ways = np.full(len(most), -np.inf)
        ways[size:] = gammaln(most[size:] + 1) - gammaln(most[size:] - size + 1)
        with np.errstate(invalid="ignore"):  # NaN where a resample has fewer runs
            share = np.exp(ways[left] - ways[total])
        found.append(((share[:, :-1] - share[:, 1:]) * right).sum(axis=1))
    return np.stack(found)


def _regrets(table: _Table, options: Options) -> Iterator[Regret]:
    accuracy, runs = table.accuracy, len(table.accuracy)
    count = table.rules[COUNT]
    assert count is not None  # runs without a count are no candidates
    of_count = table.regrets(count[None], accuracy)
    curve = {
        examples: table.regrets(values.astype(float), accuracy, _SETS_RESAMPLED)
        for examples, values in table.validation.items()
    }

    def regret(
        rule: str, own: _Found, rival: _Found, known: int = runs, examples: int | None = None
    ) -> Iterator[Regret]:
        for place, size in enumerate(table.sizes):
            if known < 2 * size:
                yield _nothing(rule, size, known, Undefined.FEW_SETTINGS)
                continue
            # Of other runs, or of its own kind, a validation set is nothing to be held against.
            compared = known == runs and rule not in (VALIDATION, OTHER_HALF)
            yield Regret(
                rule,
                examples,
                size,
                known,
                own.estimate(place, options, least=0.0),
                own.less(rival).estimate(place, options),
                _wins(own, curve, place, options) if compared else Estimate(),
            )

    for rule, values in table.rules.items():
        why = _why_undefined(values)
        if why is not None or values is None:
            known = 0 if values is None else int(np.isfinite(values).sum())
            yield from (_nothing(rule, size, known, why) for size in table.sizes)
            continue
        known = np.isfinite(values)
        same = np.where(known, count, np.nan)
        rival = of_count if known.all() else table.regrets(same[None], accuracy)
        yield from regret(rule, table.regrets(values[None], accuracy), rival, int(known.sum()))
    yield from regret(RANDOM, table.regrets(np.zeros((1, runs)), accuracy), of_count)
    for examples, own in curve.items():
        yield from regret(VALIDATION, own, of_count, examples=examples)
    yield from _by_halves(table, count, regret)


def _by_halves(
    table: _Table, count: _Runs, regret: Callable[..., Iterator[Regret]]
) -> Iterator[Regret]:
    halves = 100.0 - table.errors_of_halves
    known = np.isfinite(halves).all(axis=1)
    if known.sum() < 2 * CANDIDATES[0] or (np.ptp(halves[known], axis=0) == 0).any():
        return
    both = []
    for by in (lambda by: -by, lambda by: np.where(known, count, np.nan)):
        ways = [table.regrets(by(halves[:, i])[None], halves[:, 1 - i]) for i in (0, 1)]
        both.append(_Found(*(np.mean(parts, axis=0) for parts in zip(*ways, strict=True))))
    yield from regret(OTHER_HALF, both[0], both[1], int(known.sum()))


def _nothing(rule: str, size: int, known: int, why: Undefined | None) -> Regret:
    nothing = Estimate(undefined=why)
    return Regret(rule, None, size, known, nothing, nothing, nothing)


def _why_undefined(values: _Runs | None) -> Undefined | None:
    if values is None:
        return Undefined.NO_TRIVIAL_PREDICTOR
    known = values[np.isfinite(values)]
    if not known.size:
        return Undefined.NOT_RECORDED
    return Undefined.CONSTANT_MEASURE if np.ptp(known) == 0 else None


def _wins(rule: _Found, curve: Mapping[int, _Found], place: int, options: Options) -> Estimate:
    """The least number of examples of which a validation set chooses as well as a rule."""
    examples = np.array([*curve, np.inf])
    wins = np.stack([own.moved(place) <= rule.moved(place) for own in curve.values()])
    drawn = examples[np.argmax(np.concatenate([wins, np.ones((1, wins.shape[1]))]), axis=0)]
    whole = [own.value[place] <= rule.value[place] for own in curve.values()]
    value = float(examples[np.argmax([*whole, True])])
    tail = (1.0 - options.confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail], method="inverted_cdf")
    interval = holding(value, Interval(float(low), float(high)))
    return Estimate(value if np.isfinite(value) else None, interval)
