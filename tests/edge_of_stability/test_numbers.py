"""Sharpness, counts and the bound against plain numpy, a fine grid and the exact method."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax.edge_of_stability import bounds, counting
from rcjax.edge_of_stability.losses import LOSSES
from rcjax.edge_of_stability.networks import two_layer_network
from rcjax.edge_of_stability.sharpness import sharpness
from rcjax.regions.exact.counting import count_exact

from .two_layer import dense_hessian, outputs, random_layers

NAMES = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")


def parameters_of(layers):
    return {
        name: jnp.asarray(layer, jnp.float32) for name, layer in zip(NAMES, layers, strict=True)
    }


def rounded(layers):
    """To float32's numbers, so that both sides have the same network."""
    return tuple(np.asarray(np.float32(layer), np.float64) for layer in layers)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize(("dim", "dead"), [(1, False), (3, False), (1, True)])
def test_sharpness_equals_dense_eigenvalue(loss, dim, dead):
    weights, biases, output_weights, output_bias = random_layers(0, dim=dim)
    if dead:  # hardly any unit is active: the Hessian has very few eigenvalues that are not 0
        biases = np.where(np.arange(12) < 11, -20.0, biases)
    layers = rounded((weights, biases, output_weights, output_bias))
    random = np.random.default_rng(1)
    points = np.float32(random.uniform(-1, 1, (6, dim)))
    labels = np.where(np.arange(6) % 2 == 0, 1.0, -1.0)
    network = two_layer_network(12, dim, 1.0, trained_output=True)

    def objective(parameters):
        return LOSSES[loss](network.outputs(parameters, points), jnp.float32(labels))

    value, residual = jax.jit(
        lambda parameters: sharpness(objective, parameters, jax.random.key(2), 30)
    )(parameters_of(layers))
    dense = np.linalg.eigvalsh(dense_hessian(layers, points.astype(float), labels, loss))[-1]
    assert float(value) == pytest.approx(dense, rel=1e-5)
    assert float(residual) < 1e-4 * dense


