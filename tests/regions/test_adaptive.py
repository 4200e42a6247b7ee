"""The adaptive count against the dense grid it stands for."""

import itertools

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax.regions.adaptive import AdaptiveOptions, counting


def count_adaptive(evaluate, num_slices, *, has_scores, points=8193, **options):
    """The count of the host's loop; from 64 intervals where there are labels alone."""
    options = ({} if has_scores else {"initial_intervals": 64}) | options
    kind = "continuous" if has_scores else "labels"
    return counting.count_adaptive(evaluate, num_slices, AdaptiveOptions(points, **options), kind)


def dense(evaluate, num_slices, points):
    """Labels [slices, points] of the whole grid."""
    grid = np.tile(np.linspace(0, 1, points), num_slices)[:, None]
    index = np.repeat(np.arange(num_slices, dtype=np.int32), points)
    values = evaluate(index, grid)
    labels = values.argmax(axis=1) if values.ndim == 2 else values
    return labels.reshape(num_slices, points)


def dense_counts(evaluate, num_slices, points):
    labels = dense(evaluate, num_slices, points)
    return 1 + (labels[:, 1:] != labels[:, :-1]).sum(axis=1)


def of_position(*functions):
    """evaluate(...) of one segment whose scores are functions of the position."""
    return lambda index, x: np.stack([f(x[:, 0]) + 0 * x[:, 0] for f in functions], axis=1)


def recorded(evaluate):
    """The same evaluation, and the list of (segment, position) it was asked for."""
    asked = []

    def wrapper(index, x):
        assert index.dtype == np.int32
        assert x.shape == (len(index), 1)
        asked.extend(zip(index.tolist(), x[:, 0].tolist(), strict=True))
        return evaluate(index, x)

    return wrapper, asked


def hat(center, width, height):
    return lambda x: height * (1 - np.abs(x - center) / width)


@pytest.mark.parametrize(
    ("functions", "count"),
    [
        ((lambda x: 0 * x,), 1),  # one class only
        ((lambda x: 1 + 0 * x, lambda x: 1 + 0 * x), 1),  # an exact tie everywhere
        ((lambda x: 0.3 - x, lambda x: 0 * x, lambda x: x - 0.7), 3),
        ((lambda x: 0.5 - x, lambda x: x - 0.5), 2),
        # Class 2 is on top for 0.0005 (4 grid steps) where classes 0 and 1 meet.
        ((lambda x: 0.503 - x, lambda x: x - 0.503, lambda x: 0.00025 + 0 * x), 3),
        # ... and stays below by as much.
        ((lambda x: 0.503 - x, lambda x: x - 0.503, lambda x: -0.00025 + 0 * x), 2),
        # A parabola that just reaches over, touches, and just fails.
        ((lambda x: (x - 0.61) ** 2 - 1e-6, lambda x: 0 * x), 3),
        ((lambda x: (x - 0.5) ** 2, lambda x: 0 * x), 1),
        ((lambda x: (x - 0.61) ** 2 + 1e-6, lambda x: 0 * x), 1),
        # A piecewise linear hat between the coarse points, just above the other class.
        ((hat(0.44, 0.2, 1.0), lambda x: 0.99 + 0 * x), 3),
        ((hat(0.44, 0.2, 1.0), lambda x: 1.01 + 0 * x), 1),
        ((lambda x: np.sin(40 * x), lambda x: 0 * x), 13),
    ],
)
def test_known_counts(functions, count):
    evaluate = of_position(*functions)
    assert dense_counts(evaluate, 1, 8193) == [count]
    for locate in (False, True):
        result = count_adaptive(evaluate, 1, has_scores=True, locate=locate)
        assert result.counts.tolist() == [count]
        assert result.evaluations[0] <= 150


