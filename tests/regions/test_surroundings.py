"""What a caller has set in JAX around a count has no influence on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from rcjax import count_regions, slices
from rcjax.regions import slice_values

RANDOM = np.random.default_rng(0)
SEGMENTS = slices.between_points(
    jax.random.key(0), RANDOM.normal(size=(20, 6)).astype(np.float32), count=3
)
WEIGHTS = RANDOM.normal(size=(6, 3)).astype(np.float32)


@pytest.mark.parametrize("kind", [AxisType.Explicit, AxisType.Auto])
@pytest.mark.parametrize("method", ["grid", "adaptive", "exact"])
def test_parameters_on_a_mesh_inside_set_mesh(kind, method):
    mesh = jax.make_mesh((1,), ("data",), axis_types=(kind,))
    placed = jax.device_put(WEIGHTS, NamedSharding(mesh, PartitionSpec(None, "data")))

    def constrained(x):
        return jax.lax.with_sharding_constraint(x @ placed, PartitionSpec())

    expected = count_regions(lambda x: x @ WEIGHTS, SEGMENTS, method=method).counts
    with jax.set_mesh(mesh):
        anchors = jnp.asarray(SEGMENTS)
        for predict in (lambda x: x @ WEIGHTS, lambda x: x @ placed):
            count = count_regions(predict, anchors, method=method)
            np.testing.assert_array_equal(count.counts, expected)
        if kind is AxisType.Auto and method == "grid":
            np.testing.assert_array_equal(count_regions(constrained, anchors).counts, expected)
        assert slice_values(lambda x: x @ placed, SEGMENTS[0], points=9).labels.shape == (9,)
        assert jax.sharding.get_mesh() == mesh
    assert jax.sharding.get_mesh().empty


def test_a_caller_without_compilation():
    expected = count_regions(lambda x: x @ WEIGHTS, SEGMENTS).counts
    with jax.disable_jit(), jax.transfer_guard("disallow"):
        np.testing.assert_array_equal(
            count_regions(lambda x: x @ WEIGHTS, np.asarray(SEGMENTS)).counts, expected
        )


@pytest.mark.usefixtures("quick_compilation")
def test_samplers_under_a_transfer_guard():
    images = RANDOM.normal(size=(20, 6)).astype(np.float32)
    key = jax.random.key(0)

    def drawn():
        segments = slices.random_directions(key, images, 3)
        return np.asarray(segments), np.asarray(slices.convex_combinations(key, segments))

    expected = drawn()
    with jax.transfer_guard("disallow"):
        for found, wanted in zip(drawn(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
@pytest.mark.usefixtures("promotion_as_users_have_it", "quick_compilation")
def test_many_networks_where_integers_have_64_bits():
    many = np.stack([WEIGHTS, -WEIGHTS])
    with jax.enable_x64(True):
        result = count_regions(
            lambda w, x: x @ w, SEGMENTS, parameters=many, method="adaptive", points=129
        )
    each = [count_regions(lambda x, w=w: x @ w, SEGMENTS, points=129).counts for w in many]
    np.testing.assert_array_equal(result.counts, each)


def test_a_search_for_infinities_finds_the_classifier_alone():
    expected = count_regions(lambda x: x @ WEIGHTS, SEGMENTS).counts
    with jax.debug_infs(True):
        result = count_regions(lambda x: x @ WEIGHTS, SEGMENTS, method="exact")
    np.testing.assert_array_equal(result.counts, expected)


@pytest.mark.parametrize("predict", [
    lambda x: x @ np.diag([1e300, 1.0, 1, 1, 1, 1]),
    lambda x: jnp.maximum(x, -1e300) @ WEIGHTS,
])  # fmt: skip
@pytest.mark.usefixtures("promotion_as_users_have_it")
def test_numbers_beyond_float32_are_told(predict):
    with pytest.warns(UserWarning, match="beyond float32, which become infinite"):
        count_regions(predict, SEGMENTS, points=20)


def test_parameters_beyond_float32_are_told():
    many = np.stack([WEIGHTS.astype(float)] * 2) * 1e60
    with pytest.warns(UserWarning, match="beyond float32, which become infinite"):
        count_regions(lambda w, x: jnp.nan_to_num(x @ w), SEGMENTS, parameters=many, points=20)
