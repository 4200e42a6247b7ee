"""The learning rate, epoch by epoch."""

import math


def cosine_by_epoch(base: float, epoch: int, epochs: int) -> float:
    """The learning rate during an epoch: `0.5 * base * (1 + cos(pi * epoch / epochs))`.

    Args:
        base: learning rate of the first epoch.
        epoch: epochs completed so far, 0 .. epochs. At `epochs` the rate is 0.
        epochs: epochs of the whole run.

    Returns:
        The rate, constant within the epoch.

    Example:
        >>> [round(cosine_by_epoch(0.1, epoch, 4), 4) for epoch in range(5)]
        [0.1, 0.0854, 0.05, 0.0146, 0.0]

    Reference: section 3 of the paper's training details (cosine, changed once an epoch).
    """
    return 0.5 * base * (1.0 + math.cos(math.pi * epoch / epochs))
