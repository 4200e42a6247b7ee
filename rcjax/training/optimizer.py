"""Stochastic gradient descent with momentum, as the paper's runs use it."""

from typing import Any

import jax
import optax


def momentum_with_decay(momentum: float, weight_decay: float) -> optax.GradientTransformation:
    """The direction of a step, without the learning rate.

    Weight decay is added to the gradient of every parameter (biases and batch norm's too), then
    `velocity = momentum * velocity + gradient`. The velocity is the direction: no Nesterov, no
    dampening. `descend` applies it.

    Args:
        momentum: 0 <= momentum < 1.
        weight_decay: 0 or more.

    Reference: section 3 of the paper's training details.
    """
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.trace(decay=momentum))


def descend(parameters: Any, direction: Any, learning_rate: jax.Array) -> Any:
    """Returns `parameters - learning_rate * direction`, leaf by leaf, in the parameters' dtypes."""
    return jax.tree.map(
        lambda parameter, step: parameter - learning_rate.astype(parameter.dtype) * step,
        parameters,
        direction,
    )
