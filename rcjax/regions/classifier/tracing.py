"""Traces a predict function once, on a batch of one point."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from rcjax.regions.classifier.programs import Handle, split
from rcjax.regions.classifier.walking import call_body, shape_of
from rcjax.regions.types import Arrays, Predict


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """A predict function as a jaxpr whose arguments are `arrays` and then one point [1, *features].

    The arrays (parameters, closed-over constants) are arguments, never baked into compiled code.
    Equal programs share one jaxpr object, so code compiled for a jaxpr serves again when only the
    arrays have changed.
    """

    jaxpr: Jaxpr
    arrays: Arrays


def trace_predict(predict: Predict, features: tuple[int, ...]) -> Trace:
    """Traces `predict` on a batch of one float32 point.

    A batch of one makes the trace independent of other points by construction.

    Raises:
        ValueError: predict is no JAX function, or returns neither labels nor scores.
    """
    program, arrays = split(predict, features, 1)
    kinds = tuple((np.shape(array), array.dtype) for array in arrays)
    closed = _trace_program(program.handle, kinds, features, jnp.result_type(float))
    return Trace(closed.jaxpr, (*closed.consts, *arrays))


@functools.lru_cache(maxsize=16)
def _trace_program(
    program: Handle,
    kinds: tuple[tuple[tuple[int, ...], np.dtype], ...],
    features: tuple[int, ...],
    widest: np.dtype,
) -> ClosedJaxpr:
    del widest  # float64 if x64 is enabled; part of the key: the setting changes what is traced
    arrays = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds)
    point = jax.ShapeDtypeStruct((1, *features), jnp.float32)
    return jax.make_jaxpr(program)(arrays, point)


def values_per_point(jaxpr: Jaxpr) -> int:
    """Number of values that all operations together produce: a measure of memory for one point."""
    total = 0
    for equation in jaxpr.eqns:
        total += sum(math.prod(shape_of(v)) for v in equation.outvars)
        body = call_body(equation)
        if body is not None:
            total += values_per_point(body.jaxpr)
    return total
