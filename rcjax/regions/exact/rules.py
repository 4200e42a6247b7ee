"""Evaluates a traced function as a piecewise linear one, or names the operation that is not.

What depends on the input is computed in the working dtype, whatever dtype the trace names; what
does not is computed as traced (so 1 / sqrt(variance + eps) of a batch norm is the network's own).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn
from numpy.typing import DTypeLike

from rcjax.array_types import ArrayLike
from rcjax.regions.classifier import bind, shape_of, walk
from rcjax.regions.exact.kinds import Kind, Value, constant, refusal
from rcjax.regions.exact.nonlinearities import NONLINEARITIES
from rcjax.regions.exact.patterns import Switches

# Linear in all their floating operands together; other operands are indices or predicates.
_LINEAR = {
    *("add", "add_any", "sub", "neg", "reduce_sum", "reduce_window_sum", "cumsum"),
    *("reshape", "transpose", "broadcast_in_dim", "squeeze", "rev", "tile", "pad", "slice"),
    *("concatenate", "split", "stack", "unstack", "select_n", "gather"),
    *("dynamic_slice", "dynamic_update_slice"),
}
# Pass their operand on. Casts between floating dtypes are among them: see convert_element_type.
_IDENTITY = {
    *("copy", "copy_p", "stop_gradient", "name", "optimization_barrier", "device_put"),
    "sharding_constraint",
}
# Linear in each of two operands: one of them must not be LINEAR.
_PRODUCTS = {"mul", "dot_general", "conv_general_dilated"}
_CONTROL = {"while", "cond"}
_LONGEST_SCAN = 256

Special = Callable[[JaxprEqn, list[Value]], list[ArrayLike]]


class PiecewiseLinearRule:
    """The rule for `walk`; collects the switches of every nonlinearity it meets.

    Args:
        dtype: the working dtype of everything that depends on the input.
    """

    def __init__(self, dtype: DTypeLike):
        self.dtype = np.dtype(dtype)
        self.switches: list[Switches] = []

    def __call__(self, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        name = equation.primitive.name
        kind = max((value.kind for value in inputs), default=Kind.CONSTANT)
        if kind == Kind.CONSTANT:
            return [constant(a) for a in bind(equation, [value.array for value in inputs])]
        inputs = [Value(self.promote(value.array), value.kind) for value in inputs]
        if name == "scan":
            return self._unroll(equation, inputs)
        if name in _CONTROL:
            raise refusal(name, "a loop or branch that depends on the input")
        if kind == Kind.STEP:
            return [Value(a, Kind.STEP) for a in self.bind(equation, inputs)]
        return self.linear(name, equation, inputs)

    def linear(self, name: str, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        if name in NONLINEARITIES:
            return NONLINEARITIES[name](self.switches, equation, inputs)
        if name in _IDENTITY:
            return inputs
        if name in _PRODUCTS and all(value.kind == Kind.LINEAR for value in inputs):
            raise refusal(name, "a product of two values that both depend on the input")
        if name == "div" and inputs[1].kind == Kind.LINEAR:
            raise refusal(name, "a division by a value that depends on the input")
        if name in _LINEAR or name in _PRODUCTS or name == "div":
            return [Value(a, Kind.LINEAR) for a in self.bind(equation, inputs)]
        if name in _SPECIAL:
            return [Value(a, Kind.LINEAR) for a in _SPECIAL[name](equation, inputs)]
        raise refusal(name)

    def promote(self, array: ArrayLike) -> ArrayLike:
        """Floating arrays in the working dtype, others as they are."""
        if not jnp.issubdtype(jnp.result_type(array), jnp.floating):
            return array
        return jnp.asarray(array, self.dtype)

    def bind(self, equation: JaxprEqn, inputs: Sequence[Value]) -> list[jax.Array]:
        """Applies the operation with the dtypes among its parameters replaced, too."""
        params = {
            key: self.dtype if _is_floating(param) else param
            for key, param in equation.params.items()
        }
        if "precision" in params:  # float32 products must not be rounded to fewer bits
            params["precision"] = (jax.lax.Precision.HIGHEST,) * 2
        return bind(equation, [value.array for value in inputs], params)

    def _unroll(self, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        """A scan, turn by turn: the kind of what it carries may differ from turn to turn."""
        params = equation.params
        length, body = params["length"], params["jaxpr"]
        if length > _LONGEST_SCAN:
            raise refusal(
                "scan", f"{length} turns, more than the {_LONGEST_SCAN} that are unrolled"
            )
        consts, carry = scan_sizes(equation)
        fixed, carried = inputs[:consts], inputs[consts : consts + carry]
        scanned = inputs[consts + carry :]
        turns: list[list[Value]] = []
        order = range(length)
        for turn in reversed(order) if params["reverse"] else order:
            current = [Value(value.array[turn], value.kind) for value in scanned]
            lifted = [constant(c) for c in body.consts]
            results = walk(body.jaxpr, lifted, [*fixed, *carried, *current], self, constant)
            carried = results[:carry]
            turns.append(results[carry:])
        if params["reverse"]:
            turns.reverse()
        return carried + [_stack(values) for values in zip(*turns, strict=True)]


def scan_sizes(equation: JaxprEqn) -> tuple[int, int]:
    """Number of fixed and of carried inputs, read from the ranks: names differ between versions.

    What is scanned over, or collected, has one axis more outside of the body than inside.
    """
    body = equation.params["jaxpr"]
    pairs = zip(equation.outvars, body.out_avals, strict=True)
    carry = sum(len(shape_of(out)) == len(inner.shape) for out, inner in pairs)
    given = zip(equation.invars, body.in_avals, strict=True)
    unscanned = sum(len(shape_of(value)) == len(inner.shape) for value, inner in given)
    return unscanned - carry, carry


def _stack(values: Sequence[Value]) -> Value:
    return Value(jnp.stack([v.array for v in values]), max(v.kind for v in values))


def _is_floating(param: object) -> bool:
    return isinstance(param, np.dtype) and bool(jnp.issubdtype(param, jnp.floating))


def _cast(equation: JaxprEqn, inputs: list[Value]) -> list[ArrayLike]:
    dtype = np.dtype(equation.params["new_dtype"])
    if not _is_floating(dtype):
        raise refusal("convert_element_type", "values that depend on the input become integers")
    if dtype.itemsize < 4:
        raise refusal(
            "convert_element_type",
            f"a cast to {dtype.name}, whose rounding makes steps; evaluate in float32",
        )
    return [inputs[0].array]


def _reduce_precision(equation: JaxprEqn, inputs: list[Value]) -> list[ArrayLike]:
    if equation.params["mantissa_bits"] < 23:
        raise refusal("reduce_precision", "rounding to few bits makes steps; evaluate in float32")
    return [inputs[0].array]


def _integer_power(equation: JaxprEqn, inputs: list[Value]) -> list[ArrayLike]:
    power = equation.params["y"]
    if power == 2:
        raise refusal("square")
    if power != 1:
        gelu = "; the approximation of GELU has a cube" if power == 3 else ""
        raise refusal("integer_pow", f"power {power} of a value that depends on the input{gelu}")
    return [inputs[0].array]


def _scatter(function: Callable[..., jax.Array]) -> Special:
    """Scatters carry a body typed for the traced dtype; the public function makes a fresh one."""

    def apply(equation: JaxprEqn, inputs: list[Value]) -> list[ArrayLike]:
        params = equation.params
        names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
        arrays = [value.array for value in inputs]
        return [function(*arrays, **{key: params[key] for key in names})]

    return apply


_SPECIAL: dict[str, Special] = {
    "convert_element_type": _cast,
    "integer_pow": _integer_power,
    "reduce_precision": _reduce_precision,
    "scatter": _scatter(jax.lax.scatter),
    "scatter-add": _scatter(jax.lax.scatter_add),
    "scatter_add": _scatter(jax.lax.scatter_add),
}
