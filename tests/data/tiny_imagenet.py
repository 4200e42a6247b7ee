"""Pictures in the layouts of ImageNet, but tiny: a folder of classes, and tensorflow-datasets'."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .tfds_writer import write_records

SIZES = ((60, 40), (40, 60), (48, 48), (33, 90))  # width, height, in turn


def picture(label: int, number: int, split: str) -> bytes:
    """A JPEG: noise around a grey that tells the class."""
    width, height = SIZES[number % len(SIZES)]
    random = np.random.default_rng((label, number, len(split)))
    grey = 40 + 60 * label
    pixels = random.integers(grey - 30, grey + 30, (height, width, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def make_folder(
    root: Path, *, classes: int = 3, train: int = 8, test: int = 5, test_name: str = "val"
) -> Path:
    """Writes `root/train/CLASS/*.JPEG` and `root/val/CLASS/*.JPEG`; counts are of each class."""
    for split, count in (("train", train), (test_name, test)):
        for label in range(classes):
            folder = root / split / f"n{label:08d}"
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.JPEG").write_bytes(picture(label, number, split))
    return root


def prepare_imagenet(root: Path, *, classes: int = 3, train: int = 8, test: int = 5) -> Path:
    """Writes the directory that tensorflow-datasets makes of imagenet2012."""
    import tensorflow_datasets as tfds

    stock: Any = tfds.builder_cls("imagenet2012")
    synsets = stock(data_dir=os.fspath(root)).info.features["label"].names

    def examples(split: str, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
        for label in range(classes):
            for number in range(count):
                name = f"{synsets[label]}_{number}.JPEG"
                image = io.BytesIO(picture(label, number, split))
                yield name, {"image": image, "label": label, "file_name": name}

    splits = {"train": examples("train", train), "validation": examples("val", test)}
    write_records("imagenet2012", root, splits)
    return root
