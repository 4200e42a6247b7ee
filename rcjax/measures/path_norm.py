"""The path norm of a network whose only nonlinearities are ReLU and maxima."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn, Literal

from rcjax.array_types import Array, ArrayLike, Float
from rcjax.measures.inputs import Apply, Arrays
from rcjax.regions.classifier import walk
from rcjax.regions.exact import (
    Kind,
    NotPiecewiseLinear,
    PiecewiseLinearRule,
    Value,
    constant,
    scan_sizes,
)

# Squares of deep networks leave the range of float32; the sum is proportional to its input, so
# it is computed for several of them and the first result inside the range is taken.
Kinds = tuple[tuple[tuple[int, ...], np.dtype], ...]  # shapes and dtypes

_INPUTS = (0, -60, 60, -110)  # exponents of 2

_SUMS = {"add", "add_any", "reduce_sum", "reduce_window_sum", "cumsum", "concatenate", "pad"}
_MOVES = {
    *("reshape", "transpose", "broadcast_in_dim", "squeeze", "rev", "tile", "slice", "split"),
    *("stack", "unstack", "gather", "dynamic_slice", "dynamic_update_slice", "copy", "copy_p"),
    *("stop_gradient", "name", "optimization_barrier", "convert_element_type", "reduce_precision"),
}
_PRODUCTS = {"mul", "dot_general", "conv_general_dilated"}
_MAXIMA = {"reduce_max", "reduce_window_max"}


class UndefinedPathNorm(ValueError):
    """The network has an operation for which paths are not defined; the text names it."""


class _SquaredRule(PiecewiseLinearRule):
    """Evaluates a trace with every coefficient squared and every constant summand left out.

    What depends on the input is then a sum over paths: not negative, so ReLU changes nothing.
    """

    def __call__(self, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        """One operation; a map over slices (a grouped convolution on the CPU) is kept as a loop."""
        if equation.primitive.name == "scan" and scan_sizes(equation)[1] == 0:
            return self._map(equation, inputs)
        return super().__call__(equation, inputs)

    def _map(self, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        body, (fixed, _) = equation.params["jaxpr"], scan_sizes(equation)
        kinds: list[Kind] = []

        def turn(arrays: list[ArrayLike]) -> list[ArrayLike]:
            scanned = [Value(a, v.kind) for a, v in zip(arrays, inputs[fixed:], strict=True)]
            consts = [constant(const) for const in body.consts]
            results = walk(body.jaxpr, consts, [*inputs[:fixed], *scanned], self, constant)
            kinds[:] = [value.kind for value in results]
            return [value.array for value in results]

        arrays = jax.lax.map(turn, [value.array for value in inputs[fixed:]])
        return [Value(array, kind) for array, kind in zip(arrays, kinds, strict=True)]

    def linear(self, name: str, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        variable = [value.kind == Kind.LINEAR for value in inputs]
        if name in ("neg", "abs") or (name == "max" and self._is_relu(equation, variable)):
            return [inputs[variable.index(True)]]
        if name in _PRODUCTS and not all(variable):
            return self._apply(equation, self._squared(inputs))
        if name == "div" and not variable[1]:
            return self._apply(equation, self._squared(inputs))
        if name in _SUMS | _MOVES:
            return self._apply(equation, self._without_constants(inputs))
        if name == "sub":
            first, second = self._without_constants(inputs)
            return [Value(first.array + second.array, Kind.LINEAR)]
        if name in _MAXIMA or (name == "max" and all(variable)):
            return self._apply(equation, inputs)
        raise UndefinedPathNorm(f"the network uses {name!r}, which is neither linear nor ReLU")

    def _is_relu(self, equation: JaxprEqn, variable: list[bool]) -> bool:
        """Whether it is the maximum of a variable and the literal 0."""
        others = [v for v, depends in zip(equation.invars, variable, strict=True) if not depends]
        return [v.val for v in others if isinstance(v, Literal) and np.ndim(v.val) == 0] == [0]

    def _apply(self, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        return [Value(array, Kind.LINEAR) for array in self.bind(equation, inputs)]

    def _squared(self, inputs: list[Value]) -> list[Value]:
        return [v if v.kind == Kind.LINEAR else constant(jnp.square(v.array)) for v in inputs]

    def _without_constants(self, inputs: list[Value]) -> list[Value]:
        def floating(value: Value) -> bool:
            return bool(jnp.issubdtype(jnp.result_type(value.array), jnp.floating))

        return [
            constant(jnp.zeros_like(v.array)) if v.kind != Kind.LINEAR and floating(v) else v
            for v in inputs
        ]


def _sums_over_paths(
    apply: Apply, parameters: Arrays, state: Arrays, image: tuple[int, ...]
) -> Float[Array, " inputs"]:
    """Sums over paths times 2 ** exponent, for every exponent of _INPUTS."""
    dtype = jnp.result_type(*jax.tree.leaves(parameters))
    scales = jnp.exp2(jnp.array(_INPUTS, dtype))
    images = jnp.ones((1, *image), dtype)

    def logits(parameters: Arrays, state: Arrays, images: jax.Array) -> jax.Array:
        return apply(parameters, state, images, False)[0]

    with jax.default_matmul_precision("highest"):  # the products keep what they are traced with
        closed = jax.make_jaxpr(logits)(parameters, state, images)
    arrays = [constant(array) for array in jax.tree.leaves((parameters, state))]
    consts = [constant(array) for array in closed.consts]

    def total(scale: jax.Array) -> jax.Array:
        arguments = [*arrays, Value(scale * images, Kind.LINEAR)]
        [result] = walk(closed.jaxpr, consts, arguments, _SquaredRule(dtype), constant)
        return jnp.sum(result.array)

    return jax.vmap(total)(scales)


_compiled = jax.jit(_sums_over_paths, static_argnames=("apply", "image"))


def path_norm(apply: Apply, parameters: Arrays, state: Arrays, image: tuple[int, ...]) -> float:
    """Root of the sum, over all paths from an input to a logit, of the squared products of weights.

    Neyshabur et al., "Norm-Based Capacity Control in Neural Networks" (COLT 2015), p = 2; measure
    "path-norm" of Jiang et al. (ICLR 2020), of which this is the root. Computed as there, by
    evaluating the network on an image of ones with squared weights and without biases; every factor
    on the way counts as a weight: batch norm's weight / sqrt(running variance + eps), and the
    1 / pixels of a mean. A maximum over pixels takes the largest of the sums over paths that arrive
    there, since only one of its inputs is active for an image.

    Args:
        apply: any JAX function, as in `TrainedNetwork`.
        image: (height, width, channels).

    Raises:
        UndefinedPathNorm: the network has other nonlinearities (swish, sigmoid gates, attention):
            a rescaling that ReLU passes on would change what such a network computes.
    """
    reason = undefined_path_norm(apply, parameters, state, image)
    if reason:
        raise UndefinedPathNorm(reason)
    sums = np.asarray(_compiled(apply, parameters, state, image), np.float64)
    for exponent, value in zip(_INPUTS, sums, strict=True):
        if np.isfinite(value) and value > 0:
            return math.sqrt(math.ldexp(value, -exponent))
    return 0.0 if np.all(sums == 0) else math.nan


def undefined_path_norm(
    apply: Apply, parameters: Arrays, state: Arrays, image: tuple[int, ...]
) -> str:
    """Why a network has no path norm; empty where it has one. Computes nothing."""

    def kinds(arrays: Arrays) -> Kinds:
        return tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(arrays))

    structure = jax.tree.structure((parameters, state))
    return _reason(apply, structure, kinds((parameters, state)), image)


@functools.lru_cache(maxsize=64)
def _reason(
    apply: Apply, structure: jax.tree_util.PyTreeDef, kinds: Kinds, image: tuple[int, ...]
) -> str:
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds]
    parameters, state = jax.tree.unflatten(structure, leaves)
    try:
        jax.eval_shape(functools.partial(_sums_over_paths, apply, image=image), parameters, state)
    except (UndefinedPathNorm, NotPiecewiseLinear) as error:
        return str(error).partition(". ")[0]
    return ""
