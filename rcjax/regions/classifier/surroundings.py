"""Settings of JAX that a caller has made hold for the classifier, not for the counter around it."""

import contextlib
import contextvars
import warnings
from collections.abc import Iterator

import jax
import numpy as np

from rcjax.regions.anchors import INSIDE_JIT

_callers_mesh: contextvars.ContextVar[jax.sharding.Mesh | None] = contextvars.ContextVar(
    "mesh", default=None
)


@contextlib.contextmanager
def own_surroundings() -> Iterator[None]:
    """Counting is free of a caller's mesh, transfer guard, disabled compilation and `debug_infs`.

    A mesh is set aside only where there is one: JAX traces a function again under another mesh, so
    a classifier that is compiled already would be compiled twice.

    Raises:
        ValueError: inside of `jax.jit` and its like.
    """
    try:
        mesh = jax.sharding.get_mesh()
    except ValueError as error:
        raise ValueError(INSIDE_JIT) from error
    token = _callers_mesh.set(mesh)
    try:
        with contextlib.ExitStack() as settings:
            settings.enter_context(jax.transfer_guard("allow"))
            if not mesh.empty:
                settings.enter_context(jax.set_mesh(None))
            settings.enter_context(jax.disable_jit(False))
            settings.enter_context(jax.debug_infs(False))  # infinities mark absent places
            yield
    finally:
        _callers_mesh.reset(token)


def callers_mesh() -> contextlib.AbstractContextManager[object]:
    """The mesh that the caller has set, for a classifier that cannot be traced without it."""
    return jax.set_mesh(_callers_mesh.get())


def has_mesh() -> bool:
    """Whether the caller has set a mesh."""
    mesh = _callers_mesh.get()
    return mesh is not None and not mesh.empty


def float32_products() -> contextlib.AbstractContextManager[object]:
    """Products of float32 keep all of its bits, unless the caller of JAX has chosen otherwise.

    By default a GPU rounds their factors to TensorFloat-32 and a TPU to bfloat16. Labels then
    flicker near every boundary, and a fine grid counts up to twice the regions.
    """
    # JAX's own types do not list its settings, and leave what this one returns open.
    if getattr(jax.config, "jax_default_matmul_precision", None) is not None:
        return contextlib.nullcontext()
    highest: contextlib.AbstractContextManager[object] = jax.default_matmul_precision("highest")
    return highest


def float32_products_on_host() -> contextlib.AbstractContextManager[object]:
    """The same for what a classifier on the host calls of JAX, as a Keras model does.

    On a CPU, which rounds nothing, its functions keep what is compiled already.
    """
    return contextlib.nullcontext() if jax.default_backend() == "cpu" else float32_products()


@contextlib.contextmanager
def telling_overflow() -> Iterator[None]:
    """Warns if numbers of the classifier become infinite as float32."""
    overflowed: list[int] = []
    with np.errstate(over="call", call=lambda *_: overflowed.append(1)):
        yield
    if overflowed:
        warnings.warn(
            "predict holds numbers beyond float32, which become infinite in JAX; scale them down, "
            "or wrap a function of numpy arrays in on_host, which computes in float64",
            stacklevel=2,
        )
