"""What a step is shown, and the loss of mixed labels."""

import jax
import numpy as np
import pytest

from rcjax.config import run_config
from rcjax.data.augmentation import MixedLabels
from rcjax.training.finished_run import load_finished_run
from rcjax.training.inputs import InputKeys, InputSettings, training_inputs
from rcjax.training.step import batch_metrics

from .small_runs import small_config, train_undrawn


def test_loss_of_mixed_labels_is_that_of_mixed_targets():
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 4)).astype(np.float32)
    first, second = random.integers(0, 4, (2, 6)).astype(np.int32)
    share = np.float32(0.3)
    targets = 0.3 * np.eye(4)[first] + 0.7 * np.eye(4)[second]
    logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss, correct = batch_metrics(logits, MixedLabels(first, second, share))
    assert float(loss) == pytest.approx(-(targets * logarithms).sum(axis=1).mean(), rel=1e-5)
    predicted = logits.argmax(axis=1)
    assert float(correct) == pytest.approx(targets[np.arange(6), predicted].sum(), rel=1e-5)


def test_images_are_normalised_before_they_are_erased():
    """What is erased is the mean colour, 0 after normalisation, not black."""
    settings = InputSettings(mean=(0.5,), std=(0.25,), random_erasing=True)
    images = np.full((50, 8, 8, 1), 255, np.uint8)
    keys = InputKeys(jax.random.key(0), jax.random.key(1))
    numbers = {"random_erasing": 1.0}
    batch, labels = training_inputs(settings, keys, images, np.zeros(50, np.int32), numbers)
    assert set(np.unique(batch)) == {0.0, 2.0}
    assert (np.asarray(batch) == 0).any(axis=(1, 2, 3)).mean() > 0.9
    assert labels.shape == (50,)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_crops_are_filled_with_black_or_with_the_mean_of_floats(kind):
    settings = InputSettings(mean=(0.5,), std=(0.25,), random_crop=True)
    images = np.full((50, 8, 8, 1), 255 if kind == np.uint8 else 1, kind)
    keys = InputKeys(jax.random.key(0), jax.random.key(1))
    batch, _ = training_inputs(settings, keys, images, np.zeros(50, np.int32), {})
    filling = -2.0 if kind == np.uint8 else 0.0
    assert set(np.unique(batch)) == {filling, 2.0}


def test_the_records_accuracy_is_of_clean_images(tmp_path):
    config = small_config(epochs=1, mixup=1.0, random_erasing=1.0, random_crop=True)
    config.update({"normalization_mean": (0.9,), "normalization_std": (3,)})
    record = train_undrawn(config, tmp_path)
    run = load_finished_run(run_config(config), tmp_path)
    assert (run.dataset.mean, run.dataset.std) == (np.float32(0.9), np.float32(3))
    accuracies = []
    for images, labels in (
        (run.dataset.train_images, run.dataset.train_labels),
        (run.dataset.test_images, run.dataset.test_labels),
    ):
        points = (images / np.float32(255) - run.dataset.mean) / run.dataset.std
        predicted = run.experiment.logits(run.state, points.astype(np.float32)).argmax(axis=1)
        accuracies.append(100 * (predicted == labels).mean())
    expected = pytest.approx(accuracies, abs=1e-6)
    assert [record["train_accuracy"], record["test_accuracy"]] == expected
    assert record["generalization_gap"] == pytest.approx(accuracies[0] - accuracies[1])
    assert 0 <= record["epochs"][0]["train_accuracy"] <= 100
