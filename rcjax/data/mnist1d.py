"""MNIST-1D: made-up signals of ten classes, hard for perceptrons, easy for convolutions."""

import contextlib
import functools
import random
from collections.abc import Iterator

import numpy as np


@functools.lru_cache(maxsize=1)  # the generator takes seconds, and the runs of a study ask again
def load_mnist1d() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Makes the signals with the generator of the package mnist1d and its own choices (seed 42).

    A vector of 40 features is an image of one pixel whose channels are the features.

    Returns:
        train_images float32 `[4000, 1, 1, 40]`, train_labels int32 `[4000]`,
        test_images float32 `[1000, 1, 1, 40]`, test_labels int32 `[1000]`.

    Source: Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D" (ICML 2024).
    """
    from mnist1d.data import get_dataset_args, make_dataset

    with _own_random_numbers():  # the generator seeds the global ones
        made = make_dataset(get_dataset_args())
    images = [made[name].astype(np.float32).reshape(-1, 1, 1, 40) for name in ("x", "x_test")]
    labels = [made[name].astype(np.int32) for name in ("y", "y_test")]
    for array in (*images, *labels):
        array.flags.writeable = False
    return images[0], labels[0], images[1], labels[1]


@contextlib.contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Leaves the global random numbers of Python and NumPy as they were."""
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
