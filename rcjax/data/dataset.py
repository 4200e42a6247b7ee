"""A data set once it is loaded: arrays, and the constants to normalise them."""

from dataclasses import dataclass

import numpy as np

from rcjax.errors import UserError


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled set of images, small enough to live in memory (and on the accelerator).

    Attributes:
        name: the name it was loaded by.
        train_images: uint8 or float32 `[examples, height, width, channels]`.
        train_labels: int32 `[examples]`, each in `0 .. num_classes - 1`.
        test_images: `[examples, height, width, channels]`, of the same type and size.
        test_labels: int32 `[examples]`.
        num_classes: number of classes.
        mean: float32 `[channels]`, subtracted from `pixel / 255`, of float images from the pixel.
        std: float32 `[channels]`, what the difference is divided by.

    Raises:
        UserError: an array has the wrong shape, type or label range; the line names it.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    mean: np.ndarray
    std: np.ndarray

    @property
    def train_size(self) -> int:
        """Number of training examples."""
        return len(self.train_images)

    @property
    def test_size(self) -> int:
        """Number of test examples."""
        return len(self.test_images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.train_images.shape
        return height, width, channels

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            images = getattr(self, f"{split}_images")
            labels = getattr(self, f"{split}_labels")
            _check_split(f"data set {self.name!r}, split {split!r}", images, labels)
            _check_labels(f"data set {self.name!r}, split {split!r}", labels, self.num_classes)
        channels = self.train_images.shape[-1]
        kinds = [
            f"{images.dtype} {list(images.shape[1:])}"
            for images in (self.test_images, self.train_images)
        ]
        if kinds[0] != kinds[1]:
            raise UserError(
                f"data set {self.name!r}: test images are {kinds[0]}, training images {kinds[1]}; "
                "they must be equal (--config.image_size makes their heights and widths so)"
            )
        if self.mean.shape != (channels,) or self.std.shape != (channels,):
            raise UserError(
                f"data set {self.name!r}: normalisation of shapes {self.mean.shape} and "
                f"{self.std.shape} does not fit images with {channels} channels"
            )


def _check_split(where: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.dtype not in (np.uint8, np.float32) or images.ndim != 4:
        raise UserError(
            f"{where}: images must be uint8 or float32 [examples, height, width, channels], "
            f"got {images.dtype} {list(images.shape)}"
        )
    if labels.dtype != np.int32 or labels.shape != images.shape[:1]:
        raise UserError(
            f"{where}: labels must be int32 [{len(images)}], one for each image, "
            f"got {labels.dtype} {list(labels.shape)}"
        )
    if len(images) == 0:
        raise UserError(f"{where}: there are no examples; prepare the data set again")


def _check_labels(where: str, labels: np.ndarray, num_classes: int) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise UserError(
            f"{where}: example {wrong[0]} has label {labels[wrong[0]]}, outside "
            f"0 .. {num_classes - 1}; the data are damaged or of another data set"
        )
