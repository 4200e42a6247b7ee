"""Gradient descent of many runs at once, in one compiled call for many steps."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rcjax.edge_of_stability.losses import Loss
from rcjax.edge_of_stability.networks import NetworkFunctions, Parameters

Advance = Callable[..., Parameters]

# A block of runs takes all its steps before the next block begins. Few enough runs that what a step
# computes stays in the cache of a core (1,000 networks of width 100 at once take over twice as
# long), enough that the cost of each operation is shared.
_NUMBERS_AT_ONCE = 400_000


def make_advance(
    network: NetworkFunctions, loss: Loss, points: jax.Array, labels: jax.Array, batch_size: int
) -> Advance:
    """Returns a function that takes many runs forward by some steps, all in one compiled call.

    Args:
        network: of which each run has parameters of its own.
        loss: of a batch.
        points: [n, *features].
        labels: [n].
        batch_size: examples a step, drawn without replacement and anew for each step; n takes all
            and draws nothing.

    Returns:
        advance(parameters, learning_rates [runs], keys [runs], first_step [], active [runs],
        steps=int) -> parameters, each leaf [runs, ...]. The parameters of runs that are not active
        come back as they were. Batches depend on key and step only, so that it does not matter
        into how many calls the steps are divided.
    """
    examples = len(points)

    def batch(key: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
        if batch_size == examples:
            return points, labels
        order = jax.random.permutation(jax.random.fold_in(key, step), examples)
        chosen = order[:batch_size]
        return points[chosen], labels[chosen]

    def update(
        parameters: Parameters, learning_rate: jax.Array, key: jax.Array, step: jax.Array
    ) -> Parameters:
        batch_points, batch_labels = batch(key, step)

        def objective(candidate: Parameters) -> jax.Array:
            return loss(network.outputs(candidate, batch_points), batch_labels)

        gradient = jax.grad(objective)(parameters)
        return jax.tree.map(
            lambda value, slope: value - learning_rate * slope, parameters, gradient
        )

    block = max(1, _NUMBERS_AT_ONCE // (network.numbers * batch_size))

    @functools.partial(jax.jit, static_argnames="steps")
    def advance(parameters, learning_rates, keys, first_step, active, *, steps):
        def whole_run(run):
            start, learning_rate, key = run

            def body(current, step):
                return update(current, learning_rate, key, step), None

            return jax.lax.scan(body, start, first_step + jnp.arange(steps))[0]

        with jax.default_matmul_precision("highest"):
            everything = (parameters, learning_rates, keys)
            moved = jax.lax.map(whole_run, everything, batch_size=block)
        return jax.tree.map(functools.partial(_choose, active), moved, parameters)

    return advance


def _choose(active: jax.Array, moved: jax.Array, kept: jax.Array) -> jax.Array:
    return jnp.where(active.reshape(-1, *[1] * (moved.ndim - 1)), moved, kept)
