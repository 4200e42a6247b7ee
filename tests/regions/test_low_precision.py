"""A network that computes in few bits is counted with its rounding, and the result says so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.regions.classifier import LowPrecision

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(30, 8)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=5)
FIRST, SECOND = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((8, 16), (16, 4)))


def network(dtype):
    def predict(x):
        hidden = jax.nn.relu(x.astype(dtype) @ FIRST.astype(dtype))
        return hidden @ SECOND.astype(dtype)

    return predict


def rounded_on_host(dtype):
    return lambda x: (np.maximum(x @ FIRST, 0) @ SECOND).astype(dtype).astype(np.float32)


@pytest.mark.usefixtures("promotion_as_users_have_it")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("where", [network, rounded_on_host], ids=["device", "host"])
def test_half_precision_is_told(dtype, where):
    predict = where(jnp.dtype(dtype))
    predict = on_host(predict) if where is rounded_on_host else predict
    with pytest.warns(LowPrecision, match=f"computes in {dtype}, .* cast up to float32"):
        result = count_regions(predict, SEGMENTS)
    assert result.low_precision == dtype


def test_eight_bits_are_told():
    def quantised(x):
        whole = jnp.clip(jnp.rint(x * 20), -127, 127).astype(jnp.int8)
        weights = (FIRST[:, :3] * 20).astype(np.int8)
        return jax.lax.dot(whole, weights, preferred_element_type=jnp.int32).astype(jnp.float32)

    with pytest.warns(LowPrecision, match="computes in int8"):
        assert count_regions(quantised, SEGMENTS).low_precision == "int8"


def votes(x):
    return np.floor(4 * np.abs(x[:, :3])).astype(np.float32)


@pytest.mark.parametrize(
    "predict", [network(jnp.float32), on_host(rounded_on_host(jnp.float32)), on_host(votes)]
)
def test_full_precision_and_votes_are_not(predict):
    assert count_regions(predict, SEGMENTS).low_precision is None
