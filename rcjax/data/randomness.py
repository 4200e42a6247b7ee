"""The random numbers of data sets that stay on the disk: a stream for each purpose."""

import enum

import numpy as np


class Purpose(enum.IntEnum):
    """The purposes of random numbers.

    Values start at 1: NumPy pads seeds with zeros, so 0 would equal a missing entry.
    """

    ORDER = 1  # of an epoch
    CROPS = 2  # of an example in an epoch
    SUBSET = 3  # of the training examples that a run uses
    EVALUATED = 4  # of those that measure its training accuracy


def generator(seed: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """Random numbers that depend on all arguments, and on nothing else.

    The purpose comes before the other numbers, always at the same place: NumPy fills a short seed
    up with zeros, so that (seed, 3) and (seed, 3, 0) are the same to it.

    Args:
        seed: of the run, below 2**32.
        purpose: what the numbers are used for.
        numbers: the epoch, the example, each below 2**32; always as many for one purpose.

    Returns:
        A generator at its start.

    Example:
        >>> from rcjax.data.randomness import Purpose, generator
        >>> draws = [generator(0, purpose).integers(2**32) for purpose in Purpose]
        >>> len(set(draws))
        4
    """
    return np.random.default_rng((seed, purpose, *numbers))
