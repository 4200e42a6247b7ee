"""Where the original archives of the downloadable data sets are, and what is in them."""

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
    """How a CIFAR archive stores its images: records of label bytes and then 3 x 32 x 32 pixels.

    Attributes:
        files: for each split, the record files in order.
        label_files: for each label byte of a record, the feature's name and the file with the
            names of its classes.
    """

    files: dict[str, tuple[str, ...]]
    label_files: dict[str, str]

    @property
    def record_type(self) -> np.dtype:
        """One record as a numpy structure: a byte for each label, then `image` [3, 32, 32]."""
        labels = [(feature, np.uint8) for feature in self.label_files]
        return np.dtype([*labels, ("image", np.uint8, (3, 32, 32))])


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
        files={
            "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            "test": ("test_batch.bin",),
        },
        label_files={"label": "batches.meta.txt"},
    ),
    "cifar100": CifarLayout(
        files={"train": ("train.bin",), "test": ("test.bin",)},
        label_files={"coarse_label": "coarse_label_names.txt", "label": "fine_label_names.txt"},
    ),
}
