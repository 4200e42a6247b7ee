"""Decides whether an interval may hold another change of label, and where to look for it.

Every function takes `Intervals` of numpy arrays or of JAX arrays and returns the same kind.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rcjax.regions.adaptive.interpolation import (
    PLACES,
    Intervals,
    bends,
    crossing,
    mixed,
    namespace,
    of_class,
    roughness,
    stacked,
    total,
)
from rcjax.regions.types import Values

# Where regions meet, a third class needs only a small error to come out on top, and there are few
# such intervals: they get a multiple of the safety factor that all others get.
THIRD_CLASS_CAUTION = 2.0
# A margin that changes sign is taken to do so once when it falls by more than this share of the
# safety factor times its error scale.
SINGLE_CROSSING_CAUTION = 0.5
# A crossing is located with less caution: a wrong guess costs one point, not a region.
CROSSING_PLACE_CAUTION = 0.25
# New points keep away from the ends of their interval, so that every round makes progress.
NEAREST_TO_END = 0.25

LARGEST_EXCESS = 1e6
TINY = np.finfo(np.float32).tiny


def between_equal_labels(intervals: Intervals[Values], safety: float | Values) -> Values:
    """The place in (0, 1) where another class may come out on top, NaN where none can.

    The margins are those of the label at both ends. One that is l and r >= 0 at the ends and at
    most q u (1 - u) below its chord stays positive exactly when q < (sqrt(l) + sqrt(r))**2.
    """
    xp = namespace(intervals.left)
    left, right = intervals.left, intervals.right
    dip = total(intervals.pulls.sum(axis=0) / 2, intervals.jumps[:, 1:3])
    dip = dip + safety * roughness(intervals)
    bound = (xp.sqrt(left) + xp.sqrt(right)) ** 2
    if xp is np:  # nearly all intervals are as good as their chord
        place = xp.full(left.shape[1], np.nan, np.float32)
        doubtful = np.flatnonzero((dip > bound).any(axis=0))
        if len(doubtful):
            place[doubtful] = _deepest(*(v[:, doubtful] for v in (dip, bound, left, right)))
    else:
        place = _deepest(dip, bound, left, right)
    known: Values = xp.where(intervals.jumps_known > 0, place, 0.5)
    return known


def _deepest(dip: Values, bound: Values, left: Values, right: Values) -> Values:
    """The place of the dip that is deepest beside its bound, NaN where none is too deep."""
    xp = namespace(dip)
    # How much too deep each dip is, at most LARGEST_EXCESS. A class with exactly the scores of the
    # label, as the label itself, asks for nothing: 0 > 0 is false.
    too_deep = dip > bound
    floor = xp.where(too_deep, dip / LARGEST_EXCESS, 1)
    excess = xp.where(too_deep, dip / xp.maximum(bound, floor), 0)
    worst = excess.max(axis=0)
    places = 0.5 - (right - left) / (2 * xp.where(too_deep, dip, 1))
    place = xp.where(excess == worst, places, 0).max(axis=0)
    place = _inside(place)
    deepest: Values = xp.where(worst > 0, place, np.nan)
    return deepest


def between_two_labels(
    intervals: Intervals[Values], first: Values, second: Values, safety: float | Values
) -> tuple[Values, Values]:
    """A place in (0, 1) where a further change of label may be, else NaN; and the crossing.

    The margins are those of the label at the left end, `first`.
    """
    xp = namespace(intervals.left)
    # The margins over either label as sums of five terms: the cubic's four, and the roughness.
    rough_first, rough_second = roughness(intervals), roughness(intervals, second)
    terms = [intervals.left, intervals.right, *bends(intervals), rough_first]
    of_first = xp.stack(terms, axis=1)
    between = of_class(of_first, second)
    of_second = xp.concatenate([of_first[:, :4] - between[:4], rough_second[:, None]], axis=1)
    meeting = crossing(*between[:4])
    classes = np.arange(len(intervals.left))[:, None]
    ends = ((classes == first) | (classes == second))[:, None]

    def least_lead(of_label: Callable[[Values], Values]) -> Values:
        """The least lead of the label on top over any third class, [places, n]."""
        lead = xp.maximum(of_label(of_first), of_label(of_second))
        least: Values = xp.where(ends, np.float32(np.inf), lead).min(axis=0)
        return least

    inner, at_meeting = _terms(xp.asarray(PLACES), safety).T, _terms(meeting, safety)
    lead = xp.concatenate(
        [
            least_lead(lambda terms: mixed(inner, terms)),
            least_lead(lambda terms: total(at_meeting, terms)[:, None]),
        ]
    )
    # One place after the other from the left; of several that are equally low, the first.
    lowest = lead.min(axis=0)
    places = xp.where(lead[:-1] == lowest, PLACES[:, None], 1).min(axis=0)
    place = xp.minimum(places, xp.where(lead[-1] == lowest, meeting, 1))
    place = _inside(place)
    doubt = SINGLE_CROSSING_CAUTION * safety * between[4] > between[0] - between[1]
    place = xp.where(lowest < 0, place, xp.where(doubt, 0.5, np.nan))
    return xp.where(intervals.jumps_known > 0, place, 0.5), meeting


def _inside(place: Values) -> Values:
    xp = namespace(place)
    inside: Values = xp.minimum(xp.maximum(place, NEAREST_TO_END), 1 - NEAREST_TO_END)
    return inside


def _terms(u: Values, safety: float | Values) -> Values:
    """Weights at u of the left end, the right end, both bends and the roughness, [5, *u.shape]."""
    bend = -u * (1 - u)
    allowance = THIRD_CLASS_CAUTION * safety * bend
    return stacked([1 - u, u, bend * (1 - u), bend * u, allowance])


def towards_crossing(
    intervals: Intervals[Values],
    second: Values,
    meeting: Values,
    width: Values,
    safety: float | Values,
) -> Values:
    """Steps from the left ends, [intervals], that close in on the changes of label.

    The new point overshoots the predicted crossing by its uncertainty, towards the farther end, so
    that the crossing should end up between the new point and the nearer end.
    """
    xp = namespace(intervals.left)
    u, fall = meeting, of_class(intervals.left - intervals.right, second)
    caution = CROSSING_PLACE_CAUTION * safety
    error = caution * u * (1 - u) * of_class(roughness(intervals), second)
    overshoot = xp.where(error < fall, error / xp.maximum(fall, TINY), 1)
    upward = xp.ceil((u + overshoot) * width)
    downward = xp.floor((u - overshoot) * width)
    inside = xp.where(u < 0.5, upward, downward)
    # Not sure of gaining more than a bisection would: bisect.
    steps: Values = xp.where(overshoot < 0.25, inside, width // 2)
    return steps
