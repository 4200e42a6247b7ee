"""Optimizers by name, with PyTorch's semantics: the rules by which a gradient becomes a step.

The numbers of an optimizer are arguments of the compiled epoch, not part of it: runs that differ in
them alone share one compiled program, and can be mapped over with `jax.vmap`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rcjax.config import RunConfig

# Float scalars by the name of their config field; "learning_rate" is that of the epoch at hand.
Hyperparameters = Mapping[str, Any]

# By optimizer: the config's fields that it reads besides learning_rate and weight_decay. The
# numbers among them are arguments of a step; nesterov decides how it is compiled.
OPTIMIZER_FIELDS: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("beta1", "beta2", "epsilon"),
    "adamw": ("beta1", "beta2", "epsilon"),
    "adagrad": ("epsilon",),
    "rmsprop": ("decay_rate", "epsilon"),
    "adadelta": ("decay_rate", "epsilon"),
    "sam": ("momentum", "nesterov", "sam_radius"),
}
# What PyTorch takes where the config's field is 0.
_PYTORCH_DEFAULTS: dict[str, dict[str, float]] = {
    "adam": {"epsilon": 1e-8},
    "adamw": {"epsilon": 1e-8},
    "adagrad": {"epsilon": 1e-10},
    "rmsprop": {"epsilon": 1e-8, "decay_rate": 0.99},
    "adadelta": {"epsilon": 1e-6, "decay_rate": 0.9},
}
_NORM_GUARD = 1e-12  # of SAM, against a gradient of zero


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by name; its hyperparameters are arguments of every step.

    Weight decay is added to the gradient of every parameter (biases and batch norm's too), as
    PyTorch does; with adamw it shrinks the parameters by themselves. Further semantics:

    sgd: `velocity = momentum * velocity + gradient`, no dampening; the velocity is the step.
    adagrad: no decay of the learning rate, sums of squares from 0.
    rmsprop: not centred, no momentum.
    sam: sgd, with the gradient of the point at distance `sam_radius` along the gradient
        (`ascended`); `train_step` computes both gradients.

    Args:
        name: a key of `OPTIMIZER_FIELDS`.
        nesterov: sgd and sam step along `gradient + momentum * velocity`.

    Example:
        >>> optimizer = Optimizer("adam")
        >>> optimizer.names
        ('learning_rate', 'weight_decay', 'beta1', 'beta2', 'epsilon')
        >>> numbers = dict.fromkeys(optimizer.names, 0.5)
        >>> parameters = {"weight": jnp.ones(2)}
        >>> state = optimizer.init(parameters)
        >>> gradients = {"weight": jnp.array([1.0, 0.0])}
        >>> optimizer.update(gradients, state, parameters, numbers)[0]["weight"].shape
        (2,)

    Source:
        Section 3 of the paper's training details for sgd; `torch.optim` for the numbers;
        Foret et al. 2021, "Sharpness-Aware Minimization", for sam.
    """

    name: str = "sgd"
    nesterov: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters that `update` takes."""
        own = [name for name in OPTIMIZER_FIELDS[self.name] if name != "nesterov"]
        return ("learning_rate", "weight_decay", *own)

    def init(self, parameters: Any) -> Any:
        """The state before the first step; its structure does not depend on hyperparameters."""
        return self._transformation(dict.fromkeys(self.names, 0.0)).init(parameters)

    def ascended(
        self, gradients: Any, parameters: Any, hyperparameters: Hyperparameters
    ) -> Any | None:
        """Returns the point of a second gradient, or None for optimizers that need one gradient."""
        if self.name != "sam":
            return None
        norm = optax.tree.norm(gradients)
        return descend(parameters, gradients, -hyperparameters["sam_radius"] / (norm + _NORM_GUARD))

    def update(
        self, gradients: Any, state: Any, parameters: Any, hyperparameters: Hyperparameters
    ) -> tuple[Any, Any]:
        """One step. Works inside `jax.jit` and `jax.vmap`.

        Args:
            gradients: of the loss, like `parameters`; taken at `ascended` where that is a point.
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
        decay = optax.add_decayed_weights(values["weight_decay"])
        match self.name:
            case "sgd" | "sam":
                return optax.chain(decay, optax.trace(values["momentum"], self.nesterov))
            case "adam" | "adamw":
                adam = optax.scale_by_adam(values["beta1"], values["beta2"], values["epsilon"])
                return optax.chain(*((decay, adam) if self.name == "adam" else (adam, decay)))
            case "adagrad":
                return optax.chain(decay, _scale_by_sum_of_squares(values["epsilon"]))
            case "rmsprop":
                rate, epsilon = values["decay_rate"], values["epsilon"]
                return optax.chain(decay, optax.scale_by_rms(rate, epsilon, eps_in_sqrt=False))
            case "adadelta":
                rate, epsilon = values["decay_rate"], values["epsilon"]
                return optax.chain(decay, optax.scale_by_adadelta(rate, epsilon))
        raise ValueError(f"unknown optimizer {self.name!r}; known: {', '.join(OPTIMIZER_FIELDS)}")


def optimizer_of(config: RunConfig) -> tuple[Optimizer, dict[str, float]]:
    """Returns the optimizer that a config names, and its numbers but for the learning rate.

    A field `epsilon` or `decay_rate` of 0 stands for PyTorch's default of that optimizer.
    """
    optimizer = Optimizer(config.optimizer, config.nesterov)
    defaults = _PYTORCH_DEFAULTS.get(optimizer.name, {})
    numbers = {
        name: float(getattr(config, name)) or defaults.get(name, 0.0)
        for name in optimizer.names
        if name != "learning_rate"
    }
    return optimizer, numbers


def descend(parameters: Any, direction: Any, learning_rate: Any) -> Any:
    """Returns `parameters - learning_rate * direction`, leaf by leaf, in the parameters' dtypes."""
    return jax.tree.map(
        lambda parameter, step: parameter - jnp.asarray(learning_rate, parameter.dtype) * step,
        parameters,
        direction,
    )


class _SumOfSquares(NamedTuple):
    sum_of_squares: Any


def _scale_by_sum_of_squares(epsilon: Any) -> optax.GradientTransformation:
    """Adagrad as in PyTorch: `gradient / (sqrt(sum of squares) + epsilon)`.

    Optax's own adds epsilon under the root, which is another rule where gradients are small.
    """

    def init(parameters: Any) -> _SumOfSquares:
        return _SumOfSquares(jax.tree.map(jnp.zeros_like, parameters))

    def update(gradients: Any, state: _SumOfSquares, parameters: Any = None) -> tuple[Any, Any]:
        del parameters
        sums = jax.tree.map(lambda total, g: total + g * g, state.sum_of_squares, gradients)
        steps = jax.tree.map(lambda g, total: g / (jnp.sqrt(total) + epsilon), gradients, sums)
        return steps, _SumOfSquares(sums)

    return optax.GradientTransformation(init, update)
