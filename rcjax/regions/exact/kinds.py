"""The values the exact method computes with, and the error for an operation it cannot treat.

Every intermediate value is one of three kinds:
- CONSTANT: does not depend on the input. Any operation on constants is allowed.
- STEP: piecewise constant, decided by the activation pattern (a comparison, a sign, an argmax).
  Any operation on steps gives a step.
- LINEAR: piecewise linear in the input. Only linear operations, and the nonlinearities of
  `nonlinearities`, are allowed.
"""

import enum
from typing import NamedTuple

from rcjax.array_types import ArrayLike


class Kind(enum.IntEnum):
    """How a value depends on the input."""

    CONSTANT = 0
    STEP = 1
    LINEAR = 2


class Value(NamedTuple):
    """An array and how it depends on the input."""

    array: ArrayLike
    kind: Kind


def constant(array: ArrayLike) -> Value:
    """A value that does not depend on the input."""
    return Value(array, Kind.CONSTANT)


_HINTS = {
    "exp": "If it comes from a softmax or log_softmax at the end, return the logits instead: their "
    "regions are the same. Otherwise ",
    "logistic": "If it is a sigmoid at the end, return the logits instead. Otherwise ",
    "rsqrt": "If it comes from a batch norm in training mode, switch to inference mode "
    "(model.eval()). Otherwise ",
}
for _name in ("square", "mul", "sqrt"):
    _HINTS[_name] = _HINTS["rsqrt"]
_HINTS["log"] = _HINTS["exp"]


class NotPiecewiseLinear(ValueError):
    """The traced function uses an operation that the exact method cannot treat."""


# Piecewise linear, or piecewise constant, but without a rule here.
_WITHOUT_RULE = {
    *("sort", "top_k", "approx_top_k", "cummax", "cummin", "floor", "ceil", "round", "rem"),
    *("while", "cond", "scan"),
}


def refusal(name: str, what: str = "") -> NotPiecewiseLinear:
    """The error that names an operation the exact method cannot treat, and what to do."""
    hint = _HINTS.get(name, "")
    detail = f" ({what})" if what else ""
    if name in _WITHOUT_RULE:
        return NotPiecewiseLinear(
            f"method='exact' has no rule for '{name}'{detail}, which predict uses; "
            "use method='adaptive'"
        )
    return NotPiecewiseLinear(
        f"predict is not piecewise linear: it uses '{name}'{detail}. {hint}"
        f"{'use' if hint else 'Use'} method='adaptive'"
    )
