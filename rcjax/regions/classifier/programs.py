"""Turns a JAX classifier into a hashable program and the arrays it needs as arguments.

Arrays that a classifier holds (the parameters of a network) must be arguments of the compiled
code, not constants in it: constants are slow to compile, are held twice, and would force a
compilation whenever the network has been trained further.
"""

import re
import sys
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from rcjax.regions.classifier.outputs import check_output_dtype, check_output_shape

# Operations that call back into Python; what they call is not in the text of a jaxpr.
_CALLBACK = "callback"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Program:
    """A classifier traced at one batch size, with the arrays it holds taken out.

    Its identity is the text of its jaxpr, so that the same network with retrained parameters
    reuses the compiled code. Where the text does not show everything (arrays embedded further in,
    calls back into Python), no two traces count as equal.

    Attributes:
        jaxpr: the open jaxpr.
        classes: number of scores of a point, None for a classifier that returns labels.
        bytes_per_point: size of the largest array that any operation writes, for one point.
    """

    def __init__(self, closed: jex.ClosedJaxpr, batch_size: int):
        self.jaxpr = closed.jaxpr
        shape = closed.out_avals[0].shape
        self.classes = shape[1] if len(shape) == 2 else None
        self.bytes_per_point = _largest_value(closed.jaxpr) // batch_size
        # The forward pass of a function with a gradient of its own is in the text; the addresses
        # of the functions that would make the gradient differ from trace to trace.
        text = _ADDRESS.sub("", str(closed.jaxpr))
        self._key: Any = object() if _hides_something(closed.jaxpr) else text

    def __call__(self, arrays: tuple[Any, ...], points: jax.Array) -> Any:
        return jax.core.eval_jaxpr(self.jaxpr, arrays, points)[0]

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and (type(self), self._key) == (type(other), other._key)


class ParameterProgram(Program):
    """A classifier whose parameters are an argument: `program(arrays, *leaves, points)`."""

    def __call__(self, arrays: tuple[Any, ...], *leaves_and_points: Any) -> Any:
        return jax.core.eval_jaxpr(self.jaxpr, arrays, *leaves_and_points)[0]


def split(predict: Any, feature_shape: tuple[int, ...], batch_size: int) -> tuple[Program, tuple]:
    """A hashable program and its arrays: `program(arrays, points [batch_size, *features])`.

    `predict` is traced anew at every call: what it holds may have changed since the last one.
    """
    closed = trace(predict, feature_shape, batch_size)
    return Program(closed, batch_size), tuple(closed.consts)


def trace(predict: Any, feature_shape: tuple[int, ...], batch_size: int) -> jex.ClosedJaxpr:
    """The jaxpr of `predict` on float32 points [batch_size, *features], its output checked."""
    if not callable(predict):
        raise ValueError(
            "predict must be a function from points [n, *features] to labels or scores, got "
            f"{predict!r}; wrap what is not a JAX function: count_regions(on_host(predict), ...)"
        )
    refuse_training_mode(predict)
    points = jax.ShapeDtypeStruct((batch_size, *feature_shape), jnp.float32)
    try:
        # A fresh function every time: JAX remembers traces by the identity of the function, and
        # what a closure holds (a network that is being trained) may have changed since.
        closed, output = jax.make_jaxpr(lambda x: predict(x), return_shape=True)(points)
    except (
        jax.errors.TracerArrayConversionError,
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerBoolConversionError,
    ) as error:
        raise ValueError(
            "predict is not a JAX function (it turned a traced array into numpy or Python "
            "values); wrap it: count_regions(on_host(predict), ...)"
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"predict failed on points of shape {points.shape}, which is [n, *features] by the "
            f"shape of the anchors ({' '.join(str(error).split())}); give the anchors the shape "
            "that predict takes, and wrap what is not a JAX function in on_host"
        ) from error
    if not hasattr(output, "shape"):
        raise ValueError(
            "predict must return one array, labels [n] or scores [n, classes]; it returned a "
            f"{type(output).__name__} (of a network that returns its state too, take the logits)"
        )
    check_output_shape(output.shape, batch_size)
    check_output_dtype(output.dtype, len(output.shape))
    return closed


def refuse_training_mode(predict: Any) -> None:
    """Refuses Flax NNX modules in training mode, also those that a function holds.

    There the label of a point depends on the other points of its batch.
    """
    cells = [cell.cell_contents for cell in getattr(predict, "__closure__", None) or ()]
    for held in (predict, getattr(predict, "__self__", None), *cells):
        if not any(
            f"{kind.__module__}.{kind.__name__}" == "flax.nnx.module.Module"
            for kind in type(held).__mro__
        ):
            continue
        for _, module in sys.modules["flax.nnx"].iter_modules(held):
            training = getattr(module, "use_running_average", None) is False
            if training or getattr(module, "deterministic", None) is False:
                raise ValueError(
                    f"the network is in training mode (its {type(module).__name__} is), where a "
                    "label depends on the whole batch; call model.eval() first"
                )


def _inner(equation: Any) -> list[Any]:
    return list(jex.jaxprs_in_params(equation.params))


def _hides_something(jaxpr: Any) -> bool:
    """Whether two jaxprs of equal text may differ."""
    for equation in jaxpr.eqns:
        if _CALLBACK in equation.primitive.name:
            return True
        if any(isinstance(v, jex.Literal) and np.ndim(v.val) > 0 for v in equation.invars):
            return True
        for value in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda v: isinstance(v, jex.ClosedJaxpr)
        ):
            if isinstance(value, jax.Array | np.ndarray):
                return True
            if isinstance(value, jex.ClosedJaxpr) and value.consts:
                return True
        if any(_hides_something(inner) for inner in _inner(equation)):
            return True
    return False


def _largest_value(jaxpr: Any) -> int:
    """Bytes of the largest array that any operation writes."""
    largest = 4
    for equation in jaxpr.eqns:
        for out in equation.outvars:
            if hasattr(out.aval, "shape") and hasattr(out.aval, "dtype"):
                size = int(np.prod(out.aval.shape)) * getattr(out.aval.dtype, "itemsize", 4)
                largest = max(largest, size)
        largest = max([largest] + [_largest_value(inner) for inner in _inner(equation)])
    return largest
