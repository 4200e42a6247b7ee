"""Runs that share a program, stacked: their data, the program of an epoch, and their evaluation."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from rcjax.data import Dataset, normalize
from rcjax.runtime import replicated
from rcjax.training.epoch import EpochSettings, epoch_function
from rcjax.training.evaluation import EVALUATION_BATCH_SIZE, Scores, score_batch
from rcjax.training.optimizer import Optimizer
from rcjax.training.step import Apply

_NETWORKS_PER_BATCH = 8  # evaluated side by side


class Images(NamedTuple):
    """Images and labels, of all runs or, with a first axis of runs, of each.

    Attributes:
        images: `[(runs,) n, height, width, channels]`.
        labels: int32 `[(runs,) n]`.
    """

    images: Any
    labels: Any

    def axes(self) -> "Images":
        """For each, the axis of the runs, None where all runs share it."""
        return Images(0 if self.images.ndim == 5 else None, 0 if self.labels.ndim == 2 else None)


def training_images(datasets: Sequence[Dataset]) -> Images:
    """Stacks what differs between runs of the training images and labels of their data sets."""
    return Images(
        _shared_or_stacked([dataset.train_images for dataset in datasets]),
        _shared_or_stacked([dataset.train_labels for dataset in datasets]),
    )


def _shared_or_stacked(arrays: Sequence[Any]) -> Any:
    return arrays[0] if all(each is arrays[0] for each in arrays) else np.stack(arrays)


def stack(trees: Sequence[Any]) -> Any:
    """Stacks pytrees leaf by leaf."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def stacked_numbers(of_runs: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Stacks the numbers of an epoch, float32 `[runs]` by name."""
    return {name: np.array([each[name] for each in of_runs], np.float32) for name in of_runs[0]}


@functools.lru_cache(maxsize=8)
def stacked_epoch(
    apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh, axes: Images
) -> Any:
    """Compiles an epoch of many runs: states and numbers are stacked, data as `axes` says.

    Returns:
        `epoch(states, images, labels, numbers) -> (states, (losses [runs], correct [runs]))`; the
        states given are donated.
    """
    mapped = jax.vmap(
        epoch_function(apply, optimizer, settings, mesh), in_axes=(0, axes.images, axes.labels, 0)
    )
    return jax.jit(mapped, donate_argnums=0, out_shardings=replicated(mesh))


@functools.lru_cache(maxsize=8)
def stacked_evaluation(
    apply: Apply, mean: tuple[float, ...], std: tuple[float, ...], axes: Images
) -> Callable[[Any, Images], list[Scores]]:
    """Returns `evaluate(networks, images) -> [scores of each network]`.

    Networks are (parameters, model state), stacked. Every image counts once; numbers are those of
    `compile_evaluation` up to rounding.
    """

    def sums(network: Any, images: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        examples = len(images)
        batches = -(-examples // EVALUATION_BATCH_SIZE)

        def score(start: jax.Array) -> tuple[jax.Array, jax.Array]:
            positions = start + jnp.arange(EVALUATION_BATCH_SIZE)
            counts, positions = positions < examples, jnp.minimum(positions, examples - 1)
            batch = normalize(images[positions], jnp.array(mean), jnp.array(std))
            parameters, model_state = network
            logits, _ = apply(parameters, model_state, batch, False)
            return score_batch(logits, labels[positions], counts)

        return jax.lax.map(score, EVALUATION_BATCH_SIZE * jnp.arange(batches))

    @jax.jit
    def all_sums(networks: Any, images: Any, labels: Any) -> tuple[jax.Array, jax.Array]:
        own = {name: array for name, array in (("images", images), ("labels", labels))
               if getattr(axes, name) == 0}  # fmt: skip

        def one(run: tuple[Any, dict[str, jax.Array]]) -> tuple[jax.Array, jax.Array]:
            network, drawn = run
            return sums(network, drawn.get("images", images), drawn.get("labels", labels))

        runs = len(jax.tree.leaves(networks)[0])
        at_a_time = min(runs, _NETWORKS_PER_BATCH)
        found: tuple[jax.Array, jax.Array] = jax.lax.map(one, (networks, own), batch_size=at_a_time)
        return found

    def evaluate(networks: Any, data: Images) -> list[Scores]:
        losses, correct = jax.device_get(all_sums(networks, *data))
        examples = data.labels.shape[-1]
        # Sums of batches are added in float64, as those of single runs are.
        return [
            Scores(float(loss) / examples, 100.0 * int(hits) / examples)
            for loss, hits in zip(
                losses.astype(np.float64).sum(axis=1), correct.sum(axis=1), strict=True
            )
        ]

    return evaluate
