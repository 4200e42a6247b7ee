"""The size of a run's network, told without a data set and without a device."""

import functools
import math

import jax

from rcjax import models
from rcjax.config import RunConfig
from rcjax.errors import UserError


def parameters_of_network(config: RunConfig) -> int:
    """Returns how many numbers a run trains, for images of the usual size where it names none.

    It is for comparisons: the data set may have other images and another number of classes.

    Example:
        >>> small, large = (RunConfig(network="mlp", width=width) for width in (4, 8))
        >>> 1 < parameters_of_network(large) / parameters_of_network(small) < 4
        True
    """
    return _parameters(config.network, config.width, config.depth, config.image_size)


@functools.lru_cache(maxsize=1024)
def _parameters(network: str, width: int, depth: int, image_size: int) -> int:
    for size in (image_size or 32, 1):  # networks for vectors take images of one pixel
        try:
            init, _ = models.functional(
                network, width=width or None, depth=depth or None, image_size=size
            )
            # Traced, not computed: a driver must not take the devices of its workers.
            found, _ = jax.eval_shape(lambda init=init: init(jax.random.key(0)))
        except UserError:
            continue
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(found))
    return 1
