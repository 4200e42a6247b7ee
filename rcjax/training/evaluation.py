"""Loss and accuracy of a network on a whole set of images, every image counted once."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from rcjax.data import normalize
from rcjax.runtime import Hosts, divide_batch
from rcjax.training.step import Apply

EVALUATION_BATCH_SIZE = 512
Array = jax.Array | np.ndarray
_ALONE = Hosts(0, 1)


class Scores(NamedTuple):
    """Loss and accuracy on a set of images, in evaluation mode."""

    loss: float  # mean cross-entropy
    accuracy: float  # in percent


def score_batch(
    logits: jax.Array, labels: jax.Array, counts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Sums of the losses and of what is right, over the rows of `logits` for which `counts`."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    correct = (jnp.argmax(logits, axis=-1) == labels) & counts
    return jnp.where(counts, losses, 0).sum(), correct.sum(dtype=jnp.int32)


@functools.lru_cache(maxsize=32)
def compile_evaluation(
    apply: Apply, mean: tuple[float, ...], std: tuple[float, ...], mesh: Mesh
) -> Callable[..., Scores]:
    """Returns `evaluate(parameters, model_state, images, labels, hosts=...) -> Scores`.

    Images are uint8 `[examples, height, width, channels]`, not augmented; labels int32. The network
    is compiled for one batch size, whatever the number of images: the last batch is filled up with
    images that do not count. Several hosts divide the batches among them, and each returns the
    scores of all images. Equal arguments give the same function.
    """
    # A multiple of the devices, so that no device pads.
    batch_size = -(-EVALUATION_BATCH_SIZE // mesh.size) * mesh.size

    @jax.jit
    def take(images, labels, start):
        positions = start + jnp.arange(batch_size)
        counts = positions < len(images)
        positions = jnp.minimum(positions, len(images) - 1)
        return images[positions], labels[positions], counts

    @jax.jit
    def score(parameters, model_state, images, labels, counts):
        batch = normalize(images, jnp.array(mean), jnp.array(std))
        batch, labels, counts = divide_batch(mesh, (batch, labels, counts))
        logits, _ = apply(parameters, model_state, batch, False)
        return score_batch(logits, labels, counts)

    def evaluate(parameters, model_state, images, labels, hosts=_ALONE) -> Scores:
        examples = len(images)
        # All batches are started before the first result is fetched.
        started = [
            score(parameters, model_state, *take(images, labels, start))
            for start in hosts.share_of(range(0, examples, batch_size))
        ]
        own = [(float(loss), int(correct)) for loss, correct in jax.device_get(started)]
        losses, correct = zip(*hosts.gather_all(own), strict=True)
        return Scores(
            loss=sum(losses) / examples,
            accuracy=100.0 * sum(correct) / examples,
        )

    return evaluate