def random_walks(seed, num_slices, classes, knots, smooth):
    """Random scores through `knots` knots a segment: piecewise linear or trigonometric."""
    rng = np.random.default_rng(seed)
    if not smooth:
        values = np.cumsum(rng.normal(size=(num_slices, knots, classes)), axis=1)

        def evaluate(index, x):
            place = x[:, 0] * (knots - 1)
            left = np.minimum(place.astype(int), knots - 2)
            u = (place - left)[:, None]
            return ((1 - u) * values[index, left] + u * values[index, left + 1]).astype("float32")

        return evaluate
    size = np.arange(1, knots + 1) ** -1.5
    waves = rng.normal(size=(num_slices, knots, classes)) * size[:, None]
    phase = rng.uniform(0, 2 * np.pi, (num_slices, knots, classes))

    def evaluate(index, x):
        angle = np.pi * np.arange(1, knots + 1)[None, :, None] * x[:, :, None] + phase[index]
        return (waves[index] * np.sin(angle)).sum(axis=1).astype("float32")

    return evaluate


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(2, 6),
    knots=st.integers(2, 7),
    smooth=st.booleans(),
    points=st.sampled_from([257, 1000, 2049]),
)
def test_random_scores_agree_with_the_dense_grid(seed, classes, knots, smooth, points):
    evaluate = random_walks(seed, 40, classes, knots, smooth)
    truth = dense_counts(evaluate, 40, points)
    result = count_adaptive(evaluate, 40, points=points, has_scores=True)
    # What is seen is really there, so errors are one-sided; and they are rare.
    assert (result.counts <= truth).all()
    assert (result.counts != truth).sum() <= 1
    assert result.evaluations.mean() < points / 4


def test_a_large_safety_factor_gives_the_fine_grid_exactly():
    evaluate = random_walks(0, 20, 4, 100, smooth=False)
    result = count_adaptive(evaluate, 20, points=200, has_scores=True, safety=1e6)
    np.testing.assert_array_equal(result.counts, dense_counts(evaluate, 20, 200))


@pytest.mark.parametrize("has_scores", [True, False])
@pytest.mark.parametrize("points", [2, 3, 5, 200])
def test_any_number_of_points(points, has_scores):
    scores = random_walks(1, 30, 3, 4, smooth=True)
    evaluate = scores if has_scores else lambda index, x: scores(index, x).argmax(axis=1)
    result = count_adaptive(evaluate, 30, points=points, has_scores=has_scores)
    if points <= 5:
        np.testing.assert_array_equal(result.counts, dense_counts(evaluate, 30, points))
    assert (result.counts <= dense_counts(evaluate, 30, points)).all()
    assert (result.evaluations <= points).all()


@pytest.mark.parametrize("has_scores", [True, False])
def test_evaluations_are_the_distinct_grid_points_asked_for(has_scores):
    scores = random_walks(2, 50, 5, 12, smooth=True)
    evaluate, asked = recorded(
        scores if has_scores else lambda index, x: scores(index, x).argmax(axis=1)
    )
    result = count_adaptive(evaluate, 50, points=1000, has_scores=has_scores, locate=True)
    assert len(set(asked)) == len(asked) == result.evaluations.sum()
    assert {x for _, x in asked} <= set(np.linspace(0, 1, 1000).tolist())
    index = np.array([s for s, _ in asked])
    np.testing.assert_array_equal(np.bincount(index, minlength=50), result.evaluations)


@pytest.mark.parametrize("has_scores", [True, False])
def test_located_boundaries_are_those_of_the_dense_grid(has_scores):
    points = 4097
    scores = random_walks(3, 30, 4, 10, smooth=True)
    evaluate = scores if has_scores else lambda index, x: scores(index, x).argmax(axis=1)
    labels = dense(evaluate, 30, points)
    result = count_adaptive(evaluate, 30, points=points, has_scores=has_scores, locate=True)
    agrees = result.counts == dense_counts(evaluate, 30, points)
    assert agrees.mean() > 0.9
    for s in np.flatnonzero(agrees):
        changes = np.flatnonzero(labels[s, 1:] != labels[s, :-1])
        grid = np.linspace(0, 1, points)
        brackets = np.stack([grid[changes], grid[changes + 1]], axis=1)
        np.testing.assert_array_equal(result.brackets[s], brackets)
        assert (result.boundaries[s] >= brackets[:, 0]).all()
        assert (result.boundaries[s] <= brackets[:, 1]).all()
        pieces = labels[s, np.concatenate([[0], changes + 1])]
        np.testing.assert_array_equal(result.labels[s], pieces)
    assert sum(result.evaluations) < 30 * 150


