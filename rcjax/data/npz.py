"""Data sets of one's own in a NumPy file `.npz`."""

import os
from collections.abc import Sequence

import numpy as np

from rcjax.data.stratify import held_out
from rcjax.errors import UserError
from rcjax.outside import arrays_of, expanded, one_line

# Names of training images, training labels, test images, test labels; the second are Keras' own.
SPLIT_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
_KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")
_UNSPLIT_KEYS = (("images", "labels"), ("x", "y"))
_TEST_PART = 5  # one in so many examples is for testing where the file holds no split
_REMEDY = "write it again with numpy.savez_compressed, from arrays of numbers"


def load_npz(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads images and labels from a `.npz` file; no code in the file is ever run.

    Args:
        path: of the file. It holds `train_images`, `train_labels`, `test_images`, `test_labels`
            (or, as Keras names them, `x_train`, `y_train`, `x_test`, `y_test`); further arrays are
            not read. A file with only `images` and `labels`, or `x` and `y`, is split once and for
            all: each class gives a fifth of its examples to the test set, taken at even distances
            in the order of the file, and keeps one for training at least.
            Images are `[n, height, width]` or `[n, height, width, channels]`, not channels first;
            integers must lie in 0 .. 255, floating-point numbers in any finite range. Vectors
            `[n, features]`, of any finite numbers, become images of one pixel whose channels are
            the features. Labels are integers `[n]` or `[n, 1]`; in training every class 0 .. K - 1
            must occur.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`.

    Raises:
        UserError: no such file, or its contents cannot be used; the line says how to mend it.
    """
    arrays = read_arrays(path, (SPLIT_KEYS, _KERAS_KEYS, *_UNSPLIT_KEYS), _REMEDY)
    keys = tuple(arrays)
    pairs = [
        _pair(path, arrays, image_key, label_key)
        for image_key, label_key in zip(keys[::2], keys[1::2], strict=True)
    ]
    images, labels = pairs[0]
    _check_classes(f"{path}: {keys[1]}", labels)
    if keys in _UNSPLIT_KEYS:
        is_test = held_out(labels, max(1, len(labels) // _TEST_PART))
        if not is_test.any():
            raise UserError(
                f"{path}: {keys[1]} has one example of each class, and none can be spared for a "
                f"test set; store {', '.join(SPLIT_KEYS)}"
            )
        return images[~is_test], labels[~is_test], images[is_test], labels[is_test]
    return images, labels, *pairs[1]


def read_arrays(
    path: str | os.PathLike[str], key_sets: Sequence[tuple[str, ...]], remedy: str
) -> dict[str, np.ndarray]:
    """Reads some arrays of a `.npz` file, after looking how much memory they take.

    Args:
        path: of the file.
        key_sets: names of arrays; the first set of which the file holds all is read.
        remedy: what the user can do where the file is damaged.

    Returns:
        The arrays by name, in the order of their set.

    Raises:
        UserError: no such file, a damaged one, or one without these arrays.
    """
    try:
        return arrays_of(expanded(path), lambda names: _present(path, names, key_sets))
    except FileNotFoundError as error:
        raise UserError(f"no file {os.fspath(path)}; dataset must name a .npz file") from error
    except UserError:
        raise
    # Damaged bytes raise errors of zipfile, zlib, tokenize, ast, NumPy and struct.
    except Exception as error:
        raise UserError(
            f"{os.fspath(path)} cannot be read ({one_line(error)}); {remedy}"
        ) from error


def _present(
    path: str | os.PathLike[str], names: Sequence[str], key_sets: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    for keys in key_sets:
        if set(keys) <= set(names):
            return keys
    raise UserError(
        f"{os.fspath(path)} holds {', '.join(names) or 'no arrays'}; needed are "
        f"{', or '.join(', '.join(keys) for keys in key_sets)}"
    )


def _pair(
    path: str, arrays: dict[str, np.ndarray], image_key: str, label_key: str
) -> tuple[np.ndarray, np.ndarray]:
    images = _as_images(f"{path}: {image_key}", arrays[image_key])
    labels = _as_labels(f"{path}: {label_key}", arrays[label_key])
    if len(images) != len(labels):
        raise UserError(
            f"{path}: {image_key} has {len(images)} examples, {label_key} has {len(labels)}; "
            "there must be one label for each image"
        )
    return images, labels


def _as_images(where: str, images: np.ndarray) -> np.ndarray:
    """uint8 or float32 `[n, height, width, channels]`."""
    if images.ndim == 2:
        images = images[:, np.newaxis, np.newaxis, :]
        # Of integers, bytes are no more likely than years or counts.
        images = images.astype(np.float64) if images.dtype.kind in "iu" else images
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or 0 in images.shape:
        raise UserError(
            f"{where} must have shape [n, height, width], [n, height, width, channels] or, for "
            f"vectors, [n, features], nowhere 0, got {list(images.shape)}"
        )
    # Read as pixels of many channels, they would train a network on what nobody meant.
    if _looks_channels_first(*images.shape[1:]):
        raise UserError(
            f"{where} has its channels first, {list(images.shape)}; the last axis must be the "
            "channels: store images.transpose(0, 2, 3, 1) (images whose width is their number of "
            "channels are told apart by one more column)"
        )
    if images.dtype.kind in "iu":
        smallest, largest = images.min(), images.max()
        if smallest < 0 or largest > 255:
            raise UserError(
                f"{where} holds integers from {smallest} to {largest}, but bytes go from 0 to 255; "
                "store other ranges as float32"
            )
        return images.astype(np.uint8)
    if images.dtype.kind != "f":
        raise UserError(f"{where} must be integers 0 .. 255 or floats, got {images.dtype}")
    with np.errstate(over="ignore"):  # beyond float32 they are infinite, and refused below
        images = images.astype(np.float32)
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    if not finite.all():
        raise UserError(
            f"{where}: image {np.argmin(finite)} has pixels that are no finite numbers; "
            f"remove it ({np.count_nonzero(~finite)} images have such pixels)"
        )
    return images


def _looks_channels_first(first: int, second: int, last: int) -> bool:
    """Whether images `[first, second, last]` are `[channels, height, width]` in all likelihood.

    >>> [_looks_channels_first(*shape) for shape in ((13, 8, 8), (3, 32, 24), (3, 4, 4))]
    [True, True, True]
    >>> [_looks_channels_first(*shape) for shape in ((8, 8, 13), (1, 1, 5), (28, 3, 3), (5, 1, 1))]
    [False, False, False, False]
    """
    if first in (1, 3) and last > 4:
        return not first == second == 1  # pixels by themselves, of many channels
    # Squares with another number in front; but one or three channels at the end are usual.
    return first != second == last and not (last in (1, 3) and first > last)


def _as_labels(where: str, labels: np.ndarray) -> np.ndarray:
    """int32 `[n]`."""
    if labels.dtype.kind not in "iu":
        raise UserError(f"{where} must be integers, got {labels.dtype}; use astype(numpy.int32)")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(
            f"{where} must have shape [n] or [n, 1], got {list(labels.shape)}; "
            "one-hot labels become numbers by argmax(axis=1)"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < 2**31:
        raise UserError(
            f"{where} holds labels from {labels.min()} to {labels.max()}; they must be 0 .. K - 1"
        )
    return labels.astype(np.int32)


def _check_classes(where: str, labels: np.ndarray) -> None:
    """Every class below the largest must occur, and at least two."""
    found = np.unique(labels)
    if len(found) < 2:
        raise UserError(f"{where} holds only label {found[0]}; a classifier needs two classes")
    if found[-1] != len(found) - 1:
        missing = np.setdiff1d(np.arange(len(found)), found)[0]
        raise UserError(
            f"{where} holds {len(found)} classes with labels up to {found[-1]}, and none is "
            f"{missing}; they must be 0 .. {len(found) - 1}: "
            "numpy.unique(labels, return_inverse=True)[1] numbers them so"
        )
