"""The exact method: linear pieces and label regions of piecewise linear networks on segments.

Two points of a segment with equal activation patterns have one linear piece between them: the
inputs of the first layer of nonlinearities are linear along the segment, so equal signs at both
ends mean no change of sign in between; hence the inputs of the next layer are linear there, and so
on. The search (`search.py`) brackets every breakpoint by points of known pattern; inside the
pieces the regions follow from the upper envelope of linear scores.

What is certified. Between any two evaluated points of equal pattern the network is linear, up to
the rounding of float64 arithmetic (or float32, if asked for) in the sign of a comparison, and up
to a collision of 64-bit fingerprints (2^-64 for each pair compared). Each breakpoint is enclosed
by two points `2 * bracket` apart whose predictions of its position agree within `rounding`.
Breakpoints closer together than `rounding` count as one, and label regions narrower than
`rounding` do not count. In float64 `rounding` is 1e-11 of the segment.

Cost. About 2.1 evaluations for each interval of constant pattern, each as expensive as six float32
forward passes on a CPU. Their number grows with the number of units: about 90 on a segment between
digits for a perceptron with two layers of 128, 460 for a residual network of width 4 on 8x8
images, over 10,000 for a ResNet18 of width 4 on 32x32 images.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np

from rcjax.regions.classifier import Trace, shape_of, trace_predict
from rcjax.regions.exact.evaluation import SegmentEvaluator, SegmentPoints, check_piecewise_linear
from rcjax.regions.exact.pieces import SAME_LINE, SegmentPieces, assemble, label_regions
from rcjax.regions.exact.search import RESOLUTIONS, Search, search
from rcjax.regions.types import Anchors, Block, Predict

DEFAULT_BUDGET = 20_000
_SLICES_AT_ONCE = 128
_SCORES_AT_ONCE = 2048  # classes times slices: bounds what a block of slices holds in memory


@dataclasses.dataclass(frozen=True)
class ExactResult:
    """Regions of segments.

    Attributes:
        counts: int32 [slices], label regions.
        linear_regions: int32 [slices], maximal intervals on which the scores are linear.
        activation_regions: int32 [slices], maximal intervals of one activation pattern. At least
            `linear_regions`: a unit may switch without any effect on the scores (behind a
            max-pooling, or in front of units that are all inactive).
        boundaries: per slice float64 [counts - 1], positions in (0, 1) where the label changes.
        labels: per slice int64 [counts], the label of each region in order.
        evaluations: int32 [slices], evaluations spent.
        complete: bool [slices], False where the budget ran out; the counts then hold
            what was seen, and are too small as a rule.
        crowded: int32 [slices], places narrower than rounding with possibly more than the one
            breakpoint counted there.
        resolution: breakpoints closer than this count as one, narrower regions do not count.
    """

    counts: np.ndarray
    linear_regions: np.ndarray
    activation_regions: np.ndarray
    boundaries: list[np.ndarray]
    labels: list[np.ndarray]
    evaluations: np.ndarray
    complete: np.ndarray
    crowded: np.ndarray
    resolution: float


def count_exact(
    predict: Predict,
    anchors: Anchors,
    *,
    budget: int = DEFAULT_BUDGET,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    precision: str = "float64",
) -> ExactResult:
    """Counts label regions and linear regions of a piecewise linear network exactly.

    Args:
        predict: JAX function, points [n, *features] -> scores [n, classes]; made of affine
            operations, ReLU-like nonlinearities, max-pooling and comparisons (see
            `kinds.py`). It need not be written for this: its trace is analysed.
        anchors: float32 [slices, 2, *features], the ends of the segments.
        budget: largest number of evaluations per slice, at least 2. About two are needed for each
            interval of constant activation pattern.
        batch_size: points per device step; None chooses by the memory that a point needs.
        progress: called with (slices done, slices in all).
        precision: "float64", or "float32" where float64 is slow or missing (TPU). Independent of
            the setting `jax_enable_x64`. The network's parameters are taken as they are.

    Returns:
        The counts, boundaries in [0, 1], and the evaluations spent.

    Raises:
        ValueError: predict is not piecewise linear (the text names the operation), returns labels
            instead of scores or scores that are not finite; bad shapes or options.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from rcjax.regions.exact import count_exact
        >>> def predict(x):  # scores 0 and |x| - 1: class 1 outside of [-1, 1]
        ...     return jnp.stack([0 * x[:, 0], jnp.abs(x[:, 0]) - 1], axis=1)
        >>> result = count_exact(predict, np.float32([[[-2], [2]]]))
        >>> int(result.counts[0]), int(result.linear_regions[0]), result.boundaries[0].tolist()
        (3, 2, [0.25, 0.75])
    """
    searches, regions, linear, active = [], [], [], []
    for pieces, searched in _analyse(predict, anchors, budget, batch_size, progress, precision):
        searches.append(searched)
        regions += [label_regions(piece, RESOLUTIONS[precision].rounding) for piece in pieces]
        linear += [1 + int(piece.bends.sum()) for piece in pieces]
        active += [1 + len(piece.breakpoints) for piece in pieces]
    return ExactResult(
        counts=np.array([len(labels) for _, labels in regions], np.int32),
        linear_regions=np.array(linear, np.int32),
        activation_regions=np.array(active, np.int32),
        boundaries=[boundaries for boundaries, _ in regions],
        labels=[labels for _, labels in regions],
        evaluations=np.concatenate([s.evaluations for s in searches]).astype(np.int32),
        complete=np.concatenate([s.complete for s in searches]),
        crowded=np.concatenate([s.crowded for s in searches]).astype(np.int32),
        resolution=RESOLUTIONS[precision].rounding,
    )


def linear_pieces(
    predict: Predict,
    anchors: Anchors,
    *,
    budget: int = DEFAULT_BUDGET,
    batch_size: int | None = None,
    precision: str = "float64",
) -> list[SegmentPieces]:
    """The linear pieces themselves, one `SegmentPieces` per segment; arguments as `count_exact`.

    Raises:
        ValueError: as `count_exact`, and if the budget runs out, since pieces would be missing.
    """
    results: list[SegmentPieces] = []
    for pieces, searched in _analyse(predict, anchors, budget, batch_size, None, precision):
        if not searched.complete.all():
            raise ValueError(
                f"the budget of {budget} evaluations per slice ran out on slice "
                f"{len(results) + int(np.argmin(searched.complete))}; pass a larger budget"
            )
        results += pieces
    return results


def _analyse(
    predict: Predict,
    anchors: Anchors,
    budget: int,
    batch_size: int | None,
    progress: Callable[[int, int], None] | None,
    precision: str,
) -> Iterator[tuple[list[SegmentPieces], Search]]:
    """Block by block of segments: their pieces, and the search that found them."""
    _check_options(budget, batch_size, precision)
    segments = _check_anchors(anchors)
    trace = trace_scores(predict, segments.shape[2:])
    resolution = RESOLUTIONS[precision]
    classes = shape_of(trace.jaxpr.outvars[0])[1]
    size = max(1, min(_SLICES_AT_ONCE, _SCORES_AT_ONCE // max(1, classes)))
    for start in range(0, len(segments), size):
        block = segments[start : start + size]
        evaluator = SegmentEvaluator(trace, block, precision, batch_size)
        searched = search(evaluator, len(block), budget, resolution)
        pieces = [
            assemble(points, resolution.rounding, SAME_LINE[precision])
            for points in _by_slice(searched.points, len(block))
        ]
        yield pieces, searched
        if progress is not None:
            progress(start + len(block), len(segments))


def _by_slice(points: SegmentPoints, slices: int) -> Iterator[SegmentPoints]:
    edges = np.searchsorted(points.slices, np.arange(slices + 1))
    for begin, end in itertools.pairwise(edges):
        yield points.take(np.arange(begin, end))


def trace_scores(predict: Predict, features: tuple[int, ...]) -> Trace:
    """The trace of a piecewise linear network that returns scores; refuses any other."""
    trace = trace_predict(predict, features)
    check_piecewise_linear(trace, features)
    (output,) = trace.jaxpr.outvars
    shape, dtype = shape_of(output), getattr(output.aval, "dtype", np.dtype(bool))
    if len(shape) != 2 or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"method='exact' needs scores [n, classes]; predict returns {dtype} of shape "
            f"{('n', *shape[1:])}: return the scores instead of the labels"
        )
    return trace


def _check_anchors(anchors: Anchors) -> Block:
    anchors = np.asarray(anchors, np.float32)
    if anchors.ndim < 3 or anchors.shape[1] != 2:
        raise ValueError(
            "method='exact' works on segments: anchors must have shape [slices, 2, *features], "
            f"got {anchors.shape}"
        )
    finite = np.isfinite(anchors).reshape(len(anchors), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"anchors must be finite: slice {np.argmin(finite)} holds NaN or infinity")
    return anchors


def _check_options(budget: int, batch_size: int | None, precision: str) -> None:
    if budget < 2:
        raise ValueError(f"budget must be at least 2 evaluations per slice, got {budget}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}; leave it None")
    if precision not in RESOLUTIONS:
        raise ValueError(f"precision must be one of {', '.join(RESOLUTIONS)}; got {precision!r}")
