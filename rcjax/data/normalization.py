"""The normalisation constants of every data set, in one table, and their use."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.errors import UserError

_PART = 1000  # images


class Normalization(NamedTuple):
    """Mean and spread of each channel, in units of pixel / 255 (of the pixel itself for floats)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


# The paper's constants, where it has any. Its spread of CIFAR-10 is smaller than the true one
# (0.247, 0.243, 0.262); the results depend on it, so it stays as published.
_CIFAR10 = Normalization((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
NORMALIZATION: dict[str, Normalization] = {
    "digits": Normalization((0.3049,), (0.3757,)),  # of the training split
    "cifar10": _CIFAR10,
    "cifar100": Normalization((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "mnist1d": Normalization((0.0,) * 40, (1.0,) * 40),  # the generator has standardised it
    "mnist_5k": Normalization((0.1312,), (0.3085,)),  # of the training split
    "svhn_cropped": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "synthetic": _CIFAR10,
}
# What everybody uses for ImageNet, and here for every streamed set: to measure one would take long.
IMAGENET_NORMALIZATION = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def chosen_normalization(
    mean: Sequence[float],
    std: Sequence[float],
    channels: int,
    otherwise: Callable[[], Normalization],
) -> Normalization:
    """Returns the constants that a caller gives; where one is empty, those of the data set.

    Args:
        mean, std: empty, one number for all channels, or one for each; as in `Normalization`.
        channels: of the images.
        otherwise: gives the data set's own; called only where it is needed.

    Raises:
        UserError: as many numbers as the images do not have channels, or a `std` that is not
            positive.

    Example:
        >>> chosen_normalization([0.5], [], 3, lambda: IMAGENET_NORMALIZATION)
        Normalization(mean=(0.5, 0.5, 0.5), std=(0.229, 0.224, 0.225))
    """
    given = {"normalization_mean": tuple(mean), "normalization_std": tuple(std)}
    for name, values in given.items():
        if len(values) not in (0, 1, channels):
            raise UserError(
                f"{name} must be one number, or one for each of the {channels} channels of the "
                f"images, got {len(values)}: {values}"
            )
    check_spread(given["normalization_std"])
    own = () if mean and std else otherwise()
    each = [values * channels if len(values) == 1 else values for values in given.values()]
    return Normalization(*(values or own[place] for place, values in enumerate(each)))


def check_spread(std: Sequence[float]) -> None:
    """Raises `UserError` where pixels cannot be divided by what the field normalization_std has."""
    # What float32 rounds to 0 divides no better than 0.
    if any(not np.float32(value) > 0 for value in std):
        raise UserError(f"normalization_std must be positive everywhere, got {tuple(std)}")


def measured(name: str, images: np.ndarray) -> Normalization:
    """Mean and standard deviation of each channel over a set of images.

    Args:
        name: of the data set, for the message.
        images: uint8 or float32 `[examples, height, width, channels]`.

    Raises:
        UserError: a channel is the same everywhere, so that nothing can be divided by its spread.
    """
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    pixels = len(images) * images.shape[1] * images.shape[2]

    def mean_of(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        # In parts: as float64 a large data set would fill the memory.
        parts = (images[start : start + _PART] for start in range(0, len(images), _PART))
        return sum(function(part / np.float64(scale)).sum((0, 1, 2)) for part in parts) / pixels

    mean = mean_of(lambda part: part)
    std = np.sqrt(mean_of(lambda part: (part - mean) ** 2))
    # Rounding may leave a constant channel a spread that is not quite 0.
    constant = np.flatnonzero((np.ptp(images, (0, 1, 2)) == 0) | (std.astype(np.float32) == 0))
    if len(constant):
        raise UserError(
            f"data set {name!r}: channel {constant[0]} has the same value in all training images; "
            "remove it"
        )
    return Normalization(tuple(mean.tolist()), tuple(std.tolist()))


Array = jax.Array | np.ndarray


def normalize(images: Array, mean: Array, std: Array) -> jax.Array:
    """Returns `(pixels - mean) / std` in float32.

    Args:
        images: `[..., channels]`; bytes (uint8) mean `pixels = images / 255`, floating-point
            numbers are the pixels themselves, whatever their range.
        mean: float `[channels]`, in units of the pixels.
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
    images = jnp.asarray(images)
    pixels = images.astype(jnp.float32)
    if not jnp.issubdtype(images.dtype, jnp.floating):
        pixels = pixels / 255.0
    axes = tuple(range(pixels.ndim - 1))
    mean, std = (jnp.expand_dims(jnp.asarray(value, jnp.float32), axes) for value in (mean, std))
    return (pixels - mean) / std
