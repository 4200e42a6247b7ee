"""The exact method on fully connected networks, against closed forms and numpy oracles."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax.regions.exact.counting import count_exact, linear_pieces

_spec = importlib.util.spec_from_file_location(
    "exact_oracle", Path(__file__).parent / "exact_oracle.py"
)
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)


def mlp(layers, points):
    for weight, bias in layers[:-1]:
        points = jax.nn.relu(points @ weight + bias[None])
    weight, bias = layers[-1]
    return points @ weight + bias[None]


def predictor(layers):
    return jax.tree_util.Partial(mlp, layers)


def segment(low, high):
    return np.float32([[[low], [high]]])


def two_classes(score):
    """Class 1 where score(x) > 0, else class 0."""
    return lambda x: jnp.stack([jnp.zeros_like(x[:, 0]), score(x[:, 0])], axis=1)


def test_breakpoints_of_a_two_layer_network_in_closed_form():
    kinks = np.float32([-3.5, -1, 0, 0.25, 2, 7])  # ReLU(+-(x - kink)); 7 is beyond the segment
    sign = np.float32([1, -1, 1, 1, -1, 1])
    layers = [
        (sign[None], -sign * kinks),
        (np.float32([[1, -2, 3, -1, 1.5, 1], [0, 1, 0, 1, 0, 1]]).T, np.float32([0.1, -0.3])),
    ]
    (pieces,) = linear_pieces(predictor(layers), segment(-4, 4))
    np.testing.assert_allclose(pieces.breakpoints, (kinks[:-1] + 4) / 8, atol=1e-12)
    assert pieces.bends.all()
    expected, _ = oracle.forward(layers, oracle.on_segment([[-4], [4]], pieces.positions))
    np.testing.assert_allclose(pieces.scores, expected, atol=1e-9)


@pytest.mark.parametrize("sizes", [(1, 8, 3), (2, 10, 10, 4), (6, 12, 12, 12, 5)])
def test_random_networks_match_the_layerwise_oracle_and_a_dense_grid(sizes):
    layers = oracle.random_mlp(sizes, seed=len(sizes))
    anchors = np.float32(np.random.default_rng(0).normal(size=(6, 2, sizes[0])) * 3)
    result = count_exact(predictor(layers), anchors)
    found = linear_pieces(predictor(layers), anchors)
    grid = np.linspace(0, 1, 50_001)
    assert result.complete.all()
    assert not result.crowded.any()
    for index, ends in enumerate(anchors):
        np.testing.assert_allclose(
            found[index].breakpoints, oracle.mlp_breakpoints(layers, ends), atol=1e-9
        )
        labels = oracle.forward(layers, oracle.on_segment(ends, grid))[0].argmax(axis=1)
        switches = np.flatnonzero(np.diff(labels))
        assert result.counts[index] == 1 + len(switches)
        assert np.all(np.abs(result.boundaries[index] - grid[switches]) < 1.1 / 50_000)
        np.testing.assert_array_equal(result.labels[index], labels[np.r_[switches, -1]])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), hidden=st.sampled_from([(4,), (6, 6)]), scale=st.floats(0.1, 5.0)
)
def test_any_small_network_matches_the_layerwise_oracle(seed, hidden, scale):
    layers = oracle.random_mlp((2, *hidden, 3), seed, scale)
    anchors = np.float32(np.random.default_rng(seed).normal(size=(3, 2, 2)) * 4)
    result = count_exact(predictor(layers), anchors)
    for index, ends in enumerate(anchors):
        breakpoints = oracle.mlp_breakpoints(layers, ends)
        apart = np.diff(breakpoints, prepend=0, append=1)
        assert result.activation_regions[index] == 1 + (apart > 1e-9).sum() - (len(apart) > 0)
        # Between breakpoints the scores are linear: regions from a few points in every piece.
        edges = np.r_[0, breakpoints, 1]
        middles = (
            edges[:-1, None] + np.linspace(0, 1, 201)[1:-1] * np.diff(edges)[:, None]
        ).ravel()
        labels = oracle.forward(layers, oracle.on_segment(ends, middles))[0].argmax(axis=1)
        assert result.counts[index] >= 1 + oracle.changes(labels)
        narrow = np.diff(result.boundaries[index], prepend=0, append=1) < 0.02
        assert result.counts[index] == 1 + oracle.changes(labels) or narrow.any()


def test_a_class_may_win_inside_a_piece_only():
    def predict(x):  # three lines and no breakpoint: labels 0, 2, 1
        x = x[:, 0]
        return jnp.stack([-x, x, jnp.full_like(x, 0.25)], axis=1)

    result = count_exact(predict, segment(-1, 1))
    assert result.linear_regions.tolist() == [1]
    assert result.labels[0].tolist() == [0, 2, 1]
    np.testing.assert_allclose(result.boundaries[0], [0.375, 0.625], atol=1e-12)


def test_touching_at_one_position_makes_no_region():
    touches_inside = two_classes(lambda x: -jnp.abs(x))  # equal at x = 0 only
    touches_at_end = two_classes(lambda x: x - 1)  # equal at the end of the segment only
    leads_but_for_one = two_classes(jnp.abs)
    for predict, label in [(touches_inside, 0), (touches_at_end, 0), (leads_but_for_one, 1)]:
        result = count_exact(predict, segment(-1, 1))
        assert result.labels[0].tolist() == [label]


def test_the_first_of_equal_scores_is_the_label():
    predict = two_classes(lambda x: jax.nn.relu(x))  # equal for x <= 0
    result = count_exact(predict, segment(-1, 1))
    assert result.labels[0].tolist() == [0, 1]
    np.testing.assert_allclose(result.boundaries[0], [0.5], atol=1e-12)


def test_dead_and_identical_units_and_constant_functions():
    layers = oracle.random_mlp((3, 6, 2), seed=1)
    weight, bias = layers[0]
    weight[:, 0], bias[0] = 0, 0  # identically zero
    weight[:, 1], bias[1] = 0, -1  # always off
    weight[:, 2], bias[2] = weight[:, 3], bias[3]  # twins switch together
    anchors = np.float32(np.random.default_rng(5).normal(size=(4, 2, 3)) * 3)
    result = count_exact(predictor(layers), anchors)
    for index, ends in enumerate(anchors):
        distinct = np.unique(oracle.mlp_breakpoints(layers, ends).round(9))
        assert result.activation_regions[index] == 1 + len(distinct)
    off = [(weight, bias - 100), layers[1]]  # the whole hidden layer is negative
    assert count_exact(predictor(off), anchors).linear_regions.tolist() == [1] * 4
    same = np.repeat(anchors[:, :1], 2, axis=1)  # segments of no length
    assert count_exact(predictor(layers), same).counts.tolist() == [1] * 4


def test_a_switch_without_effect_is_no_linear_region():
    predict = two_classes(lambda x: jnp.maximum(jax.nn.relu(x), 5.0) - x)
    result = count_exact(predict, segment(-1, 1))  # the maximum is 5 throughout
    assert (result.linear_regions[0], result.activation_regions[0]) == (1, 2)


def test_budget_is_kept_and_reported():
    layers = oracle.random_mlp((2, 40, 40, 3), seed=3)
    anchors = np.float32(np.random.default_rng(1).normal(size=(3, 2, 2)) * 5)
    full = count_exact(predictor(layers), anchors)
    short = count_exact(predictor(layers), anchors, budget=20)
    assert full.complete.all()
    assert not short.complete.any()
    assert np.all(short.evaluations <= 20)
    assert np.all(short.activation_regions < full.activation_regions)
    with pytest.raises(ValueError, match="ran out on slice 0; pass a larger budget"):
        linear_pieces(predictor(layers), anchors, budget=20)
    assert np.all(full.evaluations < 3 * full.activation_regions + 5)  # the search jumps


def test_batch_size_and_number_of_slices_do_not_matter():
    layers = oracle.random_mlp((4, 16, 16, 3), seed=7)
    anchors = np.float32(np.random.default_rng(2).normal(size=(5, 2, 4)) * 3)
    seen = []
    whole = count_exact(predictor(layers), anchors, progress=lambda *done: seen.append(done))
    tiny = count_exact(predictor(layers), anchors, batch_size=7)
    alone = [count_exact(predictor(layers), anchors[i : i + 1]) for i in range(5)]
    assert seen == [(5, 5)]
    for other in (tiny.counts, np.concatenate([r.counts for r in alone])):
        np.testing.assert_array_equal(whole.counts, other)
    np.testing.assert_array_equal(
        whole.linear_regions, np.concatenate([r.linear_regions for r in alone])
    )


def test_float32_finds_the_same_regions_and_leaves_settings_alone():
    layers = oracle.random_mlp((4, 16, 16, 3), seed=8)
    anchors = np.float32(np.random.default_rng(3).normal(size=(5, 2, 4)) * 3)
    double = count_exact(predictor(layers), anchors)
    single = count_exact(predictor(layers), anchors, precision="float32")
    np.testing.assert_array_equal(double.counts, single.counts)
    assert not jax.config.jax_enable_x64
    assert single.resolution > double.resolution


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"anchors": np.zeros((3, 3, 2), np.float32)}, r"segments.*got \(3, 3, 2\)"),
        ({"anchors": np.full((2, 2, 2), np.nan, np.float32)}, "finite: slice 0"),
        ({"budget": 1}, "budget must be at least 2"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"precision": "float16"}, "one of float64, float32; got 'float16'"),
        ({"predict": lambda x: x.argmax(axis=1)}, "return the scores instead of the labels"),
        ({"predict": lambda x: x * jnp.nan}, "not finite on slice 0"),
    ],
)
def test_bad_input_is_named(arguments, message):
    complete = {"predict": lambda x: x, "anchors": np.ones((1, 2, 2), np.float32), **arguments}
    with pytest.raises(ValueError, match=message):
        count_exact(**complete)


@pytest.mark.parametrize(
    ("distance", "seen"), [(2.0**-20, True), (2.0**-32, True), (2**-40, False)]
)
def test_breakpoints_closer_than_the_resolution_count_as_one(distance, seen):
    def predict(x):
        return two_classes(lambda x: jax.nn.relu(x) - jax.nn.relu(x - np.float32(distance)))(x)

    result = count_exact(predict, segment(-1, 1))
    assert (distance / 2 > result.resolution) == seen
    assert result.activation_regions.tolist() == [3 if seen else 2]
    assert result.evaluations[0] < 40


def test_arrays_held_in_any_way_are_the_same_network():
    weight, bias = oracle.random_mlp((3, 4), seed=2)[0]
    held = jnp.asarray(bias)
    anchors = np.float32(np.random.default_rng(9).normal(size=(4, 2, 3)) * 3)

    @jax.checkpoint
    def with_bias(weight, x):  # one array as an argument, one closed over
        return jax.nn.relu(x @ weight + held[None])

    results = [
        count_exact(predict, anchors).linear_regions
        for predict in (
            jax.tree_util.Partial(with_bias, weight),
            jax.tree_util.Partial(
                lambda weight, bias, x: jax.nn.relu(x @ weight + bias[None]), weight, bias
            ),
            lambda x: with_bias(jnp.asarray(weight), x),
            jax.jit(lambda x: with_bias(weight, x)),
        )
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    assert results[0].max() > 1
