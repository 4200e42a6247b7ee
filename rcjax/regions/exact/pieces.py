"""Makes linear pieces from evaluated points, and label regions from linear pieces."""

import dataclasses

import numpy as np

from rcjax.regions.exact.evaluation import MASKED, SegmentPoints

# Neighbouring pieces whose slopes (and values where they meet) differ by less are one linear piece.
SAME_LINE = {"float64": 1e-9, "float32": 1e-4}


@dataclasses.dataclass
class SegmentPieces:
    """The linear pieces of one segment.

    Attributes:
        breakpoints: float64 [k], ascending, where the activation pattern changes.
        bends: bool [k], whether the scores change their slope (or jump) there.
        positions: float64 [m], ends of the pieces, ascending from 0 to 1; a breakpoint occurs
            twice, as the end of one piece and as the beginning of the next.
        scores: float64 [m, classes], linear between neighbours.
    """

    breakpoints: np.ndarray
    bends: np.ndarray
    positions: np.ndarray
    scores: np.ndarray


def assemble(points: SegmentPoints, rounding: float, same_line: float) -> SegmentPieces:
    """The pieces of one segment from its points in ascending order."""
    points = _without_noise(points, rounding)
    change = points.fingerprints[1:] != points.fingerprints[:-1]
    before = points.take(np.flatnonzero(change))
    after = points.take(np.flatnonzero(change) + 1)
    ends = np.clip(before.right, before.positions, after.positions)
    begins = np.clip(after.left, before.positions, after.positions)
    middle = (ends + begins) / 2
    met = begins - ends <= rounding
    ends, begins = np.where(met, middle, ends), np.where(met, middle, begins)
    scores_before = _extrapolate(before, ends)
    scores_after = _extrapolate(after, begins)

    first, last = points.take(np.array([0])), points.take(np.array([-1]))
    positions = np.concatenate([[0.0], np.stack([ends, begins], axis=1).ravel(), [1.0]])
    inner = np.stack([scores_before, scores_after], axis=1).reshape(-1, points.scores.shape[1])
    scores = np.concatenate(
        [_extrapolate(first, np.zeros(1)), inner, _extrapolate(last, np.ones(1))]
    )
    bends = _differ(before.slopes, after.slopes, same_line)
    bends |= _differ(scores_before, scores_after, same_line)
    return SegmentPieces(middle, bends, positions, scores)


def _extrapolate(points: SegmentPoints, positions: np.ndarray) -> np.ndarray:
    steps = positions - points.positions
    return np.asarray(points.scores + points.slopes * steps[:, None])


def _differ(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    seen = np.where((a > MASKED) & (b > MASKED), np.maximum(np.abs(a), np.abs(b)), 0)
    scale = seen.max(axis=1, initial=0)
    return np.asarray(np.abs(a - b).max(axis=1, initial=0) > tolerance * scale)


def _without_noise(points: SegmentPoints, rounding: float) -> SegmentPoints:
    """Drops points that sit on a breakpoint, where rounding decides the pattern.

    Such a point predicts a piece of no width, or lies between two points that share a pattern
    other than its own (patterns hold on intervals, so it can only be a misjudged one).
    """
    points = points.take(_keep_at_least_one(points.right - points.left > rounding))
    _, first, group = np.unique(points.fingerprints, return_index=True, return_inverse=True)
    last = np.zeros(len(first), np.int64)
    np.maximum.at(last, group, np.arange(len(points)))
    covered = np.zeros(len(points) + 1, np.int64)
    np.add.at(covered, first + 1, 1)
    np.add.at(covered, np.maximum(last, first + 1), -1)
    index = np.arange(len(points))
    own = (first[group] < index) & (index < last[group])
    return points.take(_keep_at_least_one(np.cumsum(covered)[:-1] - own <= 0))


def _keep_at_least_one(keep: np.ndarray) -> np.ndarray:
    return keep if keep.any() else np.ones_like(keep)


def label_regions(pieces: SegmentPieces, narrowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries and labels of the regions of one segment.

    The label is the class of the largest score, the first of equal ones. A region no wider than
    `narrowest` does not count; in particular classes that tie at a single position make none.

    Returns:
        Positions float64 [regions - 1] of the boundaries, and labels int64 [regions].
    """
    positions, scores = pieces.positions, pieces.scores
    winners = scores.argmax(axis=1)
    starts, labels = [positions[:-1]], [winners[:-1]]
    for piece in np.flatnonzero(winners[:-1] != winners[1:]):
        inner_starts, inner_labels = _upper_envelope(scores[piece], scores[piece + 1])
        labels[0][piece] = inner_labels[0]
        width = positions[piece + 1] - positions[piece]
        starts.append(positions[piece] + width * inner_starts[1:])
        labels.append(inner_labels[1:])
    start, label = np.concatenate(starts), np.concatenate(labels)
    order = np.argsort(start, kind="stable")
    start, label = start[order], label[order]
    kept = _runs(label)
    start, label = start[kept], label[kept]
    wide = np.diff(start, append=1.0) > narrowest
    if not wide.any():
        wide[0] = True
    start, label = start[wide], label[wide]
    kept = _runs(label)
    return start[kept][1:], label[kept]


def _runs(label: np.ndarray) -> np.ndarray:
    """Indices where a new run of equal labels begins."""
    return np.flatnonzero(np.diff(label, prepend=label[0] - 1))


def _upper_envelope(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes that lead one after another while scores move linearly from `begin` to `end`.

    Returns:
        Fractions of the way, ascending from 0, and the class that leads from each one on.
    """
    slope = end - begin
    leads = np.flatnonzero(begin == begin.max())
    leader = leads[slope[leads].argmax()]
    fractions, classes = [0.0], [leader]
    while True:
        rivals = np.flatnonzero(slope > slope[leader])
        if len(rivals) == 0:
            break
        meeting = (begin[leader] - begin[rivals]) / (slope[rivals] - slope[leader])
        if meeting.min() >= 1:
            break
        nearest = rivals[meeting == meeting.min()]
        leader = nearest[slope[nearest].argmax()]
        fractions.append(max(float(meeting.min()), fractions[-1]))
        classes.append(leader)
    return np.array(fractions), np.array(classes)
