"""Turns a JAX classifier into a hashable program and the arrays it needs as arguments.

Arrays that a classifier holds (the parameters of a network) must be arguments of the compiled
code, not constants in it: constants are slow to compile, are held twice, and would force a
compilation whenever the network has been trained further.
"""

import functools
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from rcjax.regions.outputs import check_output_dtype, check_output_shape

_PROBE_BATCH = 8


class TreeProgram:
    """A callable pytree (an Equinox or NNX module, a `jax.tree_util.Partial`) without its arrays.

    Two networks that differ in their arrays alone are the same program, so nothing is compiled
    again when training has moved on.
    """

    def __init__(self, treedef: Any, static: tuple[Any, ...]):
        self._key = (treedef, static)

    def __call__(self, arrays: tuple[Any, ...], points: jax.Array) -> Any:
        treedef, static = self._key
        rest = iter(arrays)
        return jax.tree.unflatten(treedef, [next(rest) if s is _ARRAY else s for s in static])(
            points
        )

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeProgram) and self._key == other._key


class TracedProgram:
    """A function traced at one batch size, with the arrays it closes over taken out.

    Its identity is the text of its jaxpr, so that a new closure over a retrained network reuses
    the compiled code. Where the text does not show everything (arrays embedded further in), no
    two traces count as equal.
    """

    def __init__(self, closed: jex.ClosedJaxpr):
        self.jaxpr = closed.jaxpr
        self._key = object() if _embeds_arrays(closed.jaxpr) else str(closed.jaxpr)

    def __call__(self, arrays: tuple[Any, ...], points: jax.Array) -> Any:
        return jax.core.eval_jaxpr(self.jaxpr, arrays, points)[0]

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TracedProgram) and self._key == other._key


_ARRAY = "<array>"


def split(predict: Any, feature_shape: tuple[int, ...], batch_size: int) -> tuple[Any, tuple]:
    """A hashable program and its arrays: `program(arrays, points [batch_size, *features])`."""
    leaves, treedef = jax.tree.flatten(predict)
    if len(leaves) == 1 and leaves[0] is predict:
        closed = trace(predict, feature_shape, batch_size)
        return TracedProgram(closed), tuple(closed.consts)
    static = tuple(_ARRAY if isinstance(leaf, jax.Array | np.ndarray) else leaf for leaf in leaves)
    try:
        hash((treedef, static))
    except TypeError:
        closed = trace(predict, feature_shape, batch_size)
        return TracedProgram(closed), tuple(closed.consts)
    arrays = tuple(leaf for leaf in leaves if isinstance(leaf, jax.Array | np.ndarray))
    return TreeProgram(treedef, static), arrays


def trace(predict: Any, feature_shape: tuple[int, ...], batch_size: int) -> jex.ClosedJaxpr:
    """The jaxpr of `predict` on float32 points [batch_size, *features], its output checked."""
    if not callable(predict):
        raise ValueError(
            f"predict must be a function from points [n, *features] to labels or scores, "
            f"got {predict!r}"
        )
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
    except TypeError as error:
        if type(predict).__module__.split(".")[0] in ("jax", "builtins"):
            raise
        raise ValueError(
            f"predict ({type(predict).__name__}) failed on a JAX array: {error}; if it is not a "
            "JAX function, wrap it: count_regions(on_host(predict), ...)"
        ) from error
    if not hasattr(output, "shape"):
        raise ValueError(
            "predict must return one array, labels [n] or scores [n, classes]; it returned a "
            f"{type(output).__name__} (of a network that returns its state too, take the logits)"
        )
    check_output_shape(output.shape, batch_size)
    check_output_dtype(output.dtype, len(output.shape))
    return closed


class Description:
    """What a trace tells: whether there are scores, how many classes, memory for a point."""

    def __init__(self, jaxpr: jex.Jaxpr, batch_size: int):
        shape = getattr(jaxpr.outvars[0].aval, "shape")  # noqa: B009
        self.classes = shape[1] if len(shape) == 2 else None
        self.bytes_per_point = _largest_value(jaxpr) // batch_size


def describe(predict: Any, feature_shape: tuple[int, ...]) -> Description:
    """Traces `predict` on a small batch. Callable pytrees are traced once for all their arrays."""
    program, arrays = split(predict, feature_shape, _PROBE_BATCH)
    if isinstance(program, TracedProgram):
        return Description(program.jaxpr, _PROBE_BATCH)
    kinds = tuple((a.shape, a.dtype) for a in arrays)
    return _describe_tree(program, kinds, feature_shape)


@functools.lru_cache(maxsize=32)
def _describe_tree(program: TreeProgram, kinds: tuple, feature_shape: tuple) -> Description:
    holder: dict[str, Description] = {}

    def probe(arrays: tuple) -> None:
        closed = trace(lambda points: program(arrays, points), feature_shape, _PROBE_BATCH)
        holder["it"] = Description(closed.jaxpr, _PROBE_BATCH)

    jax.eval_shape(probe, tuple(jax.ShapeDtypeStruct(s, d) for s, d in kinds))
    return holder["it"]


def _inner(equation: Any) -> list[Any]:
    return list(jex.jaxprs_in_params(equation.params))


def _embeds_arrays(jaxpr: Any) -> bool:
    for equation in jaxpr.eqns:
        if any(isinstance(v, jex.Literal) and np.ndim(v.val) > 0 for v in equation.invars):
            return True
        for value in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda v: isinstance(v, jex.ClosedJaxpr)
        ):
            if isinstance(value, jax.Array | np.ndarray):
                return True
            if isinstance(value, jex.ClosedJaxpr) and value.consts:
                return True
        if any(_embeds_arrays(inner) for inner in _inner(equation)):
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
