"""Data sets by name."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from rcjax.data.dataset import Dataset
from rcjax.data.digits import load_digits
from rcjax.data.label_noise import label_shifts
from rcjax.data.mnist1d import load_mnist1d
from rcjax.data.mnist_5k import load_mnist_5k
from rcjax.data.names import FOLDER, NPZ, RESIDENT, check_name, is_streamed
from rcjax.data.normalization import NORMALIZATION, Normalization, chosen_normalization, measured
from rcjax.data.npz import load_npz
from rcjax.data.resizing import resize_images
from rcjax.data.stratify import stratified_subset
from rcjax.data.synthetic import load_synthetic
from rcjax.errors import UserError

NAMES: tuple[str, ...] = tuple(RESIDENT)
_MADE_HERE: dict[str, Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]] = {
    "digits": load_digits,
    "mnist1d": load_mnist1d,
    "mnist_5k": load_mnist_5k,
    "synthetic": load_synthetic,
}


def load(
    name: str,
    *,
    data_dir: str | None = None,
    train_examples: int = 0,
    seed: int = 0,
    label_noise: float = 0.0,
    image_size: int = 0,
    normalization_mean: Sequence[float] = (),
    normalization_std: Sequence[float] = (),
) -> Dataset:
    """Loads a data set into memory.

    Args:
        name: one of `NAMES`, or one of your own. "digits" (scikit-learn's, 8 x 8), "synthetic"
            (made-up images of CIFAR-10's shape), "mnist1d" (signals) and "mnist_5k" (28 x 28; both
            with the extra [datasets]) need no download; "cifar10", "cifar100" and
            "svhn_cropped" come through tensorflow-datasets (TensorFlow is not needed). A name that
            ends in ".npz" is a file of arrays, one that begins with "folder:" a folder of pictures:
            see `rcjax.data.npz.load_npz` and `rcjax.data.folders.list_folder`.
        data_dir: where tensorflow-datasets keeps its data; None is its own default, which the
            environment variable TFDS_DATA_DIR sets. Not used by the other sets.
        train_examples: 0 for the whole training set; otherwise so many of its examples, drawn at
            random with every class keeping its share. The test set stays whole.
        seed: of that draw, and of the noise.
        label_noise: 0 .. 1. `round(label_noise * n)` of the n training labels (after the draw) are
            replaced, each by one of the other classes, all equally likely. Test labels stay.
        image_size: pixels of a side; the middle square of every image is resized to it. 0 leaves
            the images as they are.
        normalization_mean, normalization_std: what is subtracted from `pixel / 255` (of float
            images from the pixel) and what the difference is divided by: one number, or one for
            each channel. Empty: the set's own.

    Returns:
        A `Dataset`. The order of the examples is always the same. A set's own normalisation is that
        of `rcjax.data.normalization`; of sets of your own it is mean and standard deviation of
        their whole training split, before any draw.

    Raises:
        UserError: unknown name; data missing, damaged or in a format that needs TensorFlow;
            `train_examples` negative or more than there are; a normalisation that does not fit.

    Example:
        >>> from rcjax.data import load
        >>> load("digits", train_examples=100, image_size=16).train_images.shape
        (100, 16, 16, 1)
    """
    check_name(name)
    if is_streamed(name):
        raise UserError(f"data set {name!r} is streamed; rcjax.data.open_stream opens it")
    train_images, train_labels, test_images, test_labels = _arrays(name, data_dir, image_size)
    normalization = chosen_normalization(
        normalization_mean,
        normalization_std,
        train_images.shape[-1],
        otherwise=functools.partial(_own_normalization, name, train_images),
    )
    num_classes = RESIDENT.get(name) or int(train_labels.max()) + 1
    if train_examples:  # before they are resized, which takes its time
        drawn = stratified_subset(train_labels, train_examples, seed)
        train_images, train_labels = train_images[drawn], train_labels[drawn]
    if image_size:
        train_images, test_images = (
            resize_images(images, image_size) for images in (train_images, test_images)
        )
    dataset = Dataset(
        name,
        train_images,
        train_labels,
        test_images,
        test_labels,
        num_classes=num_classes,
        mean=np.array(normalization.mean, np.float32),
        std=np.array(normalization.std, np.float32),
    )
    return _with_label_noise(dataset, label_noise, seed) if label_noise else dataset


def with_draws(
    dataset: Dataset, *, train_examples: int = 0, seed: int = 0, label_noise: float = 0.0
) -> Dataset:
    """Returns what `load` gives with these draws, from the same data set without draws.

    Args:
        dataset: the whole set.
        train_examples, seed, label_noise: as in `load`.

    Raises:
        UserError: `train_examples` or `label_noise` is out of range.
    """
    if train_examples:
        drawn = stratified_subset(dataset.train_labels, train_examples, seed)
        images, labels = dataset.train_images[drawn], dataset.train_labels[drawn]
        dataset = dataclasses.replace(dataset, train_images=images, train_labels=labels)
    return _with_label_noise(dataset, label_noise, seed) if label_noise else dataset


def _own_normalization(name: str, train_images: np.ndarray) -> Normalization:
    return NORMALIZATION[name] if name in NAMES else measured(name, train_images)


def _arrays(
    name: str, data_dir: str | None, image_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if name in NAMES:
        return _load_named(name, data_dir)
    if name.endswith(NPZ):
        return load_npz(name)
    from rcjax.data.folders import load_folder  # brings in tqdm

    return load_folder(name.removeprefix(FOLDER), image_size)


def _load_named(
    name: str, data_dir: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if name in _MADE_HERE:
        return _MADE_HERE[name]()
    from rcjax.data.prepare import load_prepared  # brings in tensorflow-datasets

    return load_prepared(name, data_dir)


def _with_label_noise(dataset: Dataset, share: float, seed: int) -> Dataset:
    if not 0 <= share <= 1:
        raise UserError(f"label_noise must be between 0 and 1, got {share}")
    shifts = label_shifts(dataset.train_size, dataset.num_classes, share, seed)
    noisy = (dataset.train_labels + shifts) % dataset.num_classes
    return dataclasses.replace(dataset, train_labels=noisy)
