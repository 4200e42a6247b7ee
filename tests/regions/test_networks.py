"""Many networks in one call against the same networks one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import compare, count_regions, on_host
from rcjax.regions import adaptive, counting_networks, network_slices

RANDOM = np.random.default_rng(1)
NETWORKS = 3
STACKED = {
    "first": (RANDOM.normal(size=(NETWORKS, 3, 20)) * 2).astype(np.float32),
    "second": RANDOM.normal(size=(NETWORKS, 20, 3)).astype(np.float32),
}
ANCHORS = RANDOM.normal(size=(24, 3, 3)).astype(np.float32)


def predict(parameters, points):
    return jnp.sin(points @ parameters["first"]) @ parameters["second"]


def one(network):
    return jax.tree_util.Partial(predict, jax.tree.map(lambda leaf: leaf[network], STACKED))


# Both tests count one by one with the same numbers of slices: what is compiled serves both.
WAYS = pytest.mark.parametrize(
    ("method", "dim", "options"),
    [
        ("adaptive", 1, {"extent": (-1, 2), "batch_size": 33}),
        ("grid", 1, {}),
        ("grid", 2, {"batch_size": 100}),
        ("adaptive", 2, {"points": 65}),
    ],
)


@WAYS
def test_many_are_counted_as_one_by_one(method, dim, options):
    anchors = ANCHORS[:, : dim + 1]
    seen = []
    many = count_regions(
        predict, anchors, parameters=STACKED, method=method,
        progress=lambda done, total: seen.append((done, total)), **options,
    )  # fmt: skip
    assert many.counts.shape == (NETWORKS, len(anchors))
    assert len(many) == NETWORKS
    assert seen[-1] == (len(anchors), len(anchors))
    for network in range(NETWORKS):
        alone = count_regions(one(network), anchors, method=method, **options)
        np.testing.assert_array_equal(many.counts[network], alone.counts)
        if method == "adaptive" and dim == 1:
            np.testing.assert_array_equal(many[network].lengths, alone.lengths)
        if method == "adaptive" and dim == 2:
            np.testing.assert_array_equal(many[network].uncertain, alone.uncertain)
        assert many[network].mean == alone.mean == many.mean[network]
        np.testing.assert_allclose(many.standard_error[network], alone.standard_error)
        assert many[network].interval() == alone.interval() == tuple(many.interval()[network])
    assert len(np.unique(many.counts, axis=0)) == NETWORKS
    assert many.compare(0, 1) == compare(many[0], many[1])


@WAYS
def test_each_network_is_counted_on_slices_of_its_own(method, dim, options):
    own = np.random.default_rng(5).normal(size=(NETWORKS, 24, dim + 1, 3)).astype(np.float32)
    many = count_regions(
        predict, own, parameters=STACKED, own_slices=True, method=method, **options
    )
    for network, anchors in enumerate(own):
        alone = count_regions(one(network), anchors, method=method, **options)
        np.testing.assert_array_equal(many[network].counts, alone.counts)
        for sizes in ("lengths", "sizes"):
            np.testing.assert_array_equal(getattr(many[network], sizes), getattr(alone, sizes))
    with pytest.raises(ValueError, match="of different anchors"):
        many.compare(0, 1)


@pytest.mark.slow
def test_networks_with_slices_of_their_own_fit_the_memory(monkeypatch):
    """Where anchors fill the memory of a call, it takes fewer slices; chunks may be of any size."""
    own = np.random.default_rng(6).normal(size=(NETWORKS, 21, 2, 3)).astype(np.float32)
    for method in ("adaptive", "grid"):
        arguments = {"parameters": STACKED, "own_slices": True, "method": method}
        expected = count_regions(predict, own, **arguments)
        with monkeypatch.context() as small:
            small.setattr(network_slices, "_BYTES_PER_CALL", 3 * 24 * 4)
            small.setattr(counting_networks, "_NETWORKS_PER_CALL", 2)
            parts = count_regions(predict, own, **arguments)
        np.testing.assert_array_equal(parts.counts, expected.counts)
        np.testing.assert_array_equal(parts.sizes, expected.sizes)


@pytest.mark.slow
def test_networks_that_need_more_room_are_counted_alone(monkeypatch):
    expected = count_regions(predict, ANCHORS[:, :2], parameters=STACKED, method="adaptive")
    monkeypatch.setattr(adaptive.compiled, "ROOM_PER_SLICE", 0)  # twice the coarse grid
    monkeypatch.setattr(adaptive.compiled, "LARGEST_POOL", 1)
    crowded = count_regions(predict, ANCHORS[:, :2], parameters=STACKED, method="adaptive")
    np.testing.assert_array_equal(crowded.counts, expected.counts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"first": 1.0}}, r"parameters\['first'\] is a float, no array"),
        ({"parameters": {"first": np.float32(1)}}, r"parameters\['first'\] is a scalar"),
        ({"parameters": {}}, "parameters holds no arrays"),
        ({"parameters": {**STACKED, "second": STACKED["second"][:2]}}, "has 3.*has 2"),
        ({"parameters": jax.tree.map(lambda leaf: leaf[:0], STACKED)}, "0 networks"),
        ({"predict": on_host(lambda x: x)}, "parameters is for JAX functions"),
        ({"method": "exact"}, "method='exact' is not for many networks"),
        ({"boundaries": True}, "boundaries=True is not for many networks"),
        ({"own_slices": True}, r"own_slices=True anchors must have shape .*got \(24, 2, 3\)"),
        ({"own_slices": True, "parameters": None}, "own_slices=True is for many networks"),
        (
            {"own_slices": True, "anchors": np.zeros((2, 24, 2, 3))},
            "are for 2 networks, but parameters hold 3",
        ),
        (
            {"own_slices": True, "anchors": [ANCHORS[:, :2] * by for by in (1, np.nan, 1)]},
            "network 1: anchors must be finite: slice 0",
        ),
        ({"predict": lambda p, x: jnp.sqrt(predict(p, x))}, "predict returned NaN"),
    ],
)
def test_bad_input(change, message):
    arguments = {"predict": predict, "anchors": ANCHORS[:, :2], "parameters": STACKED}
    with pytest.raises(ValueError, match=message):
        count_regions(**{**arguments, **change})


def test_slices_that_float32_cannot_resolve_are_refused_for_many_networks_too():
    far = ANCHORS[:, :2].astype(np.float64) + 1.7e9
    for method in ("grid", "adaptive"):
        with pytest.raises(ValueError, match="float32 cannot resolve slice"):
            count_regions(predict, far, parameters=STACKED, method=method)


def test_networks_are_asked_what_a_single_one_is():
    """Whether they are functions, of what precision, and whether labels fit."""
    anchors = ANCHORS[:, :2]
    weights = STACKED["first"]

    def centred(w, x):
        return x @ w - (x @ w).max(axis=0, keepdims=True)

    with pytest.raises(ValueError, match="depend on its point alone"):
        count_regions(centred, anchors, parameters=weights)
    low = jnp.bfloat16
    with pytest.warns(UserWarning, match="computes in bfloat16"):
        result = count_regions(
            lambda w, x: x.astype(low) @ w.astype(low), anchors, parameters=weights
        )
    assert result[1].low_precision == "bfloat16"
    for method in ("grid", "adaptive"):
        with pytest.raises(ValueError, match="labels beyond"):
            count_regions(
                lambda w, x: jnp.where(x[:, 0] > w[0, 0], jnp.uint32(2**31), jnp.uint32(2**31 + 1)),
                anchors, parameters=weights, method=method,
            )  # fmt: skip
    far = anchors.astype(np.float64) + 1e9
    with pytest.raises(ValueError, match="float32 cannot resolve"):
        count_regions(predict, far, parameters=STACKED)
