"""The original archives of the downloadable data sets: their places and their contents."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Archive:
    """One file to download.

    Attributes:
        file_name: the name under which its authors publish it.
        url: where they publish it.
        sha256: of the file as published.
    """

    file_name: str
    url: str
    sha256: str


@dataclass(frozen=True)
class CifarLayout:
    """The layout of a CIFAR archive: records of label bytes and then 3 x 32 x 32 pixels.

    Attributes:
        train_files, test_files: the record files of a split, in order.
        label_bytes: how many labels stand before the pixels; the last one is the class.
        classes: number of classes.
    """

    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    label_bytes: int
    classes: int

    @property
    def record_type(self) -> np.dtype:
        """One record as a NumPy structure: `labels` and then `image` [3, 32, 32], of bytes."""
        return np.dtype(
            [("labels", np.uint8, (self.label_bytes,)), ("image", np.uint8, (3, 32, 32))]
        )


_CIFAR_SITE = "https://www.cs.toronto.edu/~kriz/"
_SVHN_SITE = "http://ufldl.stanford.edu/housenumbers/"

ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "cifar10": (
        Archive(
            "cifar-10-binary.tar.gz",
            _CIFAR_SITE + "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    "cifar100": (
        Archive(
            "cifar-100-binary.tar.gz",
            _CIFAR_SITE + "cifar-100-binary.tar.gz",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ),
    ),
    "svhn_cropped": (
        Archive(
            "train_32x32.mat",
            _SVHN_SITE + "train_32x32.mat",
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
        ),
        Archive(
            "test_32x32.mat",
            _SVHN_SITE + "test_32x32.mat",
            "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
        ),
    ),
}

CIFAR_LAYOUTS: dict[str, CifarLayout] = {
    "cifar10": CifarLayout(
        train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test_files=("test_batch.bin",),
        label_bytes=1,
        classes=10,
    ),
    "cifar100": CifarLayout(
        train_files=("train.bin",),
        test_files=("test.bin",),
        label_bytes=2,  # twenty groups of classes, then the classes
        classes=100,
    ),
}
