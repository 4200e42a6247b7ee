"""Evaluation counts every image once, however the batches fall."""

import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.runtime.devices import local_mesh
from rcjax.training.evaluation import compile_evaluation


def first_pixels(parameters, model_state, images, train):
    return images.reshape(len(images), -1)[:, :3] * parameters["scale"], model_state


@pytest.mark.parametrize("examples", [1, 511, 512, 700])
def test_equals_numpy_on_all_images_together(examples):
    random = np.random.default_rng(examples)
    images = random.integers(0, 256, (examples, 2, 2, 1)).astype(np.uint8)
    labels = random.integers(0, 3, examples).astype(np.int32)
    evaluate = compile_evaluation(first_pixels, (0.4,), (0.3,), local_mesh())
    scores = evaluate({"scale": jnp.float32(2)}, {}, images, labels)

    logits = 2 * (images.reshape(examples, -1)[:, :3] / 255 - 0.4) / 0.3
    log_sums = np.log(np.exp(logits).sum(axis=1))
    loss = (log_sums - logits[np.arange(examples), labels]).mean()
    assert scores.loss == pytest.approx(loss, rel=1e-5)
    # Equal pixels tie; NumPy and JAX both take the first.
    assert scores.accuracy == pytest.approx(100 * (logits.argmax(axis=1) == labels).mean())
