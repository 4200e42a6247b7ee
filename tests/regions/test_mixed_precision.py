"""Lowered precision: products in bfloat16, everything else as traced."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params

from rcjax.regions.classifier.mixed_precision import lower_precision

PRODUCTS = ("dot_general", "conv_general_dilated")


def operand_dtypes(jaxpr):
    """dtypes of the operands of every product, inner jaxprs included."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in PRODUCTS:
            yield from (str(value.aval.dtype) for value in equation.invars)
        for inner in jaxprs_in_params(equation.params):
            yield from operand_dtypes(inner)


def lowered(function, *arguments):
    closed = jax.make_jaxpr(function)(*arguments)
    return lower_precision(closed.jaxpr), closed.consts


def test_a_matrix_product_rounds_its_operands_and_nothing_else():
    random = np.random.default_rng(0)
    x, weight = np.float32(random.normal(size=(5, 40))), np.float32(random.normal(size=(40, 3)))
    function, consts = lowered(lambda x: jax.nn.relu(x @ jnp.asarray(weight) + 1 / 3), x)
    (result,) = jax.jit(function)(consts, x)
    rounded = [np.asarray(jnp.asarray(v, jnp.bfloat16), np.float64) for v in (x, weight)]
    expected = np.maximum(rounded[0] @ rounded[1] + 1 / 3, 0)
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)  # accumulated in float32


def test_every_product_is_lowered_wherever_it_stands():
    weight = jnp.float32(np.random.default_rng(1).normal(size=(4, 4)) / 2)
    kernel = jnp.float32(np.random.default_rng(2).normal(size=(3, 3, 1, 2)))

    def network(x):
        x = jax.lax.scan(lambda c, w: (jax.nn.relu(c @ w), None), x, weight[None] * 2)[0]
        x = jax.lax.cond(x.sum() > 0, lambda x: x @ weight, lambda x: x, x)
        x = jax.lax.while_loop(lambda x: jnp.abs(x @ weight).max() < 3, lambda x: 2 * x, x)
        x = jax.checkpoint(jax.jit(lambda x: jax.nn.relu(x @ weight)))(x)
        images = x.reshape(-1, 2, 2, 1)
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            images, kernel, (1, 1), "SAME", dimension_numbers=dimensions
        )

    x = jnp.float32(np.random.default_rng(3).normal(size=(6, 4)))
    function, consts = lowered(network, x)
    assert set(operand_dtypes(jax.make_jaxpr(network)(x).jaxpr)) == {"float32"}
    dtypes = list(operand_dtypes(jax.make_jaxpr(function)(consts, x).jaxpr))
    assert set(dtypes) == {"bfloat16"}
    assert len(dtypes) >= 10
    (result,) = jax.jit(function)(consts, x)
    exact = network(x)
    assert result.dtype == exact.dtype
    error = np.abs(np.asarray(result - exact)).max() / np.abs(np.asarray(exact)).max()
    assert 0 < error < 0.05


def test_other_dtypes_are_left_alone():
    def integers(x):
        return x @ jnp.ones((2, 2), x.dtype)

    x = jnp.array([[1000001, 1], [0, 3]])
    function, consts = lowered(integers, x)
    np.testing.assert_array_equal(function(consts, x)[0], integers(x))
