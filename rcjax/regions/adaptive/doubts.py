"""Decides whether an interval may hold another change of label, and where to look for it.

Every function takes `Intervals` of numpy arrays or of JAX arrays and returns the same kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rcjax.regions.adaptive.interpolation import (
    Intervals,
    crossing,
    interpolate,
    namespace,
    of_class,
    roughness,
)

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
# Places inside an interval, besides the predicted crossing, at which a third class is compared with
# the two at its ends.
PLACES = np.arange(1, 8, dtype=np.float32) / 8

LARGEST_EXCESS = 1e6
TINY = np.finfo(np.float32).tiny


def between_equal_labels(intervals: Intervals, safety: Any) -> Any:
    """The place in (0, 1) where another class may come out on top, NaN where none can.

    The margins are those of the label at both ends. One that is l and r >= 0 at the ends and at
    most q u (1 - u) below its chord stays positive exactly when q < (sqrt(l) + sqrt(r))**2.
    """
    xp = namespace(intervals.left)
    left, right = intervals.left, intervals.right
    dip = (intervals.bend_left + intervals.bend_right) / 2 + safety * roughness(intervals)
    bound = (xp.sqrt(left) + xp.sqrt(right)) ** 2
    # How much too deep each dip is, at most LARGEST_EXCESS. A class with exactly the scores of the
    # label, as the label itself, asks for nothing: 0 > 0 is false.
    too_deep = dip > bound
    floor = xp.where(too_deep, dip / LARGEST_EXCESS, 1)
    excess = xp.where(too_deep, dip / xp.maximum(bound, floor), 0)
    worst = excess.max(axis=0)
    places = 0.5 - (right - left) / (2 * xp.where(too_deep, dip, 1))
    place = xp.where(excess == worst, places, 0).max(axis=0)
    place = xp.clip(place, NEAREST_TO_END, 1 - NEAREST_TO_END)
    return xp.where(intervals.jumps_known > 0, xp.where(worst > 0, place, np.nan), 0.5)


def between_two_labels(
    intervals: Intervals, first: Any, second: Any, safety: Any
) -> tuple[Any, Any]:
    """A place in (0, 1) where a further change of label may be, else NaN; and the crossing.

    The margins are those of the label at the left end, `first`.
    """
    xp = namespace(intervals.left)
    rough_first, rough_second = roughness(intervals), roughness(intervals, second)
    doubt = SINGLE_CROSSING_CAUTION * safety * of_class(rough_first, second) > _fall(
        intervals, second
    )
    meeting = crossing(intervals, second)
    places = xp.broadcast_to(PLACES[:, None], (len(PLACES), len(meeting)))
    u = xp.concatenate([places, meeting[None].astype(np.float32)])
    margins = interpolate(intervals, u)
    allowance = (THIRD_CLASS_CAUTION * safety * u * (1 - u)).astype(np.float32)[:, None]
    lead = xp.maximum(
        margins - allowance * rough_first,
        margins - of_class(margins, second)[:, None] - allowance * rough_second,
    )
    classes = np.arange(intervals.left.shape[0])[:, None]
    ends = (classes == first) | (classes == second)
    lead = xp.where(ends, np.float32(np.inf), lead).min(axis=1)
    lowest = lead.min(axis=0)
    place = xp.where(lead == lowest, u, 1).min(axis=0)
    place = xp.clip(place, NEAREST_TO_END, 1 - NEAREST_TO_END)
    place = xp.where(lowest < 0, place, xp.where(doubt, 0.5, np.nan))
    return xp.where(intervals.jumps_known > 0, place, 0.5), meeting


def towards_crossing(
    intervals: Intervals, second: Any, meeting: Any, width: Any, safety: Any
) -> Any:
    """Steps from the left ends, [intervals], that close in on the changes of label.

    The new point overshoots the predicted crossing by its uncertainty, towards the farther end, so
    that the crossing should end up between the new point and the nearer end.
    """
    xp = namespace(intervals.left)
    u, fall = meeting, _fall(intervals, second)
    caution = CROSSING_PLACE_CAUTION * safety
    error = caution * u * (1 - u) * of_class(roughness(intervals), second)
    overshoot = xp.where(error < fall, error / xp.maximum(fall, TINY), 1)
    upward = xp.ceil((u + overshoot) * width)
    downward = xp.floor((u - overshoot) * width)
    inside = xp.where(u < 0.5, upward, downward)
    # Not sure of gaining more than a bisection would: bisect.
    return xp.where(overshoot < 0.25, inside, width // 2)


def _fall(intervals: Intervals, second: Any) -> Any:
    """By how much the margin over a second class falls from the left end to the right one."""
    return of_class(intervals.left - intervals.right, second)
