"""The state that training carries from one epoch to the next; a checkpoint holds all of it."""

import functools
from collections.abc import Callable
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.training.optimizer import Optimizer

# Every use of randomness has a stream of its own under the seed, so that none depends on how much
# another one draws: the slices are the same for every network and every training setting. The
# noise of labels has number 4, in `rcjax.data.label_noise`.
_INITIALISATION, _EPOCHS, _SLICES, _MEASURES = 0, 1, 2, 3


class TrainState(TypedDict):
    """A pytree of arrays.

    Attributes:
        parameters: nested dict of trained arrays.
        model_state: nested dict of arrays that the network updates itself (batch statistics).
        optimizer_state: the optimizer's arrays (momentum).
        key: jax.random key of the data order and augmentation; epochs fold in their number.
        epoch: int32 scalar, epochs completed: the position in schedule and data order.
    """

    parameters: Any
    model_state: Any
    optimizer_state: Any
    key: jax.Array
    epoch: jax.Array


def create_state(
    init: Callable[[jax.Array], tuple[Any, Any]], optimizer: Optimizer, seed: int | jax.Array
) -> TrainState:
    """Returns the state before the first epoch.

    Args:
        init: `key -> (parameters, model_state)`.
        optimizer: what makes steps of gradients.
        seed: the run's seed; may be traced, uint32.
    """
    root = jax.random.key(seed)
    parameters, model_state = init(jax.random.fold_in(root, _INITIALISATION))
    return TrainState(
        parameters=parameters,
        model_state=model_state,
        optimizer_state=optimizer.init(parameters),
        key=jax.random.fold_in(root, _EPOCHS),
        epoch=jnp.zeros((), jnp.int32),
    )


@functools.lru_cache(maxsize=32)
def state_creation(
    init: Callable[[jax.Array], tuple[Any, Any]], optimizer: Optimizer
) -> Callable[[np.uint32], TrainState]:
    """Returns `create_state` of a seed, compiled once for all runs of one network and optimizer."""
    return jax.jit(functools.partial(create_state, init, optimizer))


def state_after(state: TrainState, learned: tuple[Any, Any, Any], epochs: int) -> TrainState:
    """Returns the state after steps that yielded `learned`, and so many epochs more."""
    return TrainState(
        parameters=learned[0],
        model_state=learned[1],
        optimizer_state=learned[2],
        key=state["key"],
        epoch=state["epoch"] + epochs,
    )


def slices_key(seed: int) -> jax.Array:
    """Returns the key from which a run draws its slices; depends on the seed alone."""
    return jax.random.fold_in(jax.random.key(seed), _SLICES)


def measures_key(seed: int) -> jax.Array:
    """The key of what is random in the measures of a run's network; depends on the seed alone."""
    return jax.random.fold_in(jax.random.key(seed), _MEASURES)
