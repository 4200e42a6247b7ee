"""Traces a predict function once and walks the trace operation by operation.

A walker is given a rule, which computes the results of one operation. Calls (jit, checkpoint,
custom derivatives) are walked through as if their bodies stood in place, so a rule only ever meets
elementary operations. The exact method and the lowered precision are two such rules.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from rcjax.regions.classifier.programs import split

# Operations that only wrap a body, by the parameter that holds it.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}

Rule = Callable[[Any, list], Sequence]


def walk(
    jaxpr: Jaxpr,
    consts: Sequence,
    arguments: Sequence,
    rule: Rule,
    lift: Callable[[Any], Any] = lambda value: value,
) -> list:
    """Evaluates a jaxpr with `rule` in place of every operation.

    Args:
        jaxpr: the open jaxpr.
        consts: values of its constant variables, in the representation of the rule.
        arguments: values of its arguments, in the representation of the rule.
        rule: rule(equation, inputs) -> the results of one operation.
        lift: turns a literal, or a constant of an inner jaxpr, into that representation.

    Returns:
        the results, in the representation of the rule.
    """
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def read(variable: Any) -> Any:
        return lift(variable.val) if isinstance(variable, Literal) else known[variable]

    for equation in jaxpr.eqns:
        if not equation.outvars:
            continue  # debug prints and the like: nothing downstream can depend on them
        inputs = [read(variable) for variable in equation.invars]
        body = call_body(equation)
        if body is None:
            outputs = rule(equation, inputs)
        else:
            outputs = walk(body.jaxpr, [lift(c) for c in body.consts], inputs, rule, lift)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def call_body(equation: Any) -> ClosedJaxpr | None:
    """The body of an operation that is a mere call, None for any other operation."""
    parameter = _CALLS.get(equation.primitive.name)
    body = None if parameter is None else equation.params[parameter]
    if body is None or hasattr(body, "consts"):
        return body
    return ClosedJaxpr(body, ())


def bind(equation: Any, inputs: Sequence, params: dict | None = None) -> list:
    """Applies an operation as it stands, or with other parameters; always a list of results."""
    params = equation.params if params is None else params
    outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(params))
    return list(outputs) if equation.primitive.multiple_results else [outputs]


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """A predict function as a jaxpr whose arguments are `arrays` and then one point [1, *features].

    The arrays (parameters, closed-over constants) are arguments, never baked into compiled code.
    Equal programs share one jaxpr object, so code compiled for a jaxpr serves again when only the
    arrays have changed.
    """

    jaxpr: Jaxpr
    arrays: tuple


def trace_predict(predict: Callable, features: tuple[int, ...]) -> Trace:
    """Traces `predict` on a batch of one float32 point.

    A batch of one makes the trace independent of other points by construction.

    Raises:
        ValueError: predict is no JAX function, or returns neither labels nor scores.
    """
    program, arrays = split(predict, features, 1)
    kinds = tuple((np.shape(array), array.dtype) for array in arrays)
    closed = _trace_program(program, kinds, features, jnp.result_type(float))
    return Trace(closed.jaxpr, (*closed.consts, *arrays))


@functools.lru_cache(maxsize=16)
def _trace_program(program: Any, kinds: tuple, features: tuple, widest: Any) -> ClosedJaxpr:
    del widest  # float64 if x64 is enabled; part of the key: the setting changes what is traced
    arrays = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds)
    point = jax.ShapeDtypeStruct((1, *features), jnp.float32)
    return jax.make_jaxpr(program)(arrays, point)


def values_per_point(jaxpr: Jaxpr) -> int:
    """Number of values that all operations together produce: a measure of memory for one point."""
    total = 0
    for equation in jaxpr.eqns:
        total += sum(math.prod(getattr(v.aval, "shape", ())) for v in equation.outvars)
        body = call_body(equation)
        if body is not None:
            total += values_per_point(body.jaxpr)
    return total
