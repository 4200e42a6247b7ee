"""Decides which intervals need one more point, and where to put it."""

from __future__ import annotations

import numpy as np

from rcjax.regions.adaptive.interpolation import (
    Intervals,
    crossing,
    gather,
    interpolate,
    pick,
    roughness,
    select,
)
from rcjax.regions.adaptive.points import Points, label_changes, open_intervals

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


def by_scores(points: Points, safety: float, locate: bool) -> tuple[np.ndarray, np.ndarray]:
    """Segments and positions, int64 [new points], of the points that the scores ask for."""
    at = open_intervals(points)
    intervals = gather(points, at)
    first, second = points.labels[at], points.labels[at + 1]
    place = np.full(len(at), np.nan)
    informed = intervals.jumps_known > 0
    place[~informed] = 0.5
    same = np.flatnonzero(informed & (first == second))
    place[same] = _same_label(select(intervals, same), first[same], safety)
    differ = np.flatnonzero(informed & (first != second))
    place[differ] = _two_labels(select(intervals, differ), first[differ], second[differ], safety)
    wanted = ~np.isnan(place)
    inside = np.rint(place[wanted] * intervals.width[wanted]).astype(np.int64)
    position = intervals.start[wanted] + np.clip(inside, 1, intervals.width[wanted] - 1)
    slice_index = points.slice_index[at[wanted]]
    if not locate:
        return slice_index, position
    settled = np.setdiff1d(label_changes(points), at[wanted])
    located_slice, located = _towards_crossing(points, settled, safety)
    return np.concatenate([slice_index, located_slice]), np.concatenate([position, located])


def by_labels(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the intervals whose ends have different labels."""
    at = label_changes(points)
    width = points.position[at + 1] - points.position[at]
    at, width = at[width > 1], width[width > 1]
    return points.slice_index[at], points.position[at] + width // 2


def _same_label(intervals: Intervals, label: np.ndarray, safety: float) -> np.ndarray:
    """The place in (0, 1) where another class may come out on top, NaN where none can.

    A margin that is l and r >= 0 at the ends and at most q u (1 - u) below its chord stays
    positive exactly when q < (sqrt(l) + sqrt(r))**2.
    """
    left = pick(intervals.left, label) - intervals.left
    right = pick(intervals.right, label) - intervals.right
    bend = (intervals.bend_left + intervals.bend_right) / 2
    dip = pick(bend, label) - bend + safety * roughness(intervals, label)
    bound = (np.sqrt(left) + np.sqrt(right)) ** 2
    # How much too deep each dip is, at most LARGEST_EXCESS. A class with exactly the scores of
    # `label` asks for nothing: 0 > 0 is false.
    too_deep = dip > bound
    floor = np.where(too_deep, dip / LARGEST_EXCESS, 1)
    excess = np.where(too_deep, dip / np.maximum(bound, floor), 0)
    np.put_along_axis(excess, label[:, None], 0, axis=1)
    rival = excess.argmax(axis=1)
    at_risk = pick(excess, rival)[:, 0] > 0
    deepest = np.where(at_risk, pick(dip, rival)[:, 0], 1)
    place = 0.5 - (pick(right, rival) - pick(left, rival))[:, 0] / (2 * deepest)
    return np.where(at_risk, np.clip(place, NEAREST_TO_END, 1 - NEAREST_TO_END), np.nan)


def _two_labels(
    intervals: Intervals, first: np.ndarray, second: np.ndarray, safety: float
) -> np.ndarray:
    """A place in (0, 1) when there may be more than one change of label inside, else NaN."""
    rough_first, rough_second = roughness(intervals, first), roughness(intervals, second)
    change = pick(intervals.right - intervals.left, second) - pick(
        intervals.right - intervals.left, first
    )
    doubt = SINGLE_CROSSING_CAUTION * safety * pick(rough_first, second) > change
    lowest = np.full(len(first), np.inf, np.float32)
    place = np.full(len(first), 0.5)
    meeting = crossing(intervals, first, second)
    for u in [*np.broadcast_to(PLACES, (len(first), len(PLACES))).T, meeting]:
        scores = interpolate(intervals, u)
        allowance = (THIRD_CLASS_CAUTION * safety * u * (1 - u)).astype(np.float32)[:, None]
        above_first = pick(scores, first) - scores - allowance * rough_first
        above_second = pick(scores, second) - scores - allowance * rough_second
        lead = np.maximum(above_first, above_second)
        np.put_along_axis(lead, np.stack([first, second], axis=1), np.inf, axis=1)
        lead = lead.min(axis=1)
        place = np.where(lead < lowest, u, place)
        lowest = np.minimum(lead, lowest)
    third = lowest < 0
    place = np.where(third, np.clip(place, NEAREST_TO_END, 1 - NEAREST_TO_END), 0.5)
    return np.where(third | doubt[:, 0], place, np.nan)


def _towards_crossing(
    points: Points, at: np.ndarray, safety: float
) -> tuple[np.ndarray, np.ndarray]:
    """Segments and positions that close in on the changes of label in the intervals `at`.

    The new point overshoots the predicted crossing by its uncertainty, towards the farther end, so
    that the crossing should end up between the new point and the nearer end.
    """
    at = at[points.position[at + 1] - points.position[at] > 1]
    intervals = gather(points, at)
    first, second = points.labels[at], points.labels[at + 1]
    u = crossing(intervals, first, second)
    change = pick(intervals.right - intervals.left, second) - pick(
        intervals.right - intervals.left, first
    )
    caution = CROSSING_PLACE_CAUTION * safety
    error = caution * u * (1 - u) * pick(roughness(intervals, first), second)[:, 0]
    overshoot = np.where(error < change[:, 0], error / np.maximum(change[:, 0], TINY), 1)
    in_steps = u * intervals.width
    upward = np.ceil(in_steps + overshoot * intervals.width)
    downward = np.floor(in_steps - overshoot * intervals.width)
    inside = np.where(u < 0.5, upward, downward)
    half = intervals.width // 2
    # Not sure of gaining more than a bisection would: bisect.
    inside = np.where(overshoot < 0.25, inside, half)
    inside = np.clip(inside, 1, intervals.width - 1).astype(np.int64)
    return points.slice_index[at], intervals.start + inside
