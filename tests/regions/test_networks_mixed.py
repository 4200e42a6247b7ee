"""Many networks in mixed precision: each is counted as it is alone, with the labels of float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions
from rcjax.regions.classifier import evaluator

RANDOM = np.random.default_rng(7)
# In bfloat16 labels of the last two differ: the margins of the second network are small beside its
# products, and two classes of the third are nearly tied.
STACKED = {
    "first": RANDOM.normal(size=(3, 5, 20)).astype(np.float32),
    "second": RANDOM.normal(size=(3, 20, 3)).astype(np.float32),
    "shift": np.float32([0, 30, 0]),
}
STACKED["second"][2, :, 1] = STACKED["second"][2, :, 0] + 0.003 * STACKED["second"][2, :, 1]
SLICES = 24


def predict(parameters, points, xp=jnp):
    second, shift = parameters["second"], parameters["shift"]
    hidden = xp.sin(points @ parameters["first"]) + shift
    return hidden @ second - shift * second.sum(axis=0, keepdims=True)


def one(network):
    return {name: leaf[network] for name, leaf in STACKED.items()}


def alone(network, anchors, **options):
    return count_regions(
        jax.tree_util.Partial(predict, jax.tree.map(jnp.asarray, one(network))), anchors, **options
    )


def grid_counts(network, segments, points):
    """Counts of the fine grid, by NumPy in float64."""
    parameters = {name: leaf.astype(np.float64) for name, leaf in one(network).items()}
    t = np.linspace(0, 1, points)[:, None]
    labels = np.stack([
        predict(parameters, (1 - t) * first + t * second, np).argmax(axis=1)
        for first, second in segments.astype(np.float64)
    ])  # fmt: skip
    return 1 + (labels[:, 1:] != labels[:, :-1]).sum(axis=1)


GRID = {"method": "grid", "points": 300}
ADAPTIVE = {"method": "adaptive", "points": 300}
ADAPTIVE_PLANES = {"method": "adaptive", "points": 65}


@pytest.mark.parametrize(
    ("seed", "own", "dim", "options"),
    [
        (0, False, 1, GRID),
        (0, True, 1, ADAPTIVE),
        (0, True, 2, {"method": "grid"}),
        (0, False, 2, ADAPTIVE_PLANES),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                (1, True, 1, GRID),
                (1, False, 1, ADAPTIVE),
                (1, True, 2, ADAPTIVE_PLANES),
                (1, False, 3, {"method": "grid"}),
            )
        ),
    ],
)
def test_each_network_is_counted_as_it_is_alone(seed, own, dim, options):
    random = np.random.default_rng(seed)
    anchors = random.normal(size=(3 if own else 1, SLICES, dim + 1, 5)).astype(np.float32)
    many = count_regions(
        predict, anchors if own else anchors[0], parameters=STACKED, own_slices=own,
        precision="mixed", **options,
    )  # fmt: skip
    assert many.shared.precision == "mixed"
    for network in range(3):
        of_network = anchors[network % len(anchors)]
        single = alone(network, of_network, precision="mixed", **options)
        assert many[network].evaluations == single.evaluations == many.evaluations[network]
        share = many.reevaluated_share[network]
        assert many[network].reevaluated_share == single.reevaluated_share == share
        assert many[network].boundaries is None  # or they would be the first network's
        expected = (
            grid_counts(network, of_network, 300)
            if dim == 1
            else alone(network, of_network, **options).counts
        )
        np.testing.assert_array_equal(many.counts[network], expected)
    assert (many.reevaluated_share[1:] > many.reevaluated_share[0]).all()
    assert many.counts.max() > 3


def test_programs_compiled_for_the_first_network_serve_all():
    """Numbers of one network, such as its shift, are arguments of the program, too."""
    segments = RANDOM.normal(size=(SLICES, 2, 5)).astype(np.float32)
    others = {**STACKED, "shift": np.float32([1, 2, 3])}
    first = {name: leaf[:1] for name, leaf in others.items()}
    count_regions(predict, segments, parameters=first, precision="mixed", points=300)
    known = evaluator._step._cache_size()
    count_regions(predict, segments, parameters=others, precision="mixed", points=300)
    assert evaluator._step._cache_size() == known


@pytest.mark.parametrize("method", ["grid", "adaptive"])
def test_the_network_of_which_scores_are_nan_is_named(method):
    segments = RANDOM.normal(size=(SLICES, 2, 5)).astype(np.float32)
    shift = np.float32([0, 30, np.nan])
    with pytest.raises(ValueError, match="network 2: predict returned NaN"):
        count_regions(
            predict, segments, parameters={**STACKED, "shift": shift}, precision="mixed",
            method=method, points=300,
        )  # fmt: skip


def test_labels_alone_are_refused():
    segments = RANDOM.normal(size=(SLICES, 2, 5)).astype(np.float32)
    with pytest.raises(ValueError, match="precision='mixed' needs scores"):
        count_regions(
            lambda parameters, x: predict(parameters, x).argmax(axis=1), segments,
            parameters=STACKED, precision="mixed",
        )  # fmt: skip
