"""The CPU's own convolution and its gradients against XLA's, in float64."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.models import convolution_gradient
from rcjax.models.convolution_gradient import convolution


class Case(NamedTuple):
    size: tuple[int, int]
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


CASES = {
    "3x3": Case((6, 6), 3, 4, 3, padding=1),
    "3x3 of stride 2": Case((8, 8), 4, 6, 3, stride=2, padding=1),
    "odd size, stride 2": Case((7, 5), 3, 4, 3, stride=2, padding=1),
    "last pixels unused": Case((8, 6), 2, 3, 3, stride=3),
    "wide padding": Case((5, 4), 2, 3, 3, padding=3),
    "wide padding, stride 2": Case((6, 5), 2, 3, 3, stride=2, padding=3),
    "one pixel": Case((1, 1), 3, 5, 3, padding=1),
    "1x1": Case((4, 5), 6, 3, 1),
    "1x1 of stride 2": Case((5, 6), 4, 8, 1, stride=2),
    "5x5": Case((6, 7), 2, 3, 5, padding=2),
    "patches": Case((8, 8), 3, 5, 4, stride=4),
    "groups": Case((5, 6), 6, 4, 3, padding=1, groups=2),
    "groups of stride 2": Case((7, 6), 6, 9, 3, stride=2, padding=1, groups=3),
    "one input a group": Case((5, 5), 3, 6, 3, padding=1, groups=3),
    "many channels, four pixels": Case((2, 2), 128, 131, 3, padding=1),
    "many channels, one pixel": Case((1, 1), 130, 3, 3, padding=1),
    "many channels, stride 2": Case((4, 3), 129, 128, 3, stride=2, padding=1),
    "many channels, two rows": Case((3, 4), 128, 140, 3),
    "depthwise 3x3": Case((6, 5), 5, 5, 3, padding=1, groups=5),
    "depthwise 5x5 of stride 2": Case((7, 8), 4, 4, 5, stride=2, padding=2, groups=4),
}


def arrays(case: Case) -> tuple[jax.Array, jax.Array]:
    random = np.random.default_rng(0)
    images = random.standard_normal((2, *case.size, case.inputs))
    weight = random.standard_normal(
        (case.kernel, case.kernel, case.inputs // case.groups, case.outputs)
    )
    return jnp.asarray(images), jnp.asarray(weight)


def loss(images, weight, case: Case, gradient: str) -> jax.Array:
    """A scalar whose gradient with respect to the output differs from pixel to pixel."""
    options = {"stride": case.stride, "padding": case.padding, "groups": case.groups}
    return jnp.sum(jnp.sin(convolution(images, weight, **options, gradient=gradient)))


def in_scan(images, weight, case: Case, gradient: str):
    """Two steps of gradient descent, so that the gradient is computed inside a compiled loop."""

    def step(point, _):
        gradients = jax.grad(loss, (0, 1))(*point, case, gradient)
        return jax.tree.map(lambda value, slope: value - 0.1 * slope, point, gradients), gradients

    return jax.lax.scan(step, (images, weight), None, length=2)


def assert_close(actual, expected) -> None:
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(other).max())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_and_gradients_equal_those_of_xla(case):
    with jax.enable_x64(True):
        both = jax.jit(jax.value_and_grad(loss, (0, 1)), static_argnums=(2, 3))
        assert_close(both(*arrays(case), case, "custom"), both(*arrays(case), case, "plain"))


@pytest.mark.parametrize("name", ["3x3 of stride 2", "groups", "depthwise 3x3"])
def test_gradients_inside_a_scan_equal_those_of_xla(name):
    with jax.enable_x64(True):
        run = jax.jit(in_scan, static_argnums=(2, 3))
        case = CASES[name]
        assert_close(run(*arrays(case), case, "custom"), run(*arrays(case), case, "plain"))


@pytest.mark.parametrize("count", [4, 5])  # two portions, and two with a rest
@pytest.mark.parametrize(
    "name", ["3x3 of stride 2", pytest.param("depthwise 3x3", marks=pytest.mark.slow), "groups"]
)
def test_batches_taken_in_portions_have_the_same_gradient(name, count, monkeypatch):
    case = CASES[name]
    with jax.enable_x64(True):
        images, weight = arrays(case)
        images = jnp.concatenate([images * factor for factor in (1, 2, 3)])[:count]
        height, width = (size + 2 * case.padding for size in case.size)
        image_bytes = height * width * case.inputs // case.groups * 8
        if name == "depthwise 3x3":
            image_bytes *= case.groups
        monkeypatch.setattr(convolution_gradient, "_PORTION_BYTES", 2 * image_bytes)
        slopes = [jax.grad(loss, (0, 1))(images, weight, case, g) for g in ("custom", "plain")]
        assert_close(*slopes)


@pytest.mark.parametrize(
    "name", ["3x3 of stride 2", pytest.param("depthwise 3x3", marks=pytest.mark.slow)]
)
def test_hessian_vector_products_equal_those_of_xla(name):
    case = CASES[name]

    def forward_over_reverse(images, weight, gradient):
        return jax.jvp(
            lambda weight: jax.grad(loss, 1)(images, weight, case, gradient), (weight,), (weight,)
        )[1]

    def reverse_over_reverse(images, weight, gradient):
        return jax.grad(
            lambda point: jnp.vdot(jax.grad(loss, 1)(images, point, case, gradient), weight)
        )(weight)

    with jax.enable_x64(True):
        expected = forward_over_reverse(*arrays(case), "plain")
        assert_close(forward_over_reverse(*arrays(case), "custom"), expected)
        assert_close(reverse_over_reverse(*arrays(case), "custom"), expected)


def test_vectorised_gradients_equal_those_of_xla():
    case = CASES["3x3"]

    def gradients(gradient):
        images, weight = arrays(case)
        weights = jnp.stack([weight, 2 * weight])
        return jax.vmap(lambda weight: jax.grad(loss, (0, 1))(images, weight, case, gradient))(
            weights
        )

    with jax.enable_x64(True):
        assert_close(gradients("custom"), gradients("plain"))


def test_the_plain_choice_leaves_forward_mode_possible():
    case = CASES["3x3"]
    images, weight = map(jnp.float32, arrays(case))
    jax.jvp(lambda weight: loss(images, weight, case, "plain"), (weight,), (weight,))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda weight: loss(images, weight, case, "automatic"), (weight,), (weight,))
