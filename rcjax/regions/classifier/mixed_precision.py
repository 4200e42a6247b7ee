"""Evaluates a traced function with its matrix products and convolutions in bfloat16."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from rcjax.regions.classifier.walking import bind, walk

_PRODUCTS = ("dot_general", "conv_general_dilated")
# Operations with bodies that cannot be walked through, by the parameters that hold the bodies.
_CONTROL = {"scan": ("jaxpr",), "while": ("cond_jaxpr", "body_jaxpr"), "cond": ("branches",)}


def lower_precision(jaxpr: Jaxpr) -> Callable[..., list[jax.Array]]:
    """A function that computes a traced function with its products in bfloat16.

    The operands of every float32 `dot_general` and `conv_general_dilated` are rounded to bfloat16
    and their result is widened to float32; every other operation stays as it was traced. A
    convolution rounds its result to bfloat16 before it is widened, a matrix product does not.
    Loops and branches are entered, so products inside them are lowered too.

    Args:
        jaxpr: of the function, as from `jax.make_jaxpr(function)(*arguments).jaxpr`.

    Returns:
        function(consts, *arguments) -> list of results. `consts` are arrays in the order of
        `jaxpr.constvars`; pass them as arguments of the compiled function, so that they are
        not baked in. May be used under jit, vmap and grad.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from rcjax.regions.classifier.mixed_precision import lower_precision
        >>> traced = jax.make_jaxpr(lambda x: x @ jnp.ones((3, 2)))(jnp.ones((4, 3)))
        >>> jax.jit(lower_precision(traced))(traced.consts, jnp.ones((4, 3)))[0].dtype
        dtype('float32')
    """

    def function(consts: Sequence[jax.Array], *arguments: jax.Array) -> list[jax.Array]:
        return walk(jaxpr, consts, arguments, _rule)

    return function


def _rule(equation: JaxprEqn, inputs: list[jax.Array]) -> list[jax.Array]:
    name = equation.primitive.name
    if name in _PRODUCTS and all(value.dtype == jnp.float32 for value in inputs):
        return [_product(equation, inputs)]
    if name in _CONTROL:
        lowered = {key: _lower(equation.params[key]) for key in _CONTROL[name]}
        return bind(equation, inputs, {**equation.params, **lowered})
    return bind(equation, inputs)


def _product(equation: JaxprEqn, inputs: list[jax.Array]) -> jax.Array:
    params = {**equation.params, "precision": None, "preferred_element_type": jnp.dtype("float32")}
    if equation.primitive.name == "conv_general_dilated":
        # XLA hands a convolution to the CPU's matrix unit only if its result is bfloat16 as well.
        params["preferred_element_type"] = jnp.dtype(jnp.bfloat16)
    (product,) = bind(equation, [value.astype(jnp.bfloat16) for value in inputs], params)
    return product.astype(jnp.float32)


def _lower(body: ClosedJaxpr | tuple[ClosedJaxpr, ...]) -> object:
    if isinstance(body, tuple):
        return tuple(_lower(branch) for branch in body)
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in body.in_avals]
    return jax.make_jaxpr(lambda *inputs: lower_precision(body.jaxpr)(body.consts, *inputs))(
        *shapes
    )
