"""The settings and initial values that the layers of a network share while it is being made.

All uniform numbers of a network come from one vector, drawn at once and handed out slice by slice:
one random operation compiles in a fraction of a second, one for every layer takes many seconds.
The price is that a weight depends on the layers made before it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

ConvolutionGradient = Literal["automatic", "plain", "custom"]


@dataclass(frozen=True)
class NetworkSettings:
    """Choices that hold for a whole network.

    Attributes:
        compute_dtype: type in which convolutions and linear layers are computed.
        convolution_gradient: see `rcjax.models.convolution_gradient`.
    """

    compute_dtype: np.dtype = np.dtype(np.float32)  # noqa: RUF009  # immutable
    convolution_gradient: ConvolutionGradient = "automatic"

    @property
    def parameter_dtype(self) -> np.dtype:
        """Type of parameters, statistics and logits: float32, or float64 for float64 networks."""
        return np.promote_types(np.float32, self.compute_dtype)


class Builder:
    """Hands out initial values to the layers of one network.

    Without `numbers` it only counts: every value is zero and `used` ends as the number of uniform
    numbers that the network needs.

    Args:
        settings: of the network.
        numbers: uniform in [-1, 1), shape [at least used].
        key: for layers that are random in training.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        numbers: jax.Array | None = None,
        key: jax.Array | None = None,
    ) -> None:
        self.settings = settings
        self.used = 0
        self._numbers = numbers
        self._key = key
        self._keys_used = 0

    def uniform(self, shape: tuple[int, ...], bound: float) -> jax.Array | np.ndarray:
        """Numbers uniform in [-bound, bound), of the parameter type."""
        start = self.used
        self.used += math.prod(shape)
        if self._numbers is None:
            return np.zeros(shape, self.settings.parameter_dtype)
        return bound * self._numbers[start : self.used].reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> jax.Array | np.ndarray:
        """Standard normal numbers, of the parameter type."""
        uniform = self.uniform(shape, 1.0)
        if self._numbers is None:
            return uniform
        # -1 itself, which uniform numbers may touch, would become minus infinity.
        smallest = np.nextafter(self.settings.parameter_dtype.type(-1), 0)
        return math.sqrt(2) * jax.lax.erf_inv(jnp.maximum(uniform, smallest))

    def constant(self, shape: tuple[int, ...], value: float) -> jax.Array | np.ndarray:
        """Returns an array of one value, of the parameter type."""
        make = np if self._numbers is None else jnp
        return make.full(shape, value, self.settings.parameter_dtype)

    def random_words(self) -> jax.Array | np.ndarray:
        """Two uint32 words that seed the randomness of one layer during training."""
        self._keys_used += 1
        if self._key is None:
            return np.zeros(2, np.uint32)
        return jax.random.bits(jax.random.fold_in(self._key, self._keys_used), (2,), np.uint32)
