"""Reads data sets that are prepared for tensorflow-datasets, without TensorFlow."""

import io
import os
from typing import Any

import numpy as np

from rcjax.data.messages import one_line
from rcjax.data.prepare.builders import check_format, is_prepared, stock_builder
from rcjax.data.prepare.preparing import prepare
from rcjax.errors import UserError
from rcjax.terminal import say


def load_prepared(
    name: str, data_dir: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads a data set; downloads and prepares it first where it is not there.

    Arguments:
        name: a key of `rcjax.data.prepare.published_archives.ARCHIVES`.
        data_dir: the root directory of tensorflow-datasets; None is its default.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`, each split
        in the order of its original files.

    Raises:
        UserError: not there and no network to download it, damaged, or in another format.
    """
    builder = stock_builder(name, data_dir)
    if not is_prepared(builder):
        say(f"data set {name!r} is not in {builder.data_dir}: downloading it")
        prepare(name, data_dir=data_dir)
        builder = stock_builder(name, data_dir)
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
    # The readers raise RuntimeError, ValueError, IndexError, KeyError and protobuf's own.
    except Exception as error:
        raise UserError(f"{where} is damaged ({one_line(error)}); {remedy}") from error
    records.sort(key=lambda record: record["id"])  # on disk they are shuffled by a hash
    labels = np.array([record["label"] for record in records], np.int32)
    images = []
    for record in records:
        try:
            images.append(_decode_png(record["image"]))
        except Exception as error:
            raise UserError(
                f"{where} is damaged: the image of example {record['id'].decode()!r} cannot be "
                f"decoded ({one_line(error)}); {remedy}"
            ) from error
    return np.stack(images), labels


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


def _decode_png(data: bytes) -> np.ndarray:
    """Decodes a PNG file to uint8 `[height, width, channels]`."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image)
