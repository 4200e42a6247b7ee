"""Small training sets, drawn once for an experiment and shared by all of its runs."""

import dataclasses

import numpy as np

from rcjax import data
from rcjax.edge_of_stability.config import DataSection
from rcjax.errors import UserError

NAMES = ("line", "one_point", "three_points", "gaussian", "digits_pair", "digits")


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """A training set.

    Attributes:
        points: float32 [n, dim], or images [n, height, width, 1] for "digits".
        labels: float32 [n], -1 and 1; for "digits" int32 [n], 0 to 9.
    """

    points: np.ndarray
    labels: np.ndarray

    @property
    def dim(self) -> int:
        """Input dimension of flat points."""
        return self.points.shape[1]

    @property
    def on_line(self) -> bool:
        """Whether the network's function can be drawn as a curve."""
        return self.points.ndim == 2 and self.dim == 1


def make_training_set(settings: DataSection, seed: int) -> TrainingSet:
    """Makes the training set that the config's section `data` describes.

    "line": evenly spaced in [-extent, extent]. "one_point": 1, of class 1. "three_points": the
    paper's toy, (-1, 0) and (1, 0) of one class and (0, 0) of the other. "gaussian": standard
    normal in `dim` dimensions times `extent`. "digits_pair": two digits of the bundled set.
    "digits": all ten, as images.

    Args:
        settings: the section.
        seed: of random points and labels.

    Raises:
        UserError: the bundled set has fewer images than `points`.
    """
    random = np.random.default_rng(seed)
    if settings.name == "one_point":
        return TrainingSet(np.ones((1, 1), np.float32), np.ones(1, np.float32))
    if settings.name == "three_points":
        corners = np.array([[-1, 0], [0, 0], [1, 0]], np.float32)
        return TrainingSet(corners, np.array([1, -1, 1], np.float32))
    if settings.name in ("digits_pair", "digits"):
        return _digits(settings, seed)
    if settings.name == "line":
        places = np.linspace(-settings.extent, settings.extent, settings.points)[:, None]
    else:
        places = settings.extent * random.standard_normal((settings.points, settings.dim))
    return TrainingSet(places.astype(np.float32), _labels(settings, random))


def _labels(settings: DataSection, random: np.random.Generator) -> np.ndarray:
    alternating = np.where(np.arange(settings.points) % 2 == 0, 1, -1).astype(np.float32)
    # As many of either class as in the alternating case.
    return alternating if settings.labels == "alternating" else random.permutation(alternating)


def _digits(settings: DataSection, seed: int) -> TrainingSet:
    dataset = data.load("digits", seed=seed)
    images = np.asarray(data.normalize(dataset.train_images, dataset.mean, dataset.std))
    labels = dataset.train_labels
    available = np.arange(len(labels))
    if settings.name == "digits_pair":
        available = np.flatnonzero(np.isin(labels, (settings.first_digit, settings.second_digit)))
    if settings.points > len(available):
        raise UserError(
            f"data.points={settings.points} is more than the {len(available)} training images of "
            "these digits; take fewer"
        )
    kept = np.random.default_rng(seed).permutation(available)[: settings.points]
    if settings.name == "digits":
        return TrainingSet(images[kept], labels[kept].astype(np.int32))
    signs = np.where(labels[kept] == settings.first_digit, 1, -1)
    return TrainingSet(images[kept].reshape(len(kept), -1), signs.astype(np.float32))
