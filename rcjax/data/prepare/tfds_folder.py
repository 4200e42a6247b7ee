"""Reads data sets that tensorflow-datasets prepared, without TensorFlow."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.errors import UserError
from rcjax.outside import expanded, one_line


def stock_builder(name: str, data_dir: str | os.PathLike[str] | None) -> Any:
    """Returns the `tfds.core.DatasetBuilder` of a data set, whether or not it is prepared.

    Args:
        name: a name that tensorflow-datasets knows.
        data_dir: its root directory; None or "" is the default of tensorflow-datasets.

    Raises:
        UserError: there is a prepared directory, but its description cannot be read.
    """
    import tensorflow_datasets as tfds

    root = os.fspath(expanded(data_dir)) if data_dir else None
    try:
        return tfds.builder(name, data_dir=root)
    except Exception as error:  # of a JSON parser, of protobuf, of tensorflow-datasets itself
        raise UserError(
            f"data set {name!r} in {root or 'the default directory of tensorflow-datasets'} cannot "
            f"be opened ({one_line(error)}); delete its directory and prepare it again"
        ) from error


def is_prepared(builder: Any) -> bool:
    """Whether the data are there. (The builder's own method logs a warning where they are not.)"""
    return (Path(builder.data_dir) / "dataset_info.json").exists()


def check_format(builder: Any) -> None:
    """Raises `UserError` where the data are prepared in a format that this package cannot read."""
    file_format = builder.info.file_format and builder.info.file_format.value
    if file_format != "array_record":
        raise UserError(
            f"data set {builder.name!r} in {builder.data_dir} is prepared as {file_format}; only "
            f"array_record is read (tfrecord needs TensorFlow, parquet loses data); prepare it in "
            f"another directory: python -m rcjax.data.prepare {builder.name} --data_dir=OTHER"
        )


def read_tfds_folder(builder: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads the splits "train" and "test" of a prepared data set of PNG images of one size.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`, each split
        in the order of its original files.

    Raises:
        UserError: the data are damaged or in another format.
    """
    check_format(builder)
    return *_read_split(builder, "train"), *_read_split(builder, "test")


def _read_split(builder: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    where = f"data set {builder.name!r}, split {split!r} in {builder.data_dir}"
    remedy = f"delete {builder.data_dir} and prepare it again"
    if split not in builder.info.splits:
        raise UserError(f"{where} is missing; {remedy}")
    try:
        check_record_counts(builder.info.splits[split])
        records = _read_records(builder, split)
        records.sort(key=lambda record: record["id"])  # on disk they are shuffled by a hash
        labels = np.array([record["label"] for record in records], np.int32)
        return np.stack([_decoded(record) for record in records]), labels
    # The readers raise RuntimeError, ValueError, IndexError, KeyError and protobuf's own.
    except Exception as error:
        raise UserError(f"{where} is damaged ({one_line(error)}); {remedy}") from error


def check_record_counts(split_info: Any) -> None:
    """The reader takes what the description says and would not notice further records."""
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    for file, expected in zip(split_info.filepaths, split_info.shard_lengths, strict=True):
        found = len(ArrayRecordDataSource([os.fspath(file)]))
        if found != expected:
            raise ValueError(f"{file} has {found} examples, its description says {expected}")


def _read_records(builder: Any, split: str) -> list[dict[str, Any]]:
    """All examples as dicts of id (bytes), label (int) and image (bytes of a PNG file)."""
    import tensorflow_datasets as tfds

    # Decoding the images here is twice as fast as tensorflow-datasets' own decoding.
    undecoded = {"image": tfds.decode.SkipDecoding()}
    source = builder.as_data_source(split=split, decoders=undecoded)
    return source.__getitems__(range(len(source)))


def _decoded(record: dict[str, Any]) -> np.ndarray:
    """Returns the image of an example: uint8 `[height, width, channels]`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(record["image"]), formats=["PNG"]) as image:
            return np.asarray(image)
    except UnidentifiedImageError:
        reason = "it is no PNG"
    except Exception as error:
        reason = one_line(error)
    name = record["id"].decode(errors="replace")
    raise ValueError(f"the image of example {name!r} cannot be decoded: {reason}")
