"""Folders as tensorflow-datasets prepares them, written without TensorFlow."""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .tiny_cifar import Contents

Examples = Iterator[tuple[Any, dict[str, Any]]]


def write_records(name: str, root: Path, splits: Mapping[str, Examples]) -> None:
    """Writes examples (key, features) under the name and version of the stock builder."""
    import tensorflow_datasets as tfds

    stock: Any = tfds.builder_cls(name)

    class Builder(stock, skip_registration=True):
        def _split_generators(self, _: Any) -> Mapping[str, Examples]:
            return splits

    Builder.name = stock.name
    Builder.__module__ = stock.__module__
    Builder.pkg_dir_path = stock.pkg_dir_path
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        Builder(data_dir=os.fspath(root)).download_and_prepare(
            file_format="array_record",
            download_config=tfds.download.DownloadConfig(
                try_download_gcs=False, manual_dir=os.fspath(root)
            ),
        )


def png(image: np.ndarray) -> io.BytesIO:
    """An image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    file.seek(0)
    return file


def write_cifar10(root: Path, contents: Contents, image: Any = png) -> None:
    """Writes CIFAR-10 with these images; `image` makes a file of each."""

    def examples(split: str) -> Examples:
        images = getattr(contents, f"{split}_images")
        labels = getattr(contents, f"{split}_labels")
        for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
            features = {"image": image(pixels), "label": int(label)}
            yield number, features | {"id": f"{split}_{number:05d}"}

    write_records("cifar10", root, {split: examples(split) for split in ("train", "test")})
