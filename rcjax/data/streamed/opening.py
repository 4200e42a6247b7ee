"""Streamed data sets by name: a folder of pictures, ImageNet as tensorflow-datasets keeps it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.data.folders import PictureFiles, list_folder
from rcjax.data.label_noise import label_shifts
from rcjax.data.names import IMAGENET, STREAM, is_streamed
from rcjax.data.normalization import IMAGENET_NORMALIZATION, chosen_normalization
from rcjax.data.prepare import check_format, check_record_counts, is_prepared, stock_builder
from rcjax.data.randomness import Purpose, generator
from rcjax.data.stratify import check_total, stratified_subset
from rcjax.data.streamed.image_stream import EncodedPicture, ImageStream, StreamedSplit
from rcjax.data.streamed.read_ahead import Readable
from rcjax.errors import UserError
from rcjax.outside import one_line

DEFAULT_IMAGE_SIZE = 224


def open_stream(
    name: str,
    *,
    data_dir: str | None = None,
    train_examples: int = 0,
    seed: int = 0,
    label_noise: float = 0.0,
    image_size: int = 0,
    normalization_mean: Sequence[float] = (),
    normalization_std: Sequence[float] = (),
) -> ImageStream:
    """Opens a data set of pictures that are read as they are needed.

    Args:
        name: "stream:PATH" for a folder of pictures, see `rcjax.data.folders.list_folder`; or
            "imagenet2012", prepared by tensorflow-datasets as array_record files.
        data_dir: where tensorflow-datasets keeps its data; None is its own default.
        train_examples: 0 for the whole training set; otherwise so many of its examples, drawn at
            random. Classes keep their shares exactly in a folder; in imagenet2012, whose labels
            are read with the pictures only, they do so on average.
        seed: of that draw, and of the noise.
        label_noise: 0 .. 1, as in `rcjax.data.load`.
        image_size: pixels of a side of a decoded image; 0 means 224.
        normalization_mean, normalization_std: as in `rcjax.data.load`. Empty: the usual ones of
            ImageNet.

    Raises:
        UserError: unknown name; the folder or the prepared data are missing or not as they should
            be; `train_examples` or `label_noise` are out of range; a normalisation that does not
            fit three channels.
    """
    if not is_streamed(name):
        raise UserError(f"data set {name!r} is not streamed; rcjax.data.load loads it")
    if not 0 <= label_noise <= 1:
        raise UserError(f"label_noise must be between 0 and 1, got {label_noise}")
    normalization = chosen_normalization(
        normalization_mean, normalization_std, 3, otherwise=lambda: IMAGENET_NORMALIZATION
    )
    size = image_size or DEFAULT_IMAGE_SIZE
    train: Readable[EncodedPicture]
    test: Readable[EncodedPicture]
    if name == IMAGENET:
        builder = _prepared_imagenet(data_dir)
        train, test = (
            _RecordPictures.of(builder, "train"),
            _RecordPictures.of(builder, "validation"),
        )
        num_classes = builder.info.features["label"].num_classes
        chosen = _random_subset(len(train), train_examples, seed)
    else:
        folder = list_folder(name.removeprefix(STREAM))
        train, test = _FilePictures(folder.train), _FilePictures(folder.test)
        num_classes = len(folder.class_names)
        chosen = np.arange(len(train))
        if train_examples:
            chosen = stratified_subset(folder.train.labels, train_examples, seed)
    shifts = label_shifts(len(chosen), num_classes, label_noise, seed)
    everything = np.arange(len(test))
    return ImageStream(
        name,
        StreamedSplit(train, chosen, shifts, num_classes, size),
        StreamedSplit(test, everything, np.zeros_like(everything), num_classes, size),
        num_classes,
        mean=np.array(normalization.mean, np.float32),
        std=np.array(normalization.std, np.float32),
    )


def _random_subset(size: int, total: int, seed: int) -> np.ndarray:
    if not total:
        return np.arange(size)
    check_total(total, size)
    return np.sort(generator(seed, Purpose.SUBSET).permutation(size)[:total])


@dataclass(frozen=True, eq=False)
class _FilePictures:
    """Pictures in files."""

    files: PictureFiles

    def __len__(self) -> int:
        return len(self.files.paths)

    def __getitem__(self, position: int) -> EncodedPicture:
        path = self.files.paths[position]
        return EncodedPicture(Path(path), int(self.files.labels[position]), path)


@dataclass(frozen=True, eq=False)
class _RecordPictures:
    """Pictures in array_record files.

    Attributes:
        source: of tensorflow-datasets, with undecoded images.
        where: the directory, for messages.
    """

    source: Any
    where: str

    @classmethod
    def of(cls, builder: Any, split: str) -> "_RecordPictures":
        import tensorflow_datasets as tfds

        where = os.fspath(builder.data_dir)
        if split not in builder.info.splits:
            raise UserError(
                f"data set {builder.name!r} in {where} lacks the split {split!r}; prepare it again"
            )
        try:
            undecoded = {"image": tfds.decode.SkipDecoding()}
            check_record_counts(builder.info.splits[split])
            source = builder.as_data_source(split=split, decoders=undecoded)
        # The readers raise RuntimeError, ValueError, IndexError and protobuf's own.
        except Exception as error:
            raise UserError(
                f"data set {builder.name!r}, split {split!r} in {where} is damaged "
                f"({one_line(error)}); prepare it again"
            ) from error
        return cls(source, where)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, position: int) -> EncodedPicture:
        try:
            record = self.source[position]
        except Exception as error:
            raise UserError(
                f"example {position} in {self.where} cannot be read ({one_line(error)}); "
                "prepare the data set again"
            ) from error
        name = f"{record['file_name'].decode()} in {self.where}"
        return EncodedPicture(record["image"], int(record["label"]), name)


def _prepared_imagenet(data_dir: str | None) -> Any:
    builder = stock_builder(IMAGENET, data_dir)
    if not is_prepared(builder):
        raise UserError(
            f"data set {IMAGENET!r} is not in {builder.data_dir}; it cannot be downloaded without "
            "an account: prepare it with tensorflow-datasets as docs/data.md says, or unpack its "
            f"pictures into folders and set dataset = {STREAM}PATH"
        )
    check_format(builder)
    return builder
