"""The piecewise linear nonlinearities: their value, and the switches that decide it.

Each one selects its result by its switches instead of calling the operation itself. The value is
the same; the derivative at a tie is then that of the selected side (JAX takes the mean of both),
so value, derivative and pattern always belong to one linear piece.
"""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from rcjax.array_types import ArrayLike
from rcjax.regions.exact.kinds import Kind, Value
from rcjax.regions.exact.patterns import Switches, halfspace, largest_magnitude, winner

# Given the list that collects the switches, the equation and its operands.
Nonlinearity = Callable[[list[Switches], JaxprEqn, list[Value]], list[Value]]


def _at_least(switches: list[Switches], x: ArrayLike, y: ArrayLike) -> jax.Array:
    """The bit x >= y, with its switches recorded."""
    bit, found = halfspace(jnp.subtract(x, y), largest_magnitude(x, y))
    switches.append(found)
    return bit


def _maximum(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    x, y = (value.array for value in inputs)
    return [Value(jnp.where(_at_least(switches, x, y), x, y), Kind.LINEAR)]


def _minimum(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    x, y = (value.array for value in inputs)
    return [Value(jnp.where(_at_least(switches, y, x), x, y), Kind.LINEAR)]


def _absolute(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    x = inputs[0].array
    return [Value(jnp.where(_at_least(switches, x, jnp.zeros_like(x)), x, -x), Kind.LINEAR)]


def _clamp(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    low, x, high = (value.array for value in inputs)
    x = jnp.where(_at_least(switches, x, low), x, low)
    return [Value(jnp.where(_at_least(switches, high, x), x, high), Kind.LINEAR)]


def _sign(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    x = inputs[0].array
    zero = jnp.zeros_like(x)
    not_negative, not_positive = _at_least(switches, x, zero), _at_least(switches, zero, x)
    return [Value(not_negative.astype(x.dtype) - not_positive.astype(x.dtype), Kind.STEP)]


def _comparison(name: str) -> Nonlinearity:
    def apply(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        x, y = (value.array for value in inputs)
        if name in ("eq", "ne"):
            equal = _at_least(switches, x, y) & _at_least(switches, y, x)
            return [Value(equal if name == "eq" else ~equal, Kind.STEP)]
        bit = _at_least(switches, x, y) if name in ("ge", "lt") else _at_least(switches, y, x)
        return [Value(bit if name in ("ge", "le") else ~bit, Kind.STEP)]

    return apply


def _extremum(sign: int, positions: bool) -> Nonlinearity:
    """reduce_max, reduce_min, argmax and argmin, by the sign that turns them into a maximum."""

    def apply(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        axes = tuple(equation.params["axes"])
        operand = jnp.moveaxis(sign * inputs[0].array, axes, tuple(range(-len(axes), 0)))
        kept = operand.shape[: operand.ndim - len(axes)]
        candidates = operand.reshape(*kept, -1)
        index = jnp.argmax(candidates, axis=-1)
        numbers = jnp.expand_dims(jnp.arange(candidates.shape[-1]), tuple(range(index.ndim)))
        chosen = numbers == index[..., None]
        maximum = jnp.sum(jnp.where(chosen, candidates, 0), axis=-1)
        switches.append(winner(maximum[..., None], candidates))
        if positions:
            return [Value(index.astype(equation.params["index_dtype"]), Kind.STEP)]
        return [Value(sign * maximum, Kind.LINEAR)]

    return apply


def _pooling(sign: int) -> Nonlinearity:
    """reduce_window_max and reduce_window_min: the maximum over shifted strided slices."""

    def apply(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
        candidates = _windows(sign * inputs[0].array, equation)
        maximum = candidates[0]
        for candidate in candidates[1:]:
            maximum = jnp.where(candidate > maximum, candidate, maximum)
        switches.append(winner(maximum[None], jnp.stack(candidates)))
        return [Value(sign * maximum, Kind.LINEAR)]

    return apply


def _windows(operand: ArrayLike, equation: JaxprEqn) -> list[jax.Array]:
    """For every position within the window, the operand's values at that position."""
    params = equation.params
    sizes, strides = params["window_dimensions"], params["window_strides"]
    dilation = params["window_dilation"]
    lowest = jnp.asarray(-jnp.inf, operand.dtype)
    edges = [
        (low, high, base - 1)
        for (low, high), base in zip(params["padding"], params["base_dilation"], strict=True)
    ]
    padded = jax.lax.pad(operand, lowest, edges)
    reach = [(size - 1) * step for size, step in zip(sizes, dilation, strict=True)]
    slices = []
    for position in itertools.product(*map(range, sizes)):
        start = [p * step for p, step in zip(position, dilation, strict=True)]
        stop = [
            s + length - r for s, length, r in zip(start, padded.shape, reach, strict=True)
        ]  # fmt: skip
        slices.append(jax.lax.slice(padded, start, stop, strides))
    return slices


def _is_finite(switches: list[Switches], equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    return [Value(jnp.ones(np.shape(inputs[0].array), bool), Kind.STEP)]


NONLINEARITIES: dict[str, Nonlinearity] = {
    "max": _maximum,
    "min": _minimum,
    "abs": _absolute,
    "clamp": _clamp,
    "sign": _sign,
    "reduce_max": _extremum(1, positions=False),
    "reduce_min": _extremum(-1, positions=False),
    "argmax": _extremum(1, positions=True),
    "argmin": _extremum(-1, positions=True),
    "reduce_window_max": _pooling(1),
    "reduce_window_min": _pooling(-1),
    "is_finite": _is_finite,
    **{name: _comparison(name) for name in ("ge", "gt", "le", "lt", "eq", "ne")},
}
