"""The arrays of a prepared data set in one `.npz` file: whole or not there, verified when read."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.data.npz import SPLIT_KEYS, read_arrays
from rcjax.errors import DamagedError, UserError
from rcjax.outside import expanded

# Another content or order of the arrays would get another number, and never meet an older file.
_FILE_NAME = "arrays-1.npz"
Splits = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data_root(data_dir: str | os.PathLike[str] | None) -> Path:
    """Returns the root directory of data sets; None or "" is the default of tensorflow-datasets."""
    return expanded(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def cache_path(name: str, root: Path) -> Path:
    """Returns the path of a data set's arrays, beside the versions of tensorflow-datasets."""
    return root / name / _FILE_NAME


def write_cache(name: str, root: Path, splits: Splits, scratch: Path) -> Path:
    """Writes the arrays so that a reader never meets half of them.

    Args:
        name: of the data set.
        root: see `data_root`.
        splits: train_images, train_labels, test_images, test_labels.
        scratch: a directory of the same file system, for the file while it grows.

    Returns:
        The path of the file, which `rcjax.data.load` takes as a data set, too.
    """
    path = cache_path(name, root)
    path.parent.mkdir(exist_ok=True)
    with open(scratch / _FILE_NAME, "wb") as file:
        arrays: dict[str, Any] = dict(zip(SPLIT_KEYS, splits, strict=True))
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch / _FILE_NAME, path)
    return path


def read_cache(name: str, root: Path) -> Splits:
    """Reads the arrays; the checksum of each is compared.

    Raises:
        DamagedError: the file is no longer what was written.
    """
    path = cache_path(name, root)
    remedy = f"delete it, then run: python -m rcjax.data.prepare {name}"
    try:
        arrays = read_arrays(path, (SPLIT_KEYS,), remedy)
    except UserError as error:
        raise DamagedError(f"data set {name!r}: {error}") from error
    train_images, train_labels, test_images, test_labels = arrays.values()
    return train_images, train_labels, test_images, test_labels
