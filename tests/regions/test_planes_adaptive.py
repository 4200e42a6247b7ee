"""The adaptive count of planes against every point of the fine grid."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from rcjax import count_regions, on_host
from rcjax.regions.planes.joined import components

STEPS = 128


def network(seed, activation, sharpness):
    """A random perceptron on R^3 with 5 classes, and the same in numpy."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(3, 40)), random.normal(size=(40, 5))
    weights = [np.float32(w) for w in (first * sharpness, random.normal(size=(1, 40)), second)]

    def scores(x, act, xp):
        return act(x @ xp.asarray(weights[0]) + xp.asarray(weights[1])) @ xp.asarray(weights[2])

    both = {"relu": (lambda z: jnp.maximum(z, 0), lambda z: np.maximum(z, 0))}
    both["tanh"] = (jnp.tanh, np.tanh)
    on_device, in_numpy = both[activation]
    return (
        lambda x: scores(x, on_device, jnp),
        lambda x: scores(x, in_numpy, np),
    )


def by_every_point(predict, anchors, low, high, steps=STEPS):
    """Counts by scipy, diagonal neighbours joined."""
    axis = np.linspace(low, high, steps + 1)
    i, j = np.meshgrid(range(steps + 1), range(steps + 1), indexing="ij")
    inside = (i + j <= steps) | (low != 0)
    counts = []
    for a, b, c in anchors.astype(np.float64):
        s, t = axis[i][..., None], axis[j][..., None]
        labels = predict((1 - s - t) * a + s * b + t * c).argmax(-1)
        counts.append(
            sum(ndimage.label((labels == k) & inside, np.ones((3, 3)))[1] for k in range(5))
        )
    return np.array(counts)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("extent", [(0.0, 1.0), (-0.25, 1.25)])
def test_the_count_is_that_of_the_fine_grid(activation, extent):
    predict, in_numpy = network(3, activation, 0.7)
    anchors = np.random.default_rng(1).normal(size=(20, 3, 3)).astype(np.float32)
    found = count_regions(
        predict, anchors, method="adaptive", points=STEPS + 1, extent=extent, batch_size=512
    )
    expected = by_every_point(in_numpy, anchors, *extent)
    assert expected.max() >= 3
    wrong = found.counts != expected
    assert (wrong <= found.uncertain).all()
    assert wrong.mean() <= 0.03
    assert found.evaluations / len(anchors) < 0.1 * STEPS**2
    alone = count_regions(predict, anchors[7:8], method="adaptive", points=STEPS + 1, extent=extent,
                          batch_size=512)  # fmt: skip
    assert alone.counts[0] == found.counts[7]


def test_slivers_and_steps_are_called_uncertain():
    anchors = np.array([[[0, 0], [1, 0], [0, 1]]], np.float32)

    def strip(x):  # thinner than the grid: its points see pieces of it
        inside = 0.25 / STEPS - jnp.abs(x[:, 0] + 0.7 * x[:, 1] - 0.45)
        return jnp.stack([jnp.zeros(len(x)), inside], axis=1)

    def stairs(x):
        return jnp.round(3 * jnp.stack([jnp.sin(40 * x[:, 0]), jnp.cos(37 * x[:, 1])], axis=1))

    budget = {"method": "adaptive", "points": STEPS + 1}
    assert count_regions(stairs, anchors, budget=50, **budget).uncertain.all()
    assert count_regions(strip, anchors, **budget).uncertain.all()
    plain = count_regions(lambda x: x - jnp.array([[0.1, 0.0]]), anchors, **budget)
    assert plain.counts[0] == 2
    assert not plain.uncertain.any()
    assert "1 of 1 uncertain" in repr(count_regions(stairs, anchors, budget=50, **budget))


def test_thin_wedges_and_strips_are_right_or_uncertain():
    """A wedge, or a strip, between two half planes: three regions, however thin it is.

    A strip that is as wide as a grid step is followed from side to side.
    """
    random = np.random.default_rng(0)
    planes = 60
    width = random.uniform(0.3, 3, planes) / STEPS / 2  # to each side
    angle = random.uniform(0, 2 * np.pi, planes)
    turn = np.where(np.arange(planes) % 2, random.uniform(0, 0.03, planes), 0)
    place = random.dirichlet((3, 3, 3), planes)[:, :2]
    corners = np.array([[0, 0], [1, 0], [0, 1]])
    first, second = (
        np.einsum("pcx,xp->pc", corners - place[:, None], [np.cos(a), np.sin(a)])
        for a in (angle + turn, angle - turn)
    )
    sides = [-first - width[:, None], second - width[:, None], np.zeros_like(first)]
    anchors = np.stack(sides, axis=2).astype(np.float32)  # their own scores
    found = count_regions(lambda x: x, anchors, method="adaptive", points=STEPS + 1)
    wrong = found.counts != 3
    assert not (wrong & ~found.uncertain).any()
    assert not wrong[(turn == 0) & (2 * width * STEPS >= 1)].any()
    assert not found.uncertain.all()


def test_a_plane_of_a_hundred_islands_fits_in_the_default_budget():
    anchors = np.array([[[0, 0], [1, 0], [0, 1]]], np.float32)

    def islands(x, xp):
        x, y = x[..., 0], x[..., 1]
        inside = xp.sin(66 * x + 1) * xp.sin(61.7 * y + 0.5) - 0.5
        return xp.stack([0 * inside, inside], -1)

    expected = by_every_point(lambda x: islands(x, np), anchors, 0.0, 1.0, steps=512)
    assert expected[0] > 100
    found = count_regions(lambda x: islands(x, jnp), anchors, method="adaptive")
    assert found.counts == expected


def test_probabilities_infinite_scores_and_host_classifiers_count_alike():
    predict, in_numpy = network(5, "tanh", 0.7)
    anchors = np.random.default_rng(2).normal(size=(8, 3, 3)).astype(np.float32)
    options = {"method": "adaptive", "points": STEPS + 1}
    expected = by_every_point(in_numpy, anchors, 0.0, 1.0)

    def softmax(x):
        scores = jnp.exp(predict(x))
        return scores / scores.sum(axis=1, keepdims=True)

    def masked(x):
        return jnp.concatenate([predict(x), jnp.full((len(x), 1), -jnp.inf)], axis=1)

    for same in (softmax, masked, on_host(in_numpy)):
        assert (count_regions(same, anchors, **options).counts == expected).all()
    with pytest.raises(ValueError, match="NaN on 8 of 8"):
        count_regions(lambda x: predict(x) * jnp.nan, anchors, **options)


def test_planes_that_may_fill_the_memory_are_counted_one_by_one():
    predict, in_numpy = network(5, "tanh", 0.7)
    anchors = np.random.default_rng(2).normal(size=(3, 3, 3)).astype(np.float32)
    expected = by_every_point(in_numpy, anchors, 0.0, 1.0)
    for same in (predict, on_host(in_numpy)):
        done = []
        found = count_regions(
            same, anchors, method="adaptive", points=STEPS + 1, budget=10**8,
            progress=lambda slices, total, done=done: done.append(slices),
        )  # fmt: skip
        assert (found.counts == expected).all()
        assert done == [1, 2, 3]


def test_components_are_those_of_scipy():
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    random = np.random.default_rng(0)
    for edges in (0, 30, 60, 200):
        pairs = random.integers(0, 80, size=(edges, 2))
        root = components(80, pairs)
        graph = coo_matrix((np.ones(edges), pairs.T), shape=(80, 80))
        expected = connected_components(graph, directed=False)[1]
        smallest = np.array([np.flatnonzero(expected == e)[0] for e in expected])
        assert (root == smallest).all()
