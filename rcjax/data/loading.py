"""Data sets by name."""

import dataclasses

import numpy as np

from rcjax.data.dataset import Dataset
from rcjax.data.digits import load_digits
from rcjax.data.normalization import NORMALIZATION
from rcjax.data.stratify import stratified_subset
from rcjax.data.synthetic import load_synthetic
from rcjax.errors import UserError

_NUM_CLASSES = {"cifar10": 10, "cifar100": 100, "digits": 10, "svhn_cropped": 10, "synthetic": 10}
NAMES: tuple[str, ...] = tuple(_NUM_CLASSES)


def load(
    name: str, *, data_dir: str | None = None, train_examples: int = 0, seed: int = 0
) -> Dataset:
    """Loads a data set into memory.

    Arguments:
        name: one of `NAMES`. "digits" (scikit-learn's, 8 x 8) and "synthetic" (made-up images of
            CIFAR-10's shape) need no download; "cifar10", "cifar100" and "svhn_cropped" come
            through tensorflow-datasets (TensorFlow is not needed).
        data_dir: where tensorflow-datasets keeps its data; None is its own default, which the
            environment variable TFDS_DATA_DIR sets. Not used by the sets that need no download.
        train_examples: 0 for the whole training set; otherwise so many of its examples, drawn at
            random with every class keeping its share. The test set stays whole.
        seed: of that draw; without effect when `train_examples` is 0.

    Returns:
        A `Dataset`. The order of the examples is always the same.

    Raises:
        UserError: unknown name; data missing, damaged or in a format that needs TensorFlow;
            `train_examples` negative or more than there are.

    Example:
        >>> from rcjax.data import load
        >>> load("digits", train_examples=100).train_images.shape
        (100, 8, 8, 1)
    """
    if name not in NAMES:
        raise UserError(f"unknown data set {name!r}; known are {', '.join(NAMES)}")
    arrays = _load_arrays(name, data_dir)
    constants = NORMALIZATION[name]
    dataset = Dataset(
        name,
        *arrays,
        num_classes=_NUM_CLASSES[name],
        mean=np.array(constants.mean, np.float32),
        std=np.array(constants.std, np.float32),
    )
    return dataset if train_examples == 0 else _with_fewer_examples(dataset, train_examples, seed)


def _load_arrays(
    name: str, data_dir: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if name == "digits":
        return load_digits()
    if name == "synthetic":
        return load_synthetic()
    from rcjax.data.prepared import load_prepared  # brings in tensorflow-datasets

    return load_prepared(name, data_dir)


def _with_fewer_examples(dataset: Dataset, train_examples: int, seed: int) -> Dataset:
    chosen = stratified_subset(dataset.train_labels, train_examples, seed)
    return dataclasses.replace(
        dataset,
        train_images=dataset.train_images[chosen],
        train_labels=dataset.train_labels[chosen],
    )
