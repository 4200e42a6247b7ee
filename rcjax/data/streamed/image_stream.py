"""Data sets too large for memory: pictures that are read and decoded as they are needed."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rcjax.data.decoding import Box, decode
from rcjax.data.randomness import Purpose, generator
from rcjax.data.streamed.crops import middle, random_part
from rcjax.data.streamed.read_ahead import Readable, Readers, batch_chunks, read_in_background


class EncodedPicture(NamedTuple):
    """A picture that is not yet decoded: its file or bytes, its label, its name in messages."""

    data: Path | bytes
    label: int
    name: str


@dataclass(frozen=True, eq=False)
class StreamedSplit:
    """The examples of a split.

    Attributes:
        pictures: all pictures of the split.
        positions: int `[examples]`, which of them are used.
        shifts: int `[examples]`, by how much each label is moved on (label noise), mostly 0.
        num_classes: number of classes.
        image_size: pixels of a side of a decoded image.
    """

    pictures: Readable[EncodedPicture]
    positions: np.ndarray
    shifts: np.ndarray
    num_classes: int
    image_size: int

    def __len__(self) -> int:
        return len(self.positions)

    def example(self, number: int, cropping: "Cropping") -> tuple[np.ndarray, int]:
        """Reads an example: uint8 `[image_size, image_size, 3]`, and its label."""
        data, label, name = self.pictures[int(self.positions[number])]
        random = cropping.random(number)
        image = decode(data, name, self.image_size, lambda *size: cropping.part(random, *size))
        if cropping.random_flip and random.random() < 0.5:
            image = image[:, ::-1]
        return image, (label + int(self.shifts[number])) % self.num_classes


@dataclass(frozen=True)
class Cropping:
    """The treatment of a picture besides resizing; by default, its middle is taken.

    Attributes:
        random_crop: take a random part of the picture, see `rcjax.data.streamed.crops.random_part`.
        random_flip: mirror left to right with probability 1/2.
        seed, epoch: each example's random numbers depend on these and on its number alone.
    """

    random_crop: bool = False
    random_flip: bool = False
    seed: int = 0
    epoch: int = 0

    def random(self, number: int) -> np.random.Generator:
        """Returns the random numbers of an example in this epoch."""
        return generator(self.seed, Purpose.CROPS, self.epoch, number)

    def part(self, random: np.random.Generator, width: int, height: int) -> Box:
        """Returns the part of a picture that becomes the image."""
        return random_part(random, width, height) if self.random_crop else middle(width, height)


@dataclass(frozen=True, eq=False)
class ImageStream:
    """A labelled set of images that stays on the disk.

    Attributes:
        name: the name it was opened by.
        train, test: the splits.
        num_classes: number of classes.
        mean: float32 `[channels]`, subtracted from `pixel / 255`.
        std: float32 `[channels]`, what the difference is divided by.
    """

    name: str
    train: StreamedSplit
    test: StreamedSplit
    num_classes: int
    mean: np.ndarray
    std: np.ndarray

    @property
    def train_size(self) -> int:
        """Number of training examples."""
        return len(self.train)

    @property
    def test_size(self) -> int:
        """Number of test examples."""
        return len(self.test)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return self.train.image_size, self.train.image_size, 3


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch goes through `size` examples: a permutation, int `[size]`."""
    return generator(seed, Purpose.ORDER, epoch).permutation(size)


def decoded(split: StreamedSplit, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    """Decodes some examples, without augmentation: uint8 `[examples, size, size, 3]`."""
    with ThreadPoolExecutor() as threads:
        images = threads.map(lambda number: split.example(int(number), Cropping())[0], numbers)
        return np.stack(list(images))


class Batch(NamedTuple):
    """uint8 `[n, size, size, 3]` and int32 `[n]`."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Chunks:
    """Consecutive examples of an order, decoded together: what one thread does at a time."""

    split: StreamedSplit
    order: np.ndarray
    bounds: tuple[tuple[int, int], ...]
    cropping: Cropping

    def __len__(self) -> int:
        return len(self.bounds)

    def __getitem__(self, chunk: int) -> Batch:
        numbers = self.order[slice(*self.bounds[chunk])]
        size = self.split.image_size
        images = np.empty((len(numbers), size, size, 3), np.uint8)
        labels = np.empty(len(numbers), np.int32)
        for place, number in enumerate(numbers):
            images[place], labels[place] = self.split.example(int(number), self.cropping)
        return Batch(images, labels)


def batches(
    split: StreamedSplit,
    order: np.ndarray,
    batch_size: int,
    *,
    first: int = 0,
    cropping: Cropping | None = None,
    readers: Readers | None = None,
) -> Generator[Batch]:
    """Yields the examples of a split in an order, batch after batch, read ahead in the background.

    Args:
        split: the examples.
        order: int `[n]`, numbers of examples.
        batch_size: examples in a batch; the last one may be smaller.
        first: the number of the batch to begin with. What comes is what would have come.
        cropping: what is done to the pictures; None takes the middle.
        readers: threads or processes; changes nothing but the speed.

    Returns:
        A generator of `Batch`. Close it where it is not used up.

    Raises:
        UserError: while it yields: a picture cannot be decoded.
    """
    bounds = batch_chunks(len(order), batch_size, first)
    if not bounds:
        return
    chunks = _Chunks(split, order, tuple(bounds), cropping or Cropping())
    held: list[Batch] = []
    read = read_in_background(chunks, readers or Readers())
    try:
        for chunk, (_, end) in zip(read, bounds, strict=True):
            held.append(chunk)
            if end % batch_size == 0 or end == len(order):
                yield Batch(*(np.concatenate(parts) for parts in zip(*held, strict=True)))
                held = []
    finally:
        read.close()