@given(seed=st.integers(0, 10_000), width=st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_counts_on_the_line_equal_a_very_fine_grid(seed, width):
    weights, biases, output_weights, output_bias = layers = random_layers(seed, width)
    single = (weights[:, 0], biases, output_weights, np.float64(output_bias))
    on_line = counting.count_on_line(*single)
    between = counting.curves(*single, -1.0, 1.0)

    # A grid that has every place where a unit switches, and thousands of others.
    breaks = -biases / weights[:, 0]
    reach = 10 * (1 + np.abs(breaks).max())
    signs = {}
    for name, low, high in (("line", -reach, reach), ("between", -1.0, 1.0)):
        inside = breaks[(breaks > low) & (breaks < high)]
        grid = np.sort(np.concatenate([np.linspace(low, high, 20_001), inside]))
        values = outputs(layers, grid[:, None])
        if np.abs(values).min() == 0:
            return
        signs[name] = 1 + np.sum((values[1:] > 0) != (values[:-1] > 0))
        if name == "line":  # crossings that lie farther out than the grid
            for end, sign in ((0, -1), (-1, 1)):
                slope = np.sum((output_weights * weights[:, 0])[np.sign(weights[:, 0]) == sign])
                far = values[end] + sign * slope * 1e12
                signs[name] += (far > 0) != (values[end] > 0)
    assert on_line == signs["line"]
    assert counting.count_signs(between.values) == signs["between"]
    np.testing.assert_allclose(
        between.values, outputs(layers, between.positions[:, None]), atol=1e-9
    )


def test_counts_on_segments_equal_the_exact_method():
    dim, width = 3, 25
    layers = rounded(random_layers(3, width, dim))
    points = np.float32(np.random.default_rng(4).uniform(-3, 3, (40, dim)))
    weights, biases, output_weights, output_bias = layers
    inputs = points.astype(float) @ weights.T + biases
    counts = counting.count_on_segments(inputs[:-1], inputs[1:], output_weights, output_bias)

    network = two_layer_network(width, dim, 1.0, trained_output=True)
    parameters = parameters_of(layers)

    def scores(x):
        output = network.outputs(parameters, x)
        return jnp.stack([0 * output, output], axis=1)

    exact = count_exact(scores, np.stack([points[:-1], points[1:]], axis=1))
    np.testing.assert_array_equal(counts, exact.counts)
    assert counts.max() > 2


def test_count_with_margin():
    values = np.array([[0.6, -0.1, 0.7, -0.6, 0.2, -0.9, 0.5], [0.1, -0.1, 0.1, 0, 0, 0, 0]])
    assert counting.count_with_margin(values, 0.5).tolist() == [3, 0]
    assert counting.count_signs(values).tolist() == [7, 4]


def plain_weight(x, points):
    """The paper's weight, written down once more."""
    sides = []
    for sign in (1, -1):
        below = [sign * p for p in points if sign * p < sign * x]
        if not below:
            return 0.0
        mean = sum(below) / len(below)
        sides.append((len(below) / len(points)) ** 2 * (sign * x - mean) * math.sqrt(1 + mean**2))
    return min(sides)


def test_variation_equals_a_numerical_integral():
    # A hat, a unit that looks to the left, and one that switches outside of the data.
    weights = np.array([[1.0], [2.0], [-1.5], [1.0]])
    biases = np.array([0.25, -0.3, 0.6, 5.0])
    layers = weights, biases, np.array([1.0, -2.0, 0.7, 3.0]), 0.1
    points = np.array([-1.0, -0.7, -0.1, 0.2, 0.5, 1.1])
    grid = np.linspace(-1.2, 1.2, 240_001)
    slopes = np.diff(outputs(layers, grid[:, None])) / np.diff(grid)
    jumps = np.abs(np.diff(slopes))
    there = np.flatnonzero(jumps > 1e-6)
    integral = sum(jumps[i] * plain_weight(grid[i + 1], points) for i in there)
    computed = bounds.slope_variation(weights[:, 0], biases, layers[2], points)
    assert computed == pytest.approx(integral, rel=1e-4)
    assert computed > 0.1


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 3))
@settings(max_examples=40, deadline=None)
def test_flatness_bounds_the_variation_of_every_network(seed, scale):
    weights, biases, output_weights, output_bias = layers = random_layers(seed, 8, scale=scale)
    points = np.random.default_rng(seed).uniform(-2, 2, 7)
    labels = np.where(np.arange(7) % 2 == 0, 1.0, -1.0)
    sharp = np.linalg.eigvalsh(dense_hessian(layers, points[:, None], labels, "squared"))[-1]
    single = weights[:, 0], biases, output_weights
    variation = bounds.slope_variation(*single, points)
    residual = bounds.residual_curvature(*single, output_bias, points, labels)
    assert 1 + 2 * variation <= (sharp + residual) * (1 + 1e-9)


def test_cost_of_interpolation_is_below_that_of_joining_the_dots():
    random = np.random.default_rng(0)
    for _ in range(20):
        points = np.sort(random.uniform(-1, 1, 9))
        labels = random.choice([-1.0, 1.0], 9)
        slopes = np.diff(labels) / np.diff(points)
        dots = sum(
            abs(change) * plain_weight(x, points)
            for change, x in zip(np.diff(slopes), points[1:-1], strict=True)
        )
        assert bounds.interpolation_cost(points, labels) <= dots + 1e-12


def test_least_weight_is_the_infimum():
    points = np.array([-1.0, -0.4, 0.1, 0.3, 1.0])
    grid = np.linspace(-0.6, 0.5, 50_001)[1:-1]
    brute = min(plain_weight(x, points) for x in grid[::7])
    assert bounds.least_weight(-0.6, 0.5, points) == pytest.approx(brute, rel=1e-3)


def test_zigzags_keep_the_count_bound():
    """A zigzag's cost is at most the budget of the largest rate at which it is allowed."""
    points = np.linspace(-1, 1, 21)
    for turns in range(3, 12):
        knots = np.linspace(-0.5, 0.5, turns)
        heights = np.where(np.arange(turns) % 2 == 0, 0.5, -0.5)
        slopes = np.diff(heights) / np.diff(knots)
        cost = sum(
            abs(change) * plain_weight(x, points)
            for change, x in zip(np.diff(slopes), knots[1:-1], strict=True)
        )
        allowed = bounds.count_bound([1 / (cost + 0.5)], points, -0.5, 0.5, 0.5)[0]
        assert turns <= allowed <= 3 * turns
