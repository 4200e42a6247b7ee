"""Optimizers by name: the rules by which a gradient becomes a step.

The numbers of an optimizer are arguments of the compiled epoch, not part of it: runs that differ in
them alone share one compiled program, and can be mapped over with `jax.vmap`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import optax

# Float scalars by the name of their config field; "learning_rate" is that of the epoch at hand.
Hyperparameters = Mapping[str, Any]


@dataclass(frozen=True)
class Optimizer:
    """Stochastic gradient descent with momentum, as the paper's runs use it.

    Weight decay is added to the gradient of every parameter (biases and batch norm's too), then
    `velocity = momentum * velocity + gradient`, and the step is `learning_rate * velocity`: no
    Nesterov, no dampening.

    Reference: section 3 of the paper's training details.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters that `update` takes."""
        return ("learning_rate", "momentum", "weight_decay")

    def init(self, parameters: Any) -> Any:
        """The state before the first step; its structure does not depend on hyperparameters."""
        return self._transformation(dict.fromkeys(self.names, 0.0)).init(parameters)

    def update(
        self, gradients: Any, state: Any, parameters: Any, hyperparameters: Hyperparameters
    ) -> tuple[Any, Any]:
        """One step. Works inside `jax.jit` and `jax.vmap`.

        Args:
            gradients: of the loss, like `parameters`.
            state: of `init` or of the step before.
            parameters: a pytree of arrays.
            hyperparameters: float scalars by name, traced or not; those in `names`.

        Returns:
            The parameters and the optimizer's state after the step.
        """
        transformation = self._transformation(hyperparameters)
        direction, state = transformation.update(gradients, state, parameters)
        return descend(parameters, direction, hyperparameters["learning_rate"]), state

    def _transformation(self, values: Hyperparameters) -> optax.GradientTransformation:
        """Makes the direction of a step, without the learning rate."""
        return optax.chain(
            optax.add_decayed_weights(values["weight_decay"]), optax.trace(values["momentum"])
        )


def descend(parameters: Any, direction: Any, learning_rate: jax.Array) -> Any:
    """Returns `parameters - learning_rate * direction`, leaf by leaf, in the parameters' dtypes."""
    return jax.tree.map(
        lambda parameter, step: parameter - learning_rate.astype(parameter.dtype) * step,
        parameters,
        direction,
    )
