"""The normalisation constants of every data set, in one table, and their use."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Normalization(NamedTuple):
    """Mean and spread of each channel, in units of pixel / 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


# The paper's constants, where it has any. Its spread of CIFAR-10 is smaller than the true one
# (0.247, 0.243, 0.262); the results depend on it, so it stays as published.
_CIFAR10 = Normalization((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
NORMALIZATION: dict[str, Normalization] = {
    "digits": Normalization((0.3049,), (0.3757,)),  # of the training split
    "cifar10": _CIFAR10,
    "cifar100": Normalization((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "svhn_cropped": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "synthetic": _CIFAR10,
}


Array = jax.Array | np.ndarray


def normalize(images: Array, mean: Array, std: Array) -> jax.Array:
    """Returns `(images / 255 - mean) / std` in float32.

    Arguments:
        images: uint8 `[..., channels]`, pixels in 0 .. 255.
        mean: float `[channels]`, in units of pixel / 255.
        std: float `[channels]`, in the same units, positive.

    Returns:
        float32, the shape of `images`. Works inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> from rcjax.data import normalize
        >>> black_and_white = np.array([[0], [255]], np.uint8)
        >>> print(normalize(black_and_white, np.array([0.5]), np.array([0.25])))
        [[-2.]
         [ 2.]]
    """
    pixels = jnp.asarray(images, jnp.float32) / 255.0
    return (pixels - jnp.asarray(mean, jnp.float32)) / jnp.asarray(std, jnp.float32)
