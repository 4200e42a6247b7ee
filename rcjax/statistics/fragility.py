"""Does what the count says survive other hyperparameters and other ways to count?"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.correlation import ranks
from rcjax.statistics.estimates import Estimate, Undefined
from rcjax.statistics.names import COUNT, GAP, VARIANT
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options
from rcjax.statistics.relation import Relation, relation
from rcjax.statistics.study_rows import (
    Axis,
    NetworkRows,
    Setting,
    axes_of,
    identity,
    is_number,
    values_of,
)

_MOST_LEVELS = 6  # numbers with more values are looked at by thirds


@dataclass(frozen=True)
class Level:
    """The settings at one value of a hyperparameter, or between two of them.

    Attributes:
        values: the one value, or the least and the greatest.
        with_gap: the correlations of count and gap over these settings.
    """

    values: tuple[Any, ...]
    with_gap: Relation


@dataclass(frozen=True)
class Neighbours:
    """Settings that differ in nothing but the step from one value to the next.

    Attributes:
        values: the two.
        settings: pairs of settings that are there at both.
        count, gap: rank correlation of their counts, and of their gaps, at the two values.
        reversed: the share of all pairs of matched settings, equal counts left out, that the count
            orders the other way round at the other value; the value alone.
    """

    values: tuple[Any, Any]
    settings: int
    count: Estimate
    gap: Estimate
    reversed: Estimate


@dataclass(frozen=True)
class AxisAudit:
    """What becomes of the count along one hyperparameter.

    Attributes:
        axis: its name.
        levels: in their order.
        neighbours: steps between neighbouring values; empty where values are taken by thirds.
        steps: between neighbouring levels whose correlations with the gap are both known.
        sign_changes: of these, in how many the two differ in sign.
    """

    axis: str
    levels: tuple[Level, ...]
    neighbours: tuple[Neighbours, ...]
    steps: int
    sign_changes: int


@dataclass(frozen=True)
class VariantAudit:
    """Another definition of the count: does it order the settings as the count does?"""

    name: str
    with_count: Relation
    with_gap: Relation


@dataclass(frozen=True)
class Fragility:
    """Everything that the count is tried against."""

    whole: Relation
    axes: tuple[AxisAudit, ...]
    variants: tuple[VariantAudit, ...]


def fragility(network: NetworkRows, resamples: Resamples, options: Options) -> Fragility:
    """Correlations within every value of every hyperparameter, and orders at neighbouring ones.

    Args:
        network: its settings with a known count and gap.
        resamples: of settings and runs.
        options: of the intervals.

    Source: arXiv:2510.18934 asks what becomes of a measure of generalization under small changes
    of the training; the pairs that differ in one hyperparameter alone
    are those of Jiang et al. 2020.
    """
    settings = network.with_numbers

    def with_gap(own: Sequence[Setting], name: str = COUNT) -> Relation:
        return relation(values_of(own, name), values_of(own, GAP), resamples, options)

    audits = []
    for axis in axes_of([setting.settings for setting in settings]):
        groups = _groups(axis, settings)
        levels = tuple(Level(values, with_gap(own)) for values, own in groups)
        signs = [
            (a.with_gap.spearman.value, b.with_gap.spearman.value)
            for a, b in itertools.pairwise(levels)
        ]
        known = [(a, b) for a, b in signs if a is not None and b is not None]
        by_value = len(groups) == len(axis.levels)
        audits.append(
            AxisAudit(
                axis.name,
                levels,
                tuple(_neighbours(axis, settings, resamples, options)) if by_value else (),
                len(known),
                sum(a * b < 0 for a, b in known),
            )
        )
    variants = [name for name in network.measures if name.startswith(VARIANT)]
    return Fragility(
        with_gap(settings),
        tuple(audits),
        tuple(
            VariantAudit(
                name,
                relation(values_of(settings, name), values_of(settings, COUNT), resamples, options),
                with_gap(settings, name),
            )
            for name in variants
        ),
    )


def _groups(axis: Axis, settings: Sequence[Setting]) -> list[tuple[tuple[Any, ...], list[Setting]]]:
    """The settings of every value, or of every third where numbers have many values."""
    places = np.array([axis.place(setting.settings) for setting in settings])
    levels = axis.levels
    if len(levels) > _MOST_LEVELS and all(is_number(v) and v == v for v in levels):
        third = (3 * (ranks(places) - 0.5) // len(places)).astype(int)
    else:
        third = places
    found = []
    for group in np.unique(third):
        inside = third == group
        own = [levels[place] for place in sorted(set(places[inside].tolist()))]
        ends_of = (own[0],) if len(own) == 1 else (own[0], own[-1])
        found.append((ends_of, [s for s, kept in zip(settings, inside, strict=True) if kept]))
    return found


def _neighbours(
    axis: Axis, settings: Sequence[Setting], resamples: Resamples, options: Options
) -> list[Neighbours]:
    by_level: list[dict[Any, Setting]] = [{} for _ in axis.levels]
    for setting in settings:
        by_level[axis.place(setting.settings)][_others(setting.settings, axis.name)] = setting
    found = []
    for place in range(len(axis.levels) - 1):
        here, there = by_level[place], by_level[place + 1]
        shared = [key for key in here if key in there]
        x, y = (
            {
                name: np.array([[own[key].mean(name)] for key in shared]).reshape(-1, 1)
                for name in (COUNT, GAP)
            }
            for own in (here, there)
        )
        count, gap = (
            relation(x[name], y[name], resamples, options).spearman for name in (COUNT, GAP)
        )
        if len(shared) < FEWEST_SETTINGS:
            count = gap = Estimate(undefined=Undefined.NO_MATCHED_SETTINGS)
        found.append(
            Neighbours(
                (axis.levels[place], axis.levels[place + 1]),
                len(shared),
                count,
                gap,
                _reversed(x[COUNT][:, 0], y[COUNT][:, 0], count),
            )
        )
    return found


def _reversed(x: np.ndarray, y: np.ndarray, count: Estimate) -> Estimate:
    """Of pairs untied in both, the share in the other order."""
    if count.value is None:
        return Estimate(undefined=count.undefined)
    a, b = np.triu_indices(len(x), k=1)
    signs = np.sign(x[a] - x[b]) * np.sign(y[a] - y[b])
    untied = np.count_nonzero(signs)
    if not untied:
        return Estimate(undefined=Undefined.CONSTANT_MEASURE)
    return Estimate(float((signs < 0).sum() / untied))


def _others(settings: Mapping[str, Any], axis: str) -> frozenset[Any]:
    return frozenset((name, identity(v)) for name, v in settings.items() if name != axis)
