"""The labels that trained networks give the test images: what two seeds disagree on, and halves."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from rcjax.array_types import Int
from rcjax.data import ImageStream, normalize
from rcjax.errors import UserError
from rcjax.statistics import Row, identity
from rcjax.study.requested import SEED_DISAGREEMENT
from rcjax.training import FinishedRun

_BATCH_SIZE = 512


@dataclass(frozen=True)
class PredictedLabels:
    """Of the test images of a run.

    Attributes:
        images: which they are, as a digest.
        labels: of every image, in the order of the data set.
        accuracy_of_halves: percent; of every other image, and of the rest.
    """

    images: str
    labels: Int[np.ndarray, " images"]
    accuracy_of_halves: tuple[float, float]

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "PredictedLabels":
        """From the content of a file that `fault_of` finds sound."""
        first, second = content["accuracy_of_halves"]
        return cls(content["images"], np.array(content["labels"], np.int32), (first, second))

    def content(self) -> dict[str, Any]:
        """Of a file."""
        halves = list(self.accuracy_of_halves)
        return {
            "images": self.images,
            "accuracy_of_halves": halves,
            "labels": self.labels.tolist(),
        }


def fault_of(content: Mapping[str, Any]) -> str:
    """What is wrong with the content of a file, in words; empty where it is sound."""
    labels, halves = content.get("labels"), content.get("accuracy_of_halves")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        return "it has no list of labels"
    if not isinstance(halves, list) or [type(value) for value in halves] != [float, float]:
        return "it has no accuracy of two halves"
    return "" if isinstance(content.get("images"), str) else "it does not say of which images"


def predicted_labels(trained: FinishedRun) -> PredictedLabels:
    """Predicts all test images of a run.

    Raises:
        UserError: the data set is not in memory.
    """
    data = trained.dataset
    if isinstance(data, ImageStream):
        raise UserError(
            f"the measure {SEED_DISAGREEMENT} needs all test images in memory, but {data.name} "
            "stays on the disk; leave it out of measures.names"
        )
    images, truth = data.test_images, data.test_labels
    digest = hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()
    found = []
    for start in range(0, len(images), _BATCH_SIZE):
        # The last batch is filled up: the network is compiled for one size.
        places = np.minimum(np.arange(start, start + _BATCH_SIZE), len(images) - 1)
        batch = np.asarray(normalize(images[places], data.mean, data.std))
        found.append(trained.experiment.logits(trained.state, batch).argmax(axis=-1))
    labels = np.concatenate(found)[: len(images)].astype(np.int32)
    right = labels == np.asarray(jax.device_get(truth))
    halves = (100.0 * float(right[::2].mean()), 100.0 * float(right[1::2].mean()))
    return PredictedLabels(digest, labels, halves)


def with_disagreement(rows: Sequence[Row], labels: Mapping[str, PredictedLabels]) -> list[Row]:
    """The rows with the share of test images, in percent, on which a run and others disagree.

    The others are the runs of the same network and setting, with other seeds, on the same images;
    the share is a mean over them. It needs no label of an image. Runs without others have none.

    Args:
        rows: of all runs.
        labels: by the name of the run.
    """
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        if row.name in labels:
            settings = frozenset((name, identity(value)) for name, value in row.settings.items())
            key = row.network, settings, labels[row.name].images
            groups.setdefault(key, []).append(row)
    shares: dict[str, list[float]] = {}
    for group in groups.values():
        for one, other in itertools.combinations(group, 2):
            differs = labels[one.name].labels != labels[other.name].labels
            for row in (one, other):
                shares.setdefault(row.name, []).append(100.0 * float(differs.mean()))
    return [
        replace(row, measures={**row.measures, SEED_DISAGREEMENT: float(np.mean(shares[row.name]))})
        if row.name in shares
        else row
        for row in rows
    ]
