"""The compiled parts of the experiment, and what is measured of each run."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from rcjax import count_regions, slices
from rcjax.edge_of_stability import bounds, counting
from rcjax.edge_of_stability.config import EdgeOfStabilityConfig
from rcjax.edge_of_stability.data import TrainingSet, make_training_set
from rcjax.edge_of_stability.losses import LOSSES, accuracy
from rcjax.edge_of_stability.networks import (
    NetworkFunctions,
    Parameters,
    convolutional_network,
    one_weight_network,
    two_layer_network,
)
from rcjax.edge_of_stability.sharpness import sharpness
from rcjax.edge_of_stability.training import make_advance
from rcjax.edge_of_stability.validation import batch_sizes, learning_rates


@dataclasses.dataclass(frozen=True)
class Runs:
    """The settings of all runs, ordered by batch size, then learning rate, then seed.

    Attributes:
        batch_sizes: int [runs].
        learning_rates: float32 [runs].
        seeds: int [runs]; equal seeds start from equal parameters.
    """

    batch_sizes: np.ndarray
    learning_rates: np.ndarray
    seeds: np.ndarray

    def __len__(self) -> int:
        return len(self.seeds)


def make_runs(config: EdgeOfStabilityConfig) -> Runs:
    """Crosses the batch sizes, the ladder of learning rates and the seeds of a config."""
    grid = np.meshgrid(
        batch_sizes(config.batch_sizes, config.data.points),
        learning_rates(config.learning_rates),
        np.arange(config.seeds),
        indexing="ij",
    )
    return Runs(*(axis.ravel() for axis in grid))


class Experiment:
    """Trains and measures all runs of a config together.

    Args:
        config: checked.

    Attributes:
        data: the training set.
        runs: the settings.
        network: one of them as functions.
        bounded: whether the theorem's conditions on data, network and loss hold.
    """

    def __init__(self, config: EdgeOfStabilityConfig):
        self.data: TrainingSet = make_training_set(config.data, config.seed)
        self.runs = make_runs(config)
        self.network: NetworkFunctions = _make_network(config, self.data)
        self.bounded = (
            self.data.on_line
            and config.loss == "squared"
            and config.network.name == "two_layer"
            and config.network.output == "trained"
        )
        self._config = config
        self._key = jax.random.key(config.seed)
        self._points, self._labels = jnp.asarray(self.data.points), jnp.asarray(self.data.labels)
        self._loss = LOSSES[config.loss]
        self._advance = {
            int(size): make_advance(self.network, self._loss, self._points, self._labels, int(size))
            for size in np.unique(self.runs.batch_sizes)
        }
        self._measure = jax.jit(jax.vmap(self._measure_one))

    def initial_parameters(self) -> Parameters:
        """Parameters of all runs, each leaf [runs, ...]."""
        keys = jax.vmap(lambda seed: jax.random.fold_in(self._key, seed))(self.runs.seeds)
        return jax.jit(jax.vmap(self.network.init))(keys)

    def advance(self, parameters: Parameters, first_step: int, active: np.ndarray) -> Parameters:
        """Trains all active runs until the next measurement."""
        config, runs = self._config, self.runs
        order_key = jax.random.fold_in(self._key, 2**31)
        keys = jax.vmap(lambda seed: jax.random.fold_in(order_key, seed))(runs.seeds)
        parts = []
        for size, advance in sorted(self._advance.items(), key=lambda item: self._first(item[0])):
            here = np.flatnonzero(runs.batch_sizes == size)
            part = jax.tree.map(lambda leaf, here=here: leaf[here], parameters)
            if active[here].any():
                part = advance(
                    part,
                    runs.learning_rates[here],
                    keys[here],
                    jnp.int32(first_step),
                    active[here],
                    steps=config.steps // config.measurements,
                )
            parts.append(part)
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)

    def _first(self, size: int) -> int:
        return int(np.argmax(self.runs.batch_sizes == size))

    def _measure_one(self, parameters: Parameters) -> dict[str, jax.Array]:
        def objective(candidate: Parameters) -> jax.Array:
            return self._loss(self.network.outputs(candidate, self._points), self._labels)

        value, error = sharpness(
            objective, parameters, self._key, self._config.sharpness_iterations
        )
        outputs = self.network.outputs(parameters, self._points)
        return {
            "loss": self._loss(outputs, self._labels),
            "accuracy": accuracy(outputs, self._labels),
            "sharpness": value,
            "sharpness_error": error,
        }

    def measure(self, parameters: Parameters) -> dict[str, np.ndarray]:
        """Measures all runs: name -> float64 [runs].

        Always loss, accuracy, sharpness, sharpness_error and, for two-layer networks, regions; on
        the line moreover the counts and the sides of the bound. The weight of a network that has
        one alone.
        """
        with jax.default_matmul_precision("highest"):
            measured = self._measure(parameters)
        results = {name: np.asarray(value, np.float64) for name, value in measured.items()}
        if "weight" in parameters:
            results["weight"] = np.asarray(parameters["weight"], np.float64)
        if self.network.two_layer is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                results |= self._count_two_layer(parameters)
        return results

    def _count_two_layer(self, parameters: Parameters) -> dict[str, np.ndarray]:
        weights, biases, outputs, constants = self.layers(parameters)
        if not self.data.on_line:
            inputs = np.einsum("nd,rkd->rnk", self.data.points.astype(np.float64), weights)
            inputs += biases[:, None]
            counts = counting.count_on_segments(inputs[:, :-1], inputs[:, 1:], outputs, constants)
            return {"regions": counts.mean(axis=-1)}
        weights = weights[..., 0]
        x = self.data.points[:, 0].astype(np.float64)
        whole = counting.curves(weights, biases, outputs, constants, x.min(), x.max())
        results = {
            "regions": counting.count_on_line(weights, biases, outputs, constants),
            "regions_between_points": counting.count_signs(whole.values),
        }
        settings = self._config.bound
        middle = counting.curves(
            weights, biases, outputs, constants, *bounds.center(x, settings.center)
        )
        results["regions_center"] = counting.count_signs(middle.values)
        results["regions_center_margin"] = counting.count_with_margin(
            middle.values, settings.margin
        )
        if self.bounded:
            results["slope_variation"] = bounds.slope_variation(weights, biases, outputs, x)
            results["residual_curvature"] = bounds.residual_curvature(
                weights, biases, outputs, constants, x, self.data.labels
            )
        return {name: np.asarray(value, np.float64) for name, value in results.items()}

    def layers(self, parameters: Parameters) -> tuple[np.ndarray, ...]:
        """Hidden weights [runs, width, dim], biases, output weights, output biases, in float64."""
        assert self.network.two_layer is not None
        layers = jax.vmap(self.network.two_layer)(parameters)
        return tuple(np.asarray(layer, np.float64) for layer in layers)

    def count_adaptively(self, parameters: Parameters) -> np.ndarray:
        """Mean count on segments between random pairs of training points: float64 [runs]."""
        anchors = slices.between_points(
            jax.random.fold_in(self._key, 1), self.data.points, count=self._config.segments
        )
        outputs = self.network.outputs
        return np.array(
            [
                count_regions(
                    Partial(outputs, jax.tree.map(lambda leaf, run=run: leaf[run], parameters)),
                    anchors,
                    method="adaptive",
                ).mean
                for run in range(len(self.runs))
            ]
        )


def _make_network(config: EdgeOfStabilityConfig, data: TrainingSet) -> NetworkFunctions:
    if config.network.name == "convolutional":
        return convolutional_network(
            10, data.points.shape[1], config.network.width, config.network.init_scale
        )
    if config.network.name == "one_weight":
        return one_weight_network()
    return two_layer_network(
        config.network.width,
        data.dim,
        config.network.init_scale,
        config.network.output == "trained",
    )
