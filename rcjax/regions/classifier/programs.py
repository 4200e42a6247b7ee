"""Turns a JAX classifier into a hashable program and the arrays it needs as arguments.

Arrays that a classifier holds (the parameters of a network) must be arguments of the compiled
code, not constants in it: constants are slow to compile, are held twice, and would force a
compilation whenever the network has been trained further.
"""

import copy
import functools
import math
import re
import weakref
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from rcjax.errors import UserError
from rcjax.regions.classifier.held import (
    is_torch_module,
    refuse_training_mode,
    refuse_unbound,
)
from rcjax.regions.classifier.mixed_precision import lower_precision
from rcjax.regions.classifier.outputs import check_output_dtype, check_output_shape
from rcjax.regions.classifier.surroundings import (
    callers_mesh,
    float32_products,
    has_mesh,
    telling_overflow,
)
from rcjax.regions.classifier.walking import bind, call_body, shape_of, walk
from rcjax.regions.types import Arrays, Predict

# Operations that call back into Python; what they call is not in the text of a jaxpr.
_CALLBACK = "callback"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
# A compiled program takes about 2 MB, and one that hides something holds what it calls back.
_MOST_PROGRAMS = 64
_HIDING_COUNTS_AS = 16


class _Clearable(Protocol):
    """What `jax.jit` returns can forget its compilations; JAX's own types do not say so."""

    def clear_cache(self) -> None: ...


_compiled_functions: list[_Clearable] = []
_programs: dict["Handle", int] = {}


Function = TypeVar("Function", bound=Callable[..., object])


def compiled(*static: str) -> Callable[[Function], Function]:
    """`jax.jit` for functions that take a `Program`; their compilations are let go in the end.

    JAX keeps what it compiled for good; a process that counts ever new functions would grow.
    """

    def decorate(function: Function) -> Function:
        of_jax = jax.jit(function, static_argnames=static)
        _compiled_functions.append(cast(_Clearable, of_jax))
        return cast(Function, of_jax)

    return decorate


def remember(program: "Program") -> None:
    """Counts a program whose handle goes to compiled functions; lets all go when too many."""
    _programs[program.handle] = _HIDING_COUNTS_AS if program.hides_something else 1
    if sum(_programs.values()) > _MOST_PROGRAMS:
        for function in _compiled_functions:
            function.clear_cache()
        _programs.clear()


