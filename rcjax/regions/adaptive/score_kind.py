"""Tells scores that move with the point from scores that stay the same in stretches.

Interpolation sees a region in the scores around it. Labels alone, trees, forests, nearest
neighbours, quantised activations and low precision leave no trace there: their scores move in
steps, and between two steps nothing says what lies behind the next one. Pairs of points very close
to each other show it: scores that move differ between the two, scores in steps nearly never do.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from rcjax.regions.types import Block, Values

ScoreKind = Literal["continuous", "steps", "labels"]

PROBED_SLICES = 4
# Between the points of a pair, as a share of the segment: float32 tells them apart.
DISTANCE = 2.0**-14
# Scores move in steps where at least this share stays the same between the points of a pair.
LARGEST_SHARE_EQUAL = 0.4
# The same of neighbours among the points by which a segment was counted; most are farther apart.
LARGEST_SHARE_STANDING = 0.9
# Rows of scores that lie in [0, 1] and sum to 1 this closely are taken for probabilities.
PROBABILITY_TOLERANCE = 1e-3


class Nature(NamedTuple):
    """The nature of scores, as a probe of a few points shows it.

    kind: whether they move with the point, in steps, or are labels alone.
    probabilities: whether they are, so that their logarithms are interpolated.
    """

    kind: ScoreKind
    probabilities: bool


def places(count: int) -> np.ndarray:
    """`count` positions in [0, 1]: pairs of neighbours, and the end of the segment if odd."""
    first = (np.arange(count // 2) + 0.37) / max(count // 2, 1)
    pairs = np.stack([first, first + DISTANCE], axis=1).reshape(-1)
    return np.concatenate([pairs, np.ones(count % 2)])


def nature_of(scores: np.ndarray) -> Nature:
    """Judges scores [slices, count, classes] at the `places` of some segments."""
    in_range = ((scores >= 0) & (scores <= 1)).all()
    probabilities = bool(
        in_range and (np.abs(scores.sum(axis=2) - 1) < PROBABILITY_TOLERANCE).all()
    )
    in_pairs = scores[:, : scores.shape[1] // 2 * 2]
    pairs = in_pairs.reshape(len(scores), -1, 2, scores.shape[2])
    # A score that is the same on all of a segment hides nothing there; a probability that has been
    # rounded to 1 repeats what the other ones say.
    telling = np.broadcast_to(np.ptp(_finite(scores), axis=1)[:, None] > 0, pairs[:, :, 0].shape)
    if probabilities:
        telling = telling & (pairs[:, :, 0] != 1)
    equal = (pairs[:, :, 0] == pairs[:, :, 1])[telling]
    in_steps = equal.size > 0 and equal.mean() >= LARGEST_SHARE_EQUAL
    return Nature("steps" if in_steps else "continuous", probabilities)


def in_steps(moved: Values, pairs: Values) -> Values:
    """Which segments have scores that stay the same between most of the points evaluated there.

    A score that is the same on all of a segment hides nothing.

    Args:
        moved: int [slices, classes], pairs of neighbouring points between which a score differs.
        pairs: int [slices], pairs of neighbouring points.
    """
    shown = ((moved > 0) * pairs[:, None]).sum(axis=1)
    standing: Values = (shown > 0) & (shown - moved.sum(axis=1) >= LARGEST_SHARE_STANDING * shown)
    return standing


def moving(block: Block) -> np.ndarray:
    """Which segments [slices, 2, *features] have a length; the others are single points."""
    moves: np.ndarray = (block[:, 0] != block[:, 1]).reshape(len(block), -1).any(axis=1)
    return moves


def probed(block: Block) -> np.ndarray:
    """The segments of a block that are asked for the kind of their scores: int32, a few."""
    first_moving = np.argsort(~moving(block), kind="stable")
    return first_moving[:PROBED_SLICES].astype(np.int32)


def _finite(scores: np.ndarray) -> np.ndarray:
    largest = np.finfo(np.float32).max / 4
    return np.asarray(np.clip(scores, -largest, largest))
