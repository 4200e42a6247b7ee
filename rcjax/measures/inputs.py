"""Inputs of the measures: a trained network with its training data, and settings."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, ArrayLike, Bool, Float, Int
from rcjax.errors import UserError

# Nested dictionaries of arrays; JAX has no type for a pytree.
Arrays: TypeAlias = Any
Apply = Callable[[Arrays, Arrays, jax.Array, bool], tuple[jax.Array, Arrays]]


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network as training left it, and the data it was trained on.

    Attributes:
        apply: apply(parameters, model_state, images, train) -> (logits [n, classes], state), as
            `rcjax.models.functional` returns it. Give the same function for networks of the same
            shape: everything is compiled once for each.
        parameters: nested dict of trained arrays.
        model_state: nested dict of running statistics.
        initial_parameters: the parameters before training, same structure as `parameters`.
        images: float `[n, height, width, channels]`, the normalised training images.
        labels: int `[n]`, from 0 to classes - 1.
        batch_size: with which the network was trained; only the gradient noise needs it, and is not
            defined where it is None.

    Raises:
        UserError: images and labels do not belong together, or the two sets of parameters do not;
            labels are no classes of the network; the batch size is not positive.
    """

    apply: Apply
    parameters: Arrays
    model_state: Arrays
    initial_parameters: Arrays
    images: Float[ArrayLike, "n height width channels"]
    labels: Int[ArrayLike, " n"]
    batch_size: int | None = None

    def __post_init__(self) -> None:
        for name, values in (("images", self.images), ("labels", self.labels)):
            if np.ma.is_masked(values):  # what lies below a mask means nothing
                raise UserError(f"{name} hold masked values; leave these examples out")
        kind = getattr(self.images, "dtype", type(self.images).__name__)
        if kind in (np.dtype(object), "list", "tuple"):
            raise UserError(f"images must be an array of numbers, but are of {kind}")
        images, labels = np.shape(self.images), np.shape(self.labels)
        if len(images) != 4 or labels != images[:1] or not images[0]:
            raise UserError(
                "images must have shape [n, height, width, channels] and labels [n], n > 0, "
                f"but have {list(images)} and {list(labels)}"
            )
        if not jnp.issubdtype(jnp.result_type(self.images), jnp.floating):
            raise UserError(
                f"images must be floating-point, but are {jnp.result_type(self.images)}: "
                "normalise them first"
            )
        self._check_labels()
        if self.batch_size is not None and self.batch_size < 1:
            raise UserError(f"batch_size must be at least 1, but is {self.batch_size}")
        shapes = [
            jax.tree.map(np.shape, tree) for tree in (self.parameters, self.initial_parameters)
        ]
        if shapes[0] != shapes[1]:
            raise UserError(
                "initial_parameters must have the names and shapes of parameters; "
                "create both with the same network and width"
            )

    def _check_labels(self) -> None:
        """Refuses labels that the network has no output for; they would be counted as others."""
        labels = np.asarray(self.labels)
        if labels.dtype.kind not in "iu":
            raise UserError(f"labels must be integers, but are {labels.dtype}")
        shapes = jax.tree.map(_shape_of, (self.parameters, self.model_state, self.images[:1]))
        leaves, structure = jax.tree.flatten(shapes)
        classes = _classes_of(self.apply, tuple(leaves), structure)
        wrong = labels[(labels < 0) | (labels >= classes)]
        if wrong.size:
            raise UserError(
                f"labels must lie between 0 and {classes - 1}, the network's outputs, but "
                f"{wrong.size} of {labels.size} do not, such as {wrong[0]}; leave these examples "
                "out, or number the classes from 0"
            )


def _shape_of(array: ArrayLike) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(array), jnp.result_type(array))


@functools.lru_cache(maxsize=64)
def _classes_of(
    apply: Apply, leaves: tuple[jax.ShapeDtypeStruct, ...], structure: jax.tree_util.PyTreeDef
) -> int:
    """Outputs of a network; traced once for all networks of one shape."""
    parameters, state, images = jax.tree.unflatten(structure, leaves)
    logits, _ = jax.eval_shape(
        lambda *arguments: apply(arguments[0], arguments[1], arguments[2], False),
        parameters, state, images,
    )  # fmt: skip
    return int(logits.shape[-1])


_FRACTIONS = ("sam_radius", "precision")  # fields of Settings


@dataclass(frozen=True)
class Settings:
    """Settings of the measures: how precisely they are computed.

    Attributes:
        examples: training examples that measures of the data use, chosen at random by the key; all
            where there are fewer.
        batch_size: examples in one step on the device.
        lanczos_iterations: for the largest eigenvalue of the Hessian; as many vectors of the size
            of the parameters are held in memory.
        trace_directions: in which the trace of the Hessian is exact; as many vectors of the size of
            the parameters are held in memory.
        hutchinson_probes: random vectors for the rest of the trace, at most; as many as give the
            precision.
        noise_samples: perturbed networks by which the noise that a network bears is looked for.
            Twice as many others and up to 1,000 more then give the precision.
        precision: relative standard error of the trace and of the PAC-Bayes flatness.
        sam_radius: of the ball of parameters in which the worst loss is looked for.
        sam_steps: of first-order ascent in that ball; the first is the step of SAM.

    Raises:
        UserError: a number is not positive.
    """

    examples: int = 500
    batch_size: int = 500
    lanczos_iterations: int = 20
    trace_directions: int = 20
    hutchinson_probes: int = 200
    noise_samples: int = 10
    precision: float = 0.03
    sam_radius: float = 0.05
    sam_steps: int = 5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            whole = name in _FRACTIONS or isinstance(value, int)
            if isinstance(value, bool) or not whole or not 0 < value < math.inf:
                kind = "number" if name in _FRACTIONS else "integer"
                raise UserError(f"{name} must be a positive {kind}, but is {value!r}")


class Batches(NamedTuple):
    """Examples in batches of one size; the last is filled up with examples that do not count.

    images: `[batches, size, height, width, channels]`. labels: int32 `[batches, size]`.
    counts: bool `[batches, size]`.
    """

    images: Float[Array, "batches size height width channels"]
    labels: Int[Array, "batches size"]
    counts: Bool[Array, "batches size"]


def make_batches(network: TrainedNetwork, settings: Settings, key: jax.Array) -> Batches:
    """The training examples that measures of the data use."""
    total = len(network.labels)
    chosen = np.arange(total)
    if settings.examples < total:
        chosen = np.sort(np.asarray(jax.random.permutation(key, total))[: settings.examples])
    batches = -(-len(chosen) // settings.batch_size)
    size = -(-len(chosen) // batches)
    padded = np.pad(chosen, (0, batches * size - len(chosen)), mode="edge")
    counts = np.arange(batches * size) < len(chosen)
    images = np.asarray(network.images)[padded]
    labels = np.asarray(network.labels, np.int32)[padded]
    return Batches(
        jnp.asarray(images.reshape(batches, size, *images.shape[1:])),
        jnp.asarray(labels.reshape(batches, size)),
        jnp.asarray(counts.reshape(batches, size)),
    )
