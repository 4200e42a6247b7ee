"""Whether two machines have loaded the same data set, without sending it."""

import hashlib

import numpy as np

from rcjax.data.dataset import Dataset
from rcjax.data.streamed import ImageStream, StreamedSplit

_LOOKED_AT = 64  # pictures of a split of a streamed set


def content_hash(dataset: Dataset | ImageStream) -> str:
    """Returns a hash that data sets share which hold the same images, wherever they lie.

    Args:
        dataset: in memory, over all images and labels; streamed, over which examples are used, and
            over the files and labels of some of them.
    """
    digest = hashlib.sha256()
    if isinstance(dataset, ImageStream):
        for split in (dataset.train, dataset.test):
            _add_split(digest, split)
    else:
        for array in (
            dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels,
        ):  # fmt: skip
            _add(digest, array)
    return digest.hexdigest()


def _add_split(digest: "hashlib._Hash", split: StreamedSplit) -> None:
    _add(digest, split.positions)
    _add(digest, split.shifts)
    digest.update(f"{len(split.pictures)} {split.num_classes} {split.image_size}".encode())
    for number in np.linspace(0, len(split) - 1, min(_LOOKED_AT, len(split))).astype(int):
        data, label, _ = split.pictures[int(split.positions[number])]
        digest.update(str(label).encode())
        digest.update(data if isinstance(data, bytes) else data.read_bytes())


def _add(digest: "hashlib._Hash", array: np.ndarray) -> None:
    digest.update(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
