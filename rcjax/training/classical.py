"""Runs of classical classifiers: fitted at once, then measured and counted like a network.

Their record has a network's form. What they have not is empty or null: `epochs` is an empty list,
`history` has one entry, at epoch 0, and the losses are null where the classifier gives no
probabilities. Its `config` holds only the fields that were read. There are no checkpoints: the fit
takes less time than most of them, and the same seed fits the same classifier.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from rcjax import RegionCounts, on_host
from rcjax.config import RUN_FIELDS, RegionsSection, RunConfig, nested
from rcjax.data import Dataset, is_streamed, load, normalize
from rcjax.errors import UserError
from rcjax.models import CLASSICAL_NAMES, FITTING_ERRORS, classifier_error, create_classical
from rcjax.runtime import Workdir, finite, json_line, versions, write_json
from rcjax.terminal import say
from rcjax.training.counting import count_with, sample_slices
from rcjax.training.record import fitted_record
from rcjax.training.stopwatch import Stopwatch

# Fields of a run that concern a classical classifier, besides those that begin with "regions." and
# "classifier.".
_READ = (
    "seed", "dataset", "data_dir", "train_examples", "label_noise", "image_size", "network",
    "normalization_mean", "normalization_std",
)  # fmt: skip
_NOT_READ_OF_REGIONS = ("regions.every",)
_PART = 1000  # images


def is_classical(config: RunConfig) -> bool:
    """Returns whether a run fits a classical classifier."""
    return config.network in CLASSICAL_NAMES


def is_read(field: str) -> bool:
    """Returns whether runs of classical classifiers read a field, given by its dotted name."""
    if field.startswith(("regions.", "classifier.")):
        return field not in _NOT_READ_OF_REGIONS
    return field in _READ


def check_classical(config: RunConfig) -> None:
    """Checks what a run of a classical classifier asks for beyond the fields of every run.

    Raises:
        UserError: a field that only networks read is not at its default; an unknown hyperparameter
            or value; a method of counting that needs the network itself.
    """
    network = config.network
    for name, value in config.fields().items():
        if not is_read(name) and value != RUN_FIELDS[name].default:
            raise UserError(
                f"config field {name} is read by networks only, and {network} is fitted at once: "
                f"leave it at {RUN_FIELDS[name].default!r}, got {value!r}"
            )
    if is_streamed(config.dataset):
        raise UserError(
            f"{network} is fitted to all images at once, but dataset = {config.dataset} stays "
            "on the disk; give a data set that fits into memory, such as folder:PATH"
        )
    if config.regions.method == "exact":
        raise UserError(
            f"config field regions.method = exact needs a network, got network = {network}; use "
            "grid or adaptive"
        )
    create_classical(network, dict(config.classifier), seed=config.seed)


@dataclass(frozen=True, eq=False)
class FittedClassifier:
    """A classifier, and what it was fitted on.

    Attributes:
        dataset: the data set.
        seed: of the run.
        estimator: from scikit-learn; takes points `[n, features]`.
        messages: what scikit-learn warned of, each once.
    """

    dataset: Dataset
    seed: int
    estimator: Any
    messages: tuple[str, ...]

    def count(self, regions: RegionsSection) -> RegionCounts:
        """Counts regions on the slices that a network with the same seed meets.

        Raises:
            UserError: the section asks for what cannot be counted.
        """
        anchors = sample_slices(self.dataset, regions, self.seed)
        predict = on_host(lambda points: self.estimator.predict(points.reshape(len(points), -1)))
        return count_with(predict, anchors, regions)

    def evaluate(self, split: str) -> tuple[float, float]:
        """Mean cross-entropy and accuracy in percent on "train" or "test".

        The loss is NaN where there are no probabilities, infinite where a true class has none.
        """
        points, labels = _points(self.dataset, split), getattr(self.dataset, f"{split}_labels")
        accuracy = 100.0 * float(np.mean(self.estimator.predict(points) == labels))
        if not hasattr(self.estimator, "predict_proba"):
            return math.nan, accuracy
        # A small training set may lack a class: the classifier has no column for it.
        probabilities = np.zeros((len(points), self.dataset.num_classes))
        probabilities[:, self.estimator.classes_] = self.estimator.predict_proba(points)
        with np.errstate(divide="ignore"):
            losses = -np.log(probabilities[np.arange(len(labels)), labels])
        return float(np.mean(losses)), accuracy


def _points(dataset: Dataset, split: str) -> np.ndarray:
    """Normalised images as float32 `[examples, features]`."""
    images = getattr(dataset, f"{split}_images")
    points = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _PART):  # all at once would take several times their room
        part = images[start : start + _PART]
        points[start : start + _PART] = normalize(part, dataset.mean, dataset.std)
    return points.reshape(len(images), -1)


def fit_classical(config: RunConfig) -> FittedClassifier:
    """Fits the classifier of a run; the same config gives the same one.

    Args:
        config: of the run, checked.

    Raises:
        UserError: the data set cannot be had, or scikit-learn refuses to fit it.
    """
    dataset = load(config.dataset, **config.data_choices())
    estimator = create_classical(config.network, dict(config.classifier), seed=config.seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            points = _points(dataset, "train")
            estimator.fit(points, dataset.train_labels)
            estimator.predict(points[:1])  # where neighbours find that there are too few images
        except FITTING_ERRORS as error:
            raise classifier_error(config.network, error) from error
    messages = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    return FittedClassifier(dataset, config.seed, estimator, tuple(messages))


def run_classical(config: RunConfig, folder: Workdir, watch: Stopwatch) -> dict[str, Any]:
    """Fits, measures and counts; writes `record.json` and `metrics.jsonl`.

    Args:
        config: of the run, checked.
        folder: of the run, claimed.
        watch: takes the times.

    Returns:
        The record, as `record.json` holds it.
    """
    fitted = fit_classical(config)
    watch.lap("training")
    size = len(fitted.dataset.train_images)
    say(f"{config.network} on {config.dataset}: fitted to {size} training images")
    for message in fitted.messages:
        say(f"scikit-learn warns: {message}")
    train_loss, train_accuracy = fitted.evaluate("train")
    test_loss, test_accuracy = fitted.evaluate("test")
    watch.lap("evaluating")
    counts = fitted.count(config.regions)
    watch.lap("counting")
    entry = {
        "epoch": 0,
        "train_loss": train_loss,
        "test_loss": test_loss,
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
        "generalization_gap": train_accuracy - test_accuracy,
        "region_count": {
            "mean": float(counts.mean),
            "standard_error": float(counts.standard_error),
        },
    }
    read = nested({name: value for name, value in config.fields().items() if is_read(name)})
    record = fitted_record(
        read,
        entry=entry,
        counts=np.asarray(counts.counts).tolist(),
        messages=fitted.messages,
        fitted_with=_versions(),
        data=folder.data,
    )
    folder.claim_for_good()
    folder.metrics.write_text(json_line(entry), encoding="utf-8")
    watch.write()
    write_json(folder.record, record)
    return finite(record)


def _versions() -> dict[str, Any]:
    import sklearn

    return {**versions(), "scikit-learn": sklearn.__version__}