def test_interpolated_boundaries_are_close_and_bracketed():
    evaluate = of_position(np.cos, lambda x: 0.9 + 0 * x, lambda x: 3 * x - 1.5)
    result = count_adaptive(evaluate, 1, has_scores=True)
    assert result.labels[0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.boundaries[0], [np.arccos(0.9), 0.8], atol=1e-4)
    low, high = result.brackets[0].T
    assert (low <= result.boundaries[0]).all()
    assert (result.boundaries[0] <= high).all()


@pytest.mark.parametrize("has_scores", [True, False])
def test_a_segment_does_not_depend_on_its_company(has_scores, monkeypatch):
    scores = random_walks(4, 90, 5, 15, smooth=False)
    evaluate = scores if has_scores else lambda index, x: scores(index, x).argmax(axis=1)
    together = count_adaptive(evaluate, 90, has_scores=has_scores)
    monkeypatch.setattr("rcjax.regions.adaptive.counting.SCORES_IN_A_GROUP", 80)
    grouped = count_adaptive(evaluate, 90, has_scores=has_scores)
    alone = count_adaptive(lambda index, x: evaluate(index + 33, x), 1, has_scores=has_scores)
    np.testing.assert_array_equal(together.counts, grouped.counts)
    np.testing.assert_array_equal(together.evaluations, grouped.evaluations)
    np.testing.assert_array_equal(np.concatenate(together.labels), np.concatenate(grouped.labels))
    np.testing.assert_array_equal(together.boundaries[33], alone.boundaries[0])
    assert together.evaluations[33] == alone.evaluations[0]


def test_many_classes_are_held_for_few_segments_at_a_time():
    asked = []

    def evaluate(index, x):
        asked.append(len(index))
        return np.zeros((len(index), 4_000)) + x

    options = AdaptiveOptions(points=65, initial_intervals=64)
    result = counting.count_adaptive(evaluate, 30, options, "steps", classes=4_000)
    assert result.counts.tolist() == [1] * 30
    assert max(asked) * 4_000 <= counting.SCORES_IN_A_GROUP < sum(asked) * 4_000


def test_labels_alone_bisect_and_miss_what_both_ends_hide():
    def two_islands(index, x):
        wide = np.abs(x[:, 0] - 0.3) < 0.05
        narrow = np.abs(x[:, 0] - (0.5 + 1 / 128)) < 0.001  # between two of the 65 first points
        return np.where(wide, 1, 0) + np.where(narrow, 2, 0)

    seen = count_adaptive(two_islands, 1, has_scores=False)
    assert seen.counts[0] == 3
    np.testing.assert_allclose(seen.boundaries[0], [0.25, 0.35], atol=1 / 8192)
    assert 65 + 2 * 7 <= seen.evaluations[0] <= 65 + 2 * 8  # intervals of 128 steps, uneven
    finer = count_adaptive(two_islands, 1, has_scores=False, initial_intervals=1024)
    assert finer.counts[0] == 5


def test_probabilities_are_as_good_as_their_logits():
    """Saturated softmax outputs hide the third class unless their logarithms are interpolated."""
    logits = random_walks(5, 40, 6, 8, smooth=True)

    def probabilities(index, x):
        scores = 60 * logits(index, x)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    truth = dense_counts(logits, 40, 8193)
    result = count_adaptive(probabilities, 40, has_scores=True)
    np.testing.assert_array_equal(result.counts, truth)
    assert result.evaluations.mean() < 40


def relu(x):
    return np.maximum(x, 0), (x > 0).astype(x.dtype)


def tanh(x):
    return np.tanh(x), 1 - np.tanh(x) ** 2


