"""Walks a traced function operation by operation.

A walker is given a rule, which computes the results of one operation. Calls (jit, checkpoint,
custom derivatives) are walked through as if their bodies stood in place, so a rule only ever meets
elementary operations. The exact method and the lowered precision are two rules.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar, cast

import jax
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from rcjax.array_types import ArrayLike

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

Value = TypeVar("Value")  # what a rule computes with
Variable: TypeAlias = Var | Literal
Rule: TypeAlias = Callable[[JaxprEqn, list[Value]], Sequence[Value]]


def walk(
    jaxpr: Jaxpr,
    consts: Sequence[Value],
    arguments: Sequence[Value],
    rule: Rule[Value],
    lift: Callable[[ArrayLike], Value] | None = None,
) -> list[Value]:
    """Evaluates a jaxpr with `rule` in place of every operation.

    Args:
        jaxpr: the open jaxpr.
        consts: values of its constant variables, in the representation of the rule.
        arguments: values of its arguments, in the representation of the rule.
        rule: rule(equation, inputs) -> the results of one operation.
        lift: turns a literal, or a constant of an inner jaxpr, into that representation; None
            where the rule computes with arrays.

    Returns:
        the results, in the representation of the rule.
    """
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def lifted(array: ArrayLike) -> Value:
        return cast(Value, array) if lift is None else lift(array)

    def read(variable: Variable) -> Value:
        if isinstance(variable, Literal):  # some hold numbers of Python
            return lifted(np.asarray(variable.val, cast(ShapedArray, variable.aval).dtype))
        return known[variable]

    for equation in jaxpr.eqns:
        if not equation.outvars:
            continue  # debug prints and the like: nothing downstream can depend on them
        inputs = [read(variable) for variable in equation.invars]
        body = call_body(equation)
        if body is None:
            outputs = rule(equation, inputs)
        else:
            outputs = walk(body.jaxpr, [lifted(c) for c in body.consts], inputs, rule, lift)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def call_body(equation: JaxprEqn) -> ClosedJaxpr | None:
    """The body of an operation that is a mere call, None for any other operation."""
    parameter = _CALLS.get(equation.primitive.name)
    body = None if parameter is None else equation.params[parameter]
    # In newer versions of JAX the two types are one, and a jaxpr holds its constants itself.
    if isinstance(body, Jaxpr) and not isinstance(body, ClosedJaxpr):
        return ClosedJaxpr(body, ())
    return body


def shape_of(variable: Variable) -> tuple[int, ...]:
    """The shape of the array that a variable stands for; empty where it stands for none."""
    return tuple(getattr(variable.aval, "shape", ()))


def bind(
    equation: JaxprEqn, inputs: Sequence[ArrayLike], params: Mapping[str, object] | None = None
) -> list[jax.Array]:
    """Applies an operation as it stands, or with other parameters; always a list of results."""
    params = equation.params if params is None else params
    outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(params))
    return list(outputs) if equation.primitive.multiple_results else [outputs]
