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
_FEW_IMAGES = 2  # of which a network is traced to see what it computes


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

    def owned(self, axes: "Images") -> dict[str, Any]:
        """Returns what differs between runs, by name, given the axes of the runs."""
        return {name: value for name, value in self._asdict().items() if getattr(axes, name) == 0}


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
    one = epoch_function(apply, optimizer, settings, mesh)

    def epoch(states: Any, images: Any, labels: Any, numbers: Any) -> Any:
        data = Images(images, labels)

        def of_run(run: tuple[Any, dict[str, jax.Array], Any]) -> Any:
            state, own, numbers = run
            return one(state, *data._replace(**own), numbers)

        network = (states["parameters"], states["model_state"])
        runs = len(jax.tree.leaves(numbers)[0])
        at_a_time = 1 if _in_turn(apply, network, images) else runs
        return _by_run(of_run, (states, data.owned(axes), numbers), at_a_time)

    return jax.jit(epoch, donate_argnums=0, out_shardings=replicated(mesh))


def _by_run(function: Callable[[Any], Any], runs: Any, at_a_time: int) -> Any:
    """Applies a function to every run, so many side by side and the rest in turn."""
    if at_a_time >= len(jax.tree.leaves(runs)[0]):
        return jax.vmap(function)(runs)
    return jax.lax.map(function, runs, batch_size=at_a_time if at_a_time > 1 else None)


def _in_turn(apply: Apply, networks: Any, images: jax.Array) -> bool:
    """Returns whether networks are quicker in turn than side by side.

    Side by side, their convolutions are one of many groups, for which XLA's CPU backend takes three
    times as long as for all of them in turn.

    Args:
        apply: of one network.
        networks: (parameters, model state), stacked.
        images: `[..., n, height, width, channels]`.
    """
    if jax.default_backend() != "cpu":
        return False
    network = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), networks)
    batch = jax.ShapeDtypeStruct((_FEW_IMAGES, *images.shape[-3:]), jnp.float32)
    traced = jax.make_jaxpr(
        lambda parameters, state, images: apply(parameters, state, images, False)
    )(*network, batch)
    return "conv_general_dilated" in str(traced)


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
        data = Images(images, labels)

        def of_run(run: tuple[Any, dict[str, jax.Array]]) -> tuple[jax.Array, jax.Array]:
            network, own = run
            return sums(network, *data._replace(**own))

        at_a_time = 1 if _in_turn(apply, networks, images) else _NETWORKS_PER_BATCH
        found: tuple[jax.Array, jax.Array] = _by_run(
            of_run, (networks, data.owned(axes)), at_a_time
        )
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
