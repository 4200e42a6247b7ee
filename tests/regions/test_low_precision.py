"""A network that computes in few bits is counted with its rounding, and the result says so."""

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.regions.classifier import Evaluator, LowPrecision
from rcjax.regions.classifier.low_precision import precision_of_trace
from rcjax.regions.networks import Networks

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


def convolutional(weights, x):
    images = x.reshape(-1, 2, 4, 1)
    kernel = jnp.asarray(FIRST[:3, :9].reshape(3, 3, 1, 3))
    hidden = jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jax.jit(lambda h: h @ weights)(hidden.reshape(len(x), -1))


def dense(weights, x):
    return x @ weights[:8]


DENSE = RANDOM.normal(size=(2, 24, 4)).astype(np.float32)


def products(jaxpr):
    """The precision of each product in a trace, that of inner functions included."""
    for equation in jaxpr.eqns:
        if "precision" in equation.params:
            yield equation.params["precision"]
        for inner in jex.jaxprs_in_params(equation.params):
            yield from products(inner)


def traces(network=convolutional):
    evaluator = Evaluator(lambda x: network(DENSE[0], x), (8,))
    many, _ = Networks(network, DENSE).program(evaluator, 16)
    return evaluator.traced(16)[0].jaxpr, many.jaxpr


@pytest.mark.usefixtures("promotion_as_users_have_it")
def test_products_of_float32_are_not_rounded_on_accelerators():
    highest = (jax.lax.Precision.HIGHEST,) * 2
    for jaxpr in traces():
        assert list(products(jaxpr)) == [highest] * 2
        assert [precision_of_trace(jaxpr, where) for where in ("cpu", "gpu", "tpu")] == [""] * 3


@pytest.mark.usefixtures("promotion_as_users_have_it")
@pytest.mark.parametrize(
    ("network", "precision", "gpu", "tpu", "cpu"),
    [
        (convolutional, "default", "tensorfloat32", "bfloat16", ""),
        (convolutional, "tensorfloat32", "tensorfloat32", "bfloat16", ""),
        (convolutional, "float32", "", "", ""),
        # XLA takes algorithms for matrix products alone.
        (convolutional, "F32_F32_F32", "tensorfloat32", "bfloat16", ""),
        (dense, "F32_F32_F32", "", "", ""),
        (dense, "TF32_TF32_F32", "tensorfloat32", "tensorfloat32", "tensorfloat32"),
    ],
)
def test_a_precision_that_the_caller_chose_is_kept_and_told(network, precision, gpu, tpu, cpu):
    with jax.default_matmul_precision(precision):
        jaxpr, _ = traces(network)
    assert [precision_of_trace(jaxpr, where) for where in ("gpu", "tpu", "cpu")] == [gpu, tpu, cpu]


@pytest.mark.usefixtures("promotion_as_users_have_it")
@pytest.mark.parametrize(("kind", "told"), [("float32", ""), ("bfloat16", "bfloat16")])
def test_an_algorithm_of_a_product_is_told(kind, told):
    algorithm = jax.lax.DotAlgorithm(jnp.dtype(kind), jnp.dtype(kind), jnp.float32)
    jaxpr, _ = traces(
        lambda weights, x: jnp.dot(dense(weights, x), SECOND[:4], precision=algorithm)
    )
    assert precision_of_trace(jaxpr, "gpu") == told


@pytest.mark.usefixtures("promotion_as_users_have_it")
def test_every_call_of_many_networks_keeps_the_bits_of_float32():
    seen = set()

    def watched(weights, x):
        seen.add(jax.config.jax_default_matmul_precision)
        return dense(weights, x)

    for method in ("grid", "adaptive"):
        count_regions(watched, SEGMENTS, parameters=DENSE, method=method, points=17)
    assert seen == {"highest"}