def trained_network(activation):
    """A small network that fits 60 random labels in the plane: many regions."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(60, 2)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[random.integers(0, 4, 60)]
    parameters = [
        array.astype(np.float32)
        for a, b in itertools.pairwise((2, 48, 48, 4))
        for array in (random.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b))
    ]
    first, first_bias, second, second_bias, last, last_bias = parameters

    def layers(x):
        one, slope_one = activation(x @ first + first_bias)
        two, slope_two = activation(one @ second + second_bias)
        return one, slope_one, two, slope_two, two @ last + last_bias

    speeds = [np.zeros_like(array) for array in parameters]
    for _ in range(1500):
        one, slope_one, two, slope_two, scores = layers(inputs)
        error = (scipy.special.softmax(scores, axis=1) - targets) / len(inputs)
        error_two = error @ last.T * slope_two
        error_one = error_two @ second.T * slope_one
        pairs = ((inputs, error_one), (one, error_two), (two, error))
        gradients = [g for before, own in pairs for g in (before.T @ own, own.sum(axis=0))]
        for array, speed, gradient in zip(parameters, speeds, gradients, strict=True):
            speed *= 0.9
            speed -= 0.03 * gradient
            array += speed
    return lambda x: layers(x)[-1], inputs


@pytest.mark.parametrize(
    "activation", [relu, pytest.param(tanh, marks=pytest.mark.slow)], ids=["relu", "tanh"]
)
def test_trained_networks(activation):
    network, inputs = trained_network(activation)
    ends = inputs[np.random.default_rng(0).integers(0, 60, (50, 2))]

    def evaluate(index, x):
        t = x.astype(np.float32)
        return network((1 - t) * ends[index, 0] + t * ends[index, 1])

    truth = dense_counts(evaluate, 50, 8193)
    assert truth.mean() > 3
    result = count_adaptive(evaluate, 50, has_scores=True)
    assert (result.counts == truth).all()
    assert result.evaluations.mean() < 45


def test_no_segments():
    nothing = count_adaptive(lambda index, x: np.zeros((len(index), 2)), 0, has_scores=True)
    assert nothing.counts.shape == nothing.evaluations.shape == (0,)
    assert nothing.boundaries == []


def test_infinite_scores_keep_their_order():
    def evaluate(index, x):
        return np.where(x < 0.4, [[np.inf, 0.0, 1.0]], [[0.0, -np.inf, 1.0]])

    assert count_adaptive(evaluate, 1, has_scores=True).labels[0].tolist() == [0, 2]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e5, 1e25])
def test_the_count_does_not_depend_on_the_scale_of_the_scores(scale):
    scores = random_walks(7, 40, 4, 5, smooth=False)
    tied = lambda index, x: scores(index, x)[:, [0, 0, 1, 2, 3]] + 0.0  # noqa: E731
    plain = count_adaptive(tied, 40, has_scores=True)
    scaled = count_adaptive(
        lambda index, x: np.float64(scale) * tied(index, x), 40, has_scores=True
    )
    np.testing.assert_array_equal(plain.counts, dense_counts(tied, 40, 8193))
    if scale < 1e20:  # beyond, scores are clipped, and the grid decides
        np.testing.assert_array_equal(plain.counts, scaled.counts)


@pytest.mark.parametrize(
    ("evaluate", "arguments", "message"),
    [
        (lambda i, x: np.full((len(i), 2), np.nan), {}, "NaN for 33 of 33 points"),
        (lambda i, x: np.zeros(len(i)), {}, r"shape \[points, classes\].*got shape \(33,\)"),
        (lambda i, x: np.zeros((3, 2)), {}, r"for 33 points, got shape \(3, 2\)"),
        (lambda i, x: np.zeros((len(i), 0)), {}, "at least one class"),
        (lambda i, x: np.zeros(len(i)), {"has_scores": False}, "labels must be integers"),
    ],
)
def test_bad_input(evaluate, arguments, message):
    arguments = {"num_slices": 3, "has_scores": True} | arguments
    with pytest.raises(ValueError, match=message):
        count_adaptive(evaluate, **arguments)


@pytest.mark.parametrize("periods", [3.5, 12.0, 29.2, 64.0, 100.3])
def test_oscillations_are_not_mistaken_for_slow_ones(periods):
    """An even coarse grid would see some of these as nearly constant."""
    shifts = np.linspace(0, 1, 40, endpoint=False)

    def waves(slice_index, coordinates):
        angle = 2 * np.pi * (periods * coordinates[:, 0] + shifts[slice_index])
        return np.stack([np.cos(angle), np.zeros(len(angle))], axis=1)

    line = np.linspace(0, 1, 8_193)
    cosine = np.cos(2 * np.pi * (periods * line + shifts[:, None]))
    truth = 1 + (np.diff(cosine < 0, axis=1) != 0).sum(axis=1)
    found = count_adaptive(waves, len(shifts), has_scores=True)
    assert (found.counts == truth).mean() > 0.95
