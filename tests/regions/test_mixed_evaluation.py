"""Mixed precision: the counts are those of float32, and the work done twice is reported."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, slices
from rcjax.regions.classifier.mixed_precision import lower_precision

POINTS = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=40)


def network(seed: int, gain: float, shift: float):
    """A two-layer network; `shift` makes its products large against its margins."""
    random = np.random.default_rng(seed)
    first = random.normal(size=(12, 50)).astype(np.float32)
    second = (gain * random.normal(size=(50, 4))).astype(np.float32)
    bias = random.normal(size=50).astype(np.float32)

    def predict(points):
        return (jnp.maximum(points @ first + bias[None], 0) + shift) @ second - shift * second.sum(
            axis=0, keepdims=True
        )

    return predict


@pytest.mark.parametrize("method", ["grid", "adaptive"])
@pytest.mark.parametrize(
    ("seed", "gain", "shift"), [(0, 1, 0), (1, 0.01, 0), (2, 100, 0), (3, 1, 30)]
)
def test_counts_are_those_of_float32(method, seed, gain, shift):
    predict = network(seed, gain, shift)
    options = {"method": method, "points": 300}
    expected = count_regions(predict, SEGMENTS, **options)
    mixed = count_regions(predict, SEGMENTS, precision="mixed", **options)
    np.testing.assert_array_equal(mixed.counts, expected.counts)
    assert expected.counts.max() > 1
    assert mixed.precision == "mixed"
    assert 0 < mixed.reevaluated_share <= 1
    assert expected.reevaluated_share == 0


def test_bfloat16_alone_would_have_been_wrong():
    """The network with large products is one where mixed precision has something to mend."""
    predict = network(3, 1, 30)
    points = np.random.default_rng(1).normal(size=(2_000, 12)).astype(np.float32)
    traced = jax.make_jaxpr(predict)(points)
    in_bfloat16 = lower_precision(traced.jaxpr)(traced.consts, points)[0]
    assert (in_bfloat16.argmax(axis=1) != predict(points).argmax(axis=1)).sum() > 20


def test_little_is_evaluated_twice_where_margins_are_wide():
    mixed = count_regions(network(0, 1, 0), SEGMENTS, precision="mixed", points=300)
    assert mixed.reevaluated_share < 0.35
    assert mixed.evaluations == 40 * 300


def test_labels_alone_have_no_margin():
    with pytest.raises(ValueError, match="needs scores"):
        count_regions(lambda x: (x[:, 0] > 0).astype(jnp.int32), SEGMENTS, precision="mixed")


def test_nan_is_reported():
    with pytest.raises(ValueError, match="NaN"):
        count_regions(lambda x: x[:, :3] * jnp.nan, SEGMENTS, precision="mixed")


@pytest.mark.filterwarnings("ignore:the scores stay the same")
@pytest.mark.parametrize("method", ["grid", "adaptive"])
@pytest.mark.parametrize("masked", [False, True])
def test_scores_of_minus_infinity_count_as_in_float32(method, masked):
    """An error that cannot be measured is an infinite one."""
    sharp = network(0, 1, 0)

    def predict(points):
        scores = sharp(points)
        if masked:
            return jnp.where(scores == scores.max(axis=1, keepdims=True), scores, -jnp.inf)
        return jnp.log(jax.nn.softmax(1000 * scores, axis=1))

    mixed = count_regions(predict, SEGMENTS, precision="mixed", method=method)
    np.testing.assert_array_equal(
        mixed.counts, count_regions(predict, SEGMENTS, method=method).counts
    )
