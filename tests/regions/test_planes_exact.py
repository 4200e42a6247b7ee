"""Exact regions of planes against dense grids and layerwise splitting in float64."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from rcjax import count_regions

_SPEC = importlib.util.spec_from_file_location(
    "exact_oracle", Path(__file__).parent / "exact_oracle.py"
)
oracle = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(oracle)
forward, random_mlp = oracle.forward, oracle.random_mlp

PLANE = np.random.default_rng(5).normal(size=(2, 3, 4)).astype(np.float32)
POINTS = 301


def dense(scores, anchors):
    """Count, shares by label and number of distinct slopes, by brute force on a fine grid."""
    i, j = np.meshgrid(range(POINTS), range(POINTS), indexing="ij")
    inside = i + j < POINTS
    s, t = (k[..., None] / (POINTS - 1) for k in (i, j))
    a, b, c = anchors.reshape(3, -1).astype(np.float64)
    labels = scores(((1 - s - t) * a + s * b + t * c).reshape(POINTS**2, -1)).argmax(-1)
    labels = labels.reshape(POINTS, POINTS)
    count = sum(
        ndimage.label((labels == k) & inside, np.ones((3, 3)))[1] for k in np.unique(labels)
    )
    return count, np.bincount(labels[inside], minlength=4) / inside.sum()


def agrees(predict, scores, anchors):
    found = count_regions(predict, anchors, method="exact")
    assert found.complete.all()
    for regions, plane in zip(found.regions, anchors, strict=True):
        count, shares = dense(scores, plane)
        large = regions.shares > 20 / POINTS**2
        assert large.sum() <= count <= len(regions.labels) + 1
        by_label = np.bincount(regions.labels, regions.shares, minlength=4)
        np.testing.assert_allclose(by_label, shares, atol=0.01)
        spans = (plane[1:] - plane[0]).reshape(2, -1).astype(np.float64)
        area = np.sqrt(np.linalg.det(spans @ spans.T)) / 2
        assert regions.sizes.sum() == pytest.approx(area, rel=1e-9)
        sides = [np.linalg.norm((plane[a] - plane[b]).ravel()) for a, b in ((0, 1), (1, 2), (2, 0))]
        steps = np.einsum("ei,if->ef", regions.boundaries[:, 1] - regions.boundaries[:, 0], spans)
        inner = np.linalg.norm(steps, axis=1).sum()
        assert regions.perimeters.sum() == pytest.approx(sum(sides) + 2 * inner, rel=1e-6)
        assert (regions.labels[regions.neighbours[:, 0]] != regions.labels[
            regions.neighbours[:, 1]]).all()  # fmt: skip
    return found


def test_perceptrons_have_the_regions_of_a_dense_grid():
    layers = random_mlp([4, 12, 12, 4], seed=1)

    def predict(x):
        for weight, bias in layers[:-1]:
            x = jax.nn.relu(x @ weight + bias[None])
        return x @ layers[-1][0] + layers[-1][1][None]

    found = agrees(predict, lambda x: forward(layers, x)[0], PLANE)
    random = np.random.default_rng(0)
    for plane, patterns in zip(PLANE, found.activation_regions, strict=True):
        weights = random.dirichlet(np.ones(3), size=60_000)
        signs = forward(layers, weights @ plane.astype(np.float64))[1]
        seen = len(np.unique(signs, axis=0))
        assert seen <= patterns <= seen + 15  # the rest are too small for the draw
    square = count_regions(predict, PLANE, method="exact", extent=(-0.5, 1.5))
    assert (square.counts >= found.counts).all()
    short = count_regions(predict, PLANE, method="exact", budget=5)
    assert not short.complete.any()
    assert short.evaluations == 10


def test_images_with_skips_pooling_batch_norm_and_convolutions():
    random = np.random.default_rng(2)
    kernels = [np.float32(random.normal(size=(3, 3, a, b)) * 0.5) for a, b in ((1, 2), (2, 2))]
    head = np.float32(random.normal(size=(8, 4)))
    scale, shift = np.float32(random.normal(size=(2, 1, 1, 1, 2)))

    def run(x, pool):
        x = x.reshape(-1, 4, 4, 1)
        numbers = ("NHWC", "HWIO", "NHWC")

        def convolve(v, k):
            return jax.lax.conv_general_dilated(v, k, (1, 1), "SAME", dimension_numbers=numbers)

        x = jax.nn.relu(scale * convolve(x, kernels[0].astype(x.dtype)) + shift)
        x = jax.nn.relu(x + convolve(x, kernels[1].astype(x.dtype)))  # a skip connection
        if pool == "max":
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        else:
            x = x.reshape(-1, 2, 2, 2, 2, 2).mean(axis=(2, 4))
        return x.reshape(-1, 8) @ head

    anchors = random.normal(size=(1, 3, 4, 4, 1)).astype(np.float32)
    for pool in ("average", "max"):
        program = jax.jit(lambda x, pool=pool: run(x, pool))
        found = agrees(
            lambda x, pool=pool: run(x, pool), lambda x, p=program: np.asarray(p(np.float32(x))),
            anchors,
        )  # fmt: skip
        assert found.linear_regions[0] <= found.activation_regions[0]


def test_regions_of_a_hand_made_plane():
    plane = np.array([[[0, 0], [2, 0], [0, 2]]], np.float32)

    def predict(x):  # class 1 below y = 1/2, class 2 right of x = 1 and above, else 0
        low = 1 - 2 * x[:, 1]
        return jnp.stack([jnp.zeros(len(x)), low, jnp.minimum(x[:, 0] - 1, 1.0 * x[:, 1])], axis=1)

    found = count_regions(lambda x: predict(x)[:, :2], plane, method="exact")
    regions = found.regions[0]
    order = np.argsort(regions.labels)
    assert found.counts.tolist() == [2]
    np.testing.assert_allclose(regions.sizes[order], [1.125, 0.875], rtol=1e-12)
    np.testing.assert_allclose(
        regions.perimeters[order], [3 + 1.5 * 2**0.5, 2 + 0.5 + 1.5 + 0.5 * 2**0.5], rtol=1e-9
    )
    assert regions.neighbours.tolist() == [[0, 1]]
    three = count_regions(predict, plane, method="exact")
    assert three.counts.tolist() == [3]
    assert three.linear_regions.tolist() == [2]  # the minimum bends along y = x - 1
    assert three.regions[0].neighbours.tolist() == [[0, 1], [0, 2], [1, 2]]
