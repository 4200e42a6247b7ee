"""Symmetric label noise: some training labels replaced by wrong ones."""

import jax
import numpy as np

# A stream of its own under the seed of a run; `rcjax.training.state` uses the numbers 0 to 3.
_STREAM = 4


def label_shifts(examples: int, num_classes: int, share: float, seed: int) -> np.ndarray:
    """By how much each label is moved on, around the circle of classes.

    Exactly `round(share * examples)` labels are moved, a random choice among all; each becomes one
    of the *other* classes, all equally likely. So with `share` 1 no label is right.

    Args:
        examples: how many labels there are.
        num_classes: number of classes, at least 2.
        share: 0 .. 1.
        seed: the same seed makes the same noise.

    Returns:
        int32 `[examples]`, 0 for a label that stays, otherwise 1 .. num_classes - 1. The noisy
        labels are `(labels + shifts) % num_classes`.

    Example:
        >>> from rcjax.data.label_noise import label_shifts
        >>> int((label_shifts(1000, 10, share=0.2, seed=0) > 0).sum())
        200
    """
    key = jax.random.fold_in(jax.random.key(seed), _STREAM)
    # Random bits compile much faster than a permutation.
    order_bits, shift_bits = np.asarray(jax.random.bits(key, (2, examples), "uint32"))
    moved = np.argsort(order_bits, kind="stable")[: round(share * examples)]
    shifts = np.zeros(examples, np.int32)
    shifts[moved] = 1 + shift_bits[moved] % np.uint32(num_classes - 1)
    return shifts