class Program:
    """A classifier traced at one batch size, with the arrays it holds taken out.

    `program(arrays, points)`, or `program(arrays, *leaves, points)` where parameters are arguments.

    Its identity is the text of its jaxpr, so that the same network with retrained parameters
    reuses the compiled code. Where the text does not show everything (arrays embedded further in,
    calls back into Python), no two traces count as equal.

    Attributes:
        jaxpr: the open jaxpr.
        hides_something: whether two traces of equal text may still differ.
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
        self.hides_something = _hides_something(closed.jaxpr)
        self._key: Hashable = object() if self.hides_something else text
        self._compute: Callable[..., list[jax.Array]] = functools.partial(
            jax.core.eval_jaxpr, self.jaxpr
        )

    def __call__(self, arrays: Arrays, *arguments: jax.Array) -> jax.Array:
        output: jax.Array = self._compute(arrays, *arguments)[0]
        return output

    def in_bfloat16(self) -> "Program":
        """The program with its products in bfloat16; it takes the same arrays."""
        low = copy.copy(self)
        low._compute = lower_precision(self.jaxpr)
        low._key = ("bfloat16", self._key)
        remember(low)
        return low

    @property
    def handle(self) -> "Handle":
        """Stands for the program among the static arguments of a compiled function."""
        return Handle(self, self._key)


class Handle:
    """A program by its identity alone.

    JAX keeps static arguments for as long as the compiled function lives; a program would keep what
    it calls back with it. Whoever calls the compiled function holds the program meanwhile.
    """

    def __init__(self, program: Program, key: Hashable):
        self._program = weakref.ref(program)
        self._key = key

    def __call__(self, arrays: Arrays, *arguments: jax.Array) -> jax.Array:
        program = self._program()
        assert program is not None, "a function is traced while its program is held"
        return program(arrays, *arguments)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and self._key == other._key


def split(
    predict: Predict, feature_shape: tuple[int, ...], batch_size: int
) -> tuple[Program, Arrays]:
    """A hashable program and its arrays: `program(arrays, points [batch_size, *features])`.

    `predict` is traced anew at every call: what it holds may have changed since the last one.
    """
    closed = trace(predict, feature_shape, batch_size)
    program = Program(closed, batch_size)
    remember(program)
    return program, tuple(closed.consts)


def trace(predict: Predict, feature_shape: tuple[int, ...], batch_size: int) -> jex.ClosedJaxpr:
    """The jaxpr of `predict` on float32 points [batch_size, *features], its output checked."""
    if not callable(predict):
        raise ValueError(
            "predict must be a function from points [n, *features] to labels or scores, got "
            f"{predict!r}; wrap what is not a JAX function: count_regions(on_host(predict), ...)"
        )
    refuse_training_mode(predict)
    refuse_unbound(predict)
    if is_torch_module(predict):
        raise ValueError(
            f"a PyTorch module ({type(predict).__name__}) is not a JAX function; wrap it: "
            "count_regions(on_host(module), ...)"
        )
    points = jax.ShapeDtypeStruct((batch_size, *feature_shape), jnp.float32)
    try:
        with telling_overflow(), float32_products():
            closed, output = _traced(predict, points)
    except (
        jax.errors.TracerArrayConversionError,
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerBoolConversionError,
    ) as error:
        raise ValueError(
            "predict is not a JAX function (it turned a traced array into numpy or Python "
            "values); wrap it: count_regions(on_host(predict), ...)"
        ) from error
    except Exception as error:
        if type(error).__name__ == "TraceContextError":  # of Flax, which need not be installed
            raise ValueError(
                "predict changes a Flax NNX module while JAX traces it, as a module in training "
                "mode and nnx.jit with a module among its arguments do; call model.eval(), and "
                "count the model itself or lambda points: model(points)"
            ) from error
        shape = ", ".join(map(str, ("n", *feature_shape)))
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ValueError(
            f"predict failed on points [{shape}], the shape of a point by the anchors, n = "
            f"{batch_size} ({reason}); give the anchors the shape that predict takes (a network of "
            "single points needs jax.vmap, one of batches of one size must take others), and wrap "
            "what is not a JAX function in on_host"
        ) from error
    if not isinstance(output, jax.ShapeDtypeStruct):
        raise ValueError(
            "predict must return one array, labels [n] or scores [n, classes]; it returned a "
            f"{type(output).__name__} (of a network that returns its state too, take the logits)"
        )
    check_output_shape(output.shape, output.dtype, batch_size)
    check_output_dtype(output.dtype, len(output.shape))
    if any(isinstance(array, jax.core.Tracer) for array in closed.consts):
        raise UserError(
            "predict changes what it holds while JAX traces it, as a Keras model in training mode "
            "does; make the model anew, since its state is lost, and call it with training=False"
        )
    if _calls_hold_arrays(closed.jaxpr):
        # A jitted function holds its arrays itself: taken out, they leave one program for all.
        return jax.make_jaxpr(lambda x: walk(closed.jaxpr, closed.consts, [x], bind)[0])(points)
    return closed


def _traced(predict: Predict, points: jax.ShapeDtypeStruct) -> tuple[jex.ClosedJaxpr, object]:
    def trace() -> tuple[jex.ClosedJaxpr, object]:
        # A fresh function every time: JAX remembers traces by the identity of the function, and
        # what a closure holds (a network that is being trained) may have changed since.
        return jax.make_jaxpr(lambda x: predict(x), return_shape=True)(points)

    try:
        return trace()
    except Exception:
        if not has_mesh():
            raise
    with callers_mesh():
        return trace()


def _calls_hold_arrays(jaxpr: jex.Jaxpr) -> bool:
    bodies = [body for body in map(call_body, jaxpr.eqns) if body is not None]
    return any(body.consts or _calls_hold_arrays(body.jaxpr) for body in bodies)


def _hides_something(jaxpr: jex.Jaxpr) -> bool:
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
        if any(_hides_something(inner) for inner in jex.jaxprs_in_params(equation.params)):
            return True
    return False


def _largest_value(jaxpr: jex.Jaxpr) -> int:
    """Bytes of the largest array that any operation writes."""
    largest = 4
    for equation in jaxpr.eqns:
        for out in equation.outvars:
            itemsize = getattr(getattr(out.aval, "dtype", None), "itemsize", 4)
            largest = max(largest, math.prod(shape_of(out)) * itemsize)
        largest = max(
            [largest, *(_largest_value(inner) for inner in jex.jaxprs_in_params(equation.params))]
        )
    return largest
