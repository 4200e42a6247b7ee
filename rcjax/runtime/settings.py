"""JAX's settings while rcjax computes: a user's own must not change results or stop a run."""

import contextlib
from collections.abc import Iterator

import jax


@contextlib.contextmanager
def own_jax_settings() -> Iterator[None]:
    """Computes with compiled programs, transfers of every kind and JAX's usual random numbers.

    `JAX_DISABLE_JIT` and `JAX_TRANSFER_GUARD` help to find faults in one's own code; the steps of
    a run are programs compiled ahead, which bring many small arrays to the device. The kind of
    random keys decides about weights and order of examples, so that a config and its seed would
    not say which run they are. Also a decorator, `@own_jax_settings()`.
    """
    with (
        jax.transfer_guard("allow"),
        jax.disable_jit(False),
        jax.default_prng_impl("threefry2x32"),
        jax.threefry_partitionable(True),
    ):
        yield
