"""Choosing some examples of every class: how many of each, and which."""

import jax
import numpy as np

from rcjax.errors import UserError


def stratified_counts(sizes: np.ndarray, total: int) -> np.ndarray:
    """Divides `total` among classes in proportion to their sizes (largest remainders round up).

    Args:
        sizes: int `[classes]`, examples of each class, at least `total` together.
        total: how many examples to choose.

    Returns:
        int `[classes]` with sum `total`, nowhere above `sizes`. Equal remainders go to the lower
        class first.
    """
    # In integers: the share of a class is sizes * total / sum, here as quotient and remainder.
    counts, remainders = np.divmod(sizes.astype(np.int64) * total, max(int(sizes.sum()), 1))
    left_over = total - int(counts.sum())
    largest_first = np.argsort(-remainders, kind="stable")
    counts[largest_first[:left_over]] += 1
    return counts


def evenly_spaced(size: int, count: int) -> np.ndarray:
    """Positions of `count` examples spread evenly over `size`: int `[count]`, increasing."""
    return (2 * np.arange(count) + 1) * size // (2 * max(count, 1))


def held_out(labels: np.ndarray, total: int) -> np.ndarray:
    """Sets examples aside: each class gives its share, at even distances in its order.

    Every class keeps one example at least. Where its share is all that it has, another class gives
    one more; where none can, fewer than `total` are set aside.

    Args:
        labels: int `[examples]`.
        total: how many, 0 .. number of examples.

    Returns:
        bool `[examples]`, true for those set aside. Uses no random numbers.

    Example:
        >>> held_out(np.array([0, 0, 0, 1, 2]), 1).tolist()
        [False, True, False, False, False]
        >>> held_out(np.array([0, 1, 2]), 1).tolist()
        [False, False, False]
    """
    sizes = np.bincount(labels)
    most = np.maximum(sizes - 1, 0)
    counts = np.minimum(stratified_counts(sizes, total), most)
    missing = min(total, int(most.sum())) - int(counts.sum())
    counts += stratified_counts(most - counts, missing)
    mask = np.zeros(len(labels), bool)
    for members, count in zip(_by_class(labels, sizes), counts, strict=True):
        mask[members[evenly_spaced(len(members), count)]] = True
    return mask


def _by_class(labels: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    """Positions of the examples of each class, increasing."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])


def stratified_subset(labels: np.ndarray, total: int, seed: int) -> np.ndarray:
    """Draws `total` examples so that every class keeps its share, and one at least.

    Where `total` is less than the number of classes, the smallest ones are left out.

    Args:
        labels: int `[examples]`.
        total: how many to draw, 1 .. number of examples.
        seed: the same seed draws the same examples.

    Returns:
        int `[total]`, the positions drawn, increasing.

    Raises:
        UserError: `total` is negative, zero or larger than the number of examples.
    """
    check_total(total, len(labels))
    shuffled = np.asarray(jax.random.permutation(jax.random.key(seed), len(labels)))
    sizes = np.bincount(labels)
    counts = stratified_counts(sizes, total)
    lost = (counts == 0) & (sizes > 0)
    if total >= np.count_nonzero(sizes):
        counts += lost - stratified_counts(np.maximum(counts - 1, 0), int(lost.sum()))
    places = zip(_by_class(labels[shuffled], sizes), counts, strict=True)
    return np.sort(shuffled[np.concatenate([members[:count] for members, count in places])])


def check_total(total: int, examples: int) -> None:
    """Raises `UserError` where `total` of so many training examples cannot be drawn."""
    if not 0 < total <= examples:
        raise UserError(
            f"train_examples must be between 1 and the {examples} training examples there are "
            f"(0 takes all of them), got {total}"
        )
