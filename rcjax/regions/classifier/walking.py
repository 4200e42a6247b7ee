"""Walks a traced function operation by operation.

A walker is given a rule, which computes the results of one operation. Calls (jit, checkpoint,
custom derivatives) are walked through as if their bodies stood in place, so a rule only ever meets
elementary operations. The exact method and the lowered precision are two such rules.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

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

Rule = Callable[[Any, list[Any]], Sequence[Any]]


def walk(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    arguments: Sequence[Any],
    rule: Rule,
    lift: Callable[[Any], Any] = lambda value: value,
) -> list[Any]:
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


def bind(equation: Any, inputs: Sequence[Any], params: dict[str, Any] | None = None) -> list[Any]:
    """Applies an operation as it stands, or with other parameters; always a list of results."""
    params = equation.params if params is None else params
    outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(params))
    return list(outputs) if equation.primitive.multiple_results else [outputs]
