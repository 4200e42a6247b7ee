"""The linear layers of a network with batch norm folded into them, and their norms.

In evaluation mode batch norm multiplies every channel by weight / sqrt(running variance + eps).
Where its input is the output of a convolution or linear layer, the two are one linear layer, whose
kernel is the product; scaling the kernel and what batch norm divides by then changes nothing. Batch
norm anywhere else (before the convolution, as in DenseNet or SENet) is a layer of its own, a
diagonal matrix. The layers of `rcjax.models` tell what they are called with while the network is
traced, so no network needs to be looked into.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rcjax.array_types import Array, ArrayLike, Float
from rcjax.measures.inputs import Apply, Arrays
from rcjax.measures.lanczos import largest_eigenvalue
from rcjax.models import (
    BatchNorm,
    Convolution,
    Convolution1d,
    Linear,
    convolution,
    convolution_1d,
    observing,
)

ITERATIONS = 40  # of Lanczos, for the norm of a convolution


@dataclass
class Layer:
    """A linear map, without its bias.

    Attributes:
        weight: `[k, k, in / groups, out]` of a convolution, `[k, in, out]` of a 1-D convolution,
            `[in, out]` of a linear layer, `[channels]` of batch norm by itself.
        image: (height, width, in) or (length, in) of what a convolution is applied to, otherwise
            empty.
        stride, padding, groups: of a convolution.
    """

    weight: Float[ArrayLike, "..."]
    image: tuple[int, ...] = ()
    stride: int = 1
    padding: int = 0
    groups: int = 1

    def kind(self) -> tuple[tuple[int, ...], tuple[int, ...], int, int, int]:
        """Layers of equal kind: one program computes their norms."""
        return (self.weight.shape, self.image, self.stride, self.padding, self.groups)


class LayerNorms(NamedTuple):
    """Norms of every layer, in the order of evaluation.

    spectral: the largest factor by which the layer stretches its input, in Euclidean norm.
    frobenius: root of the sum of the squares of the entries of `Layer.weight`.
    """

    spectral: Float[Array, " layers"]
    frobenius: Float[Array, " layers"]


def folded_layers(
    apply: Apply, parameters: Arrays, state: Arrays, image: tuple[int, ...]
) -> list[Layer]:
    """The linear layers in the order of evaluation, batch norm folded.

    A layer that is called twice counts twice, one that is never called does not count. Layers of
    other kinds (layer norm, attention) and parameters outside of layers are left out. Runs the
    network once, on an image of zeros, so call it while tracing.

    Args:
        apply: made of the layers of `rcjax.models`, not compiled; any other gives an empty list.
        image: (height, width, channels) of the images.
    """
    found: list[Layer] = []
    producers: list[tuple[jax.Array, Layer]] = []  # outputs, kept alive, and who made them

    def observe(module: object, inputs: jax.Array, outputs: jax.Array) -> None:
        if isinstance(module, BatchNorm):
            variance = module.running_var[...] + module.epsilon
            scale = module.weight[...] * jax.lax.rsqrt(variance)
            layer = next((layer for made, layer in producers if made is inputs), None)
            if layer is None:
                found.append(layer := Layer(scale))
            else:
                axes = tuple(range(layer.weight.ndim - 1))
                layer.weight = layer.weight * jnp.expand_dims(scale, axes)
        elif isinstance(module, Convolution | Convolution1d):
            layer = Layer(
                module.weight[...], inputs.shape[1:], module.stride, module.padding, module.groups
            )
            found.append(layer)
        elif isinstance(module, Linear):
            found.append(layer := Layer(module.weight[...]))
        else:
            return
        producers.append((outputs, layer))

    images = jnp.zeros((1, *image), jnp.result_type(*jax.tree.leaves(parameters)))
    with observing(observe):
        apply(parameters, state, images, False)
    return found


@functools.partial(jax.jit, static_argnames=("apply", "image"))
def layer_norms(
    apply: Apply, parameters: Arrays, state: Arrays, image: tuple[int, ...], key: jax.Array
) -> LayerNorms:
    """Spectral and Frobenius norms of all folded layers.

    The spectral norm of a convolution is that of the map from images to images, with its stride,
    its zero padding and its groups, at the size that it meets in the network. It is not the norm of
    the kernel reshaped to a matrix, which differs from it by a factor between about 1 / k and k for
    k x k kernels. It comes from ITERATIONS steps of Lanczos, which err on the low side, by less
    than 1e-3 of the norm on the networks of the tests. The other norms are exact.
    """
    with jax.default_matmul_precision("highest"):
        layers = folded_layers(apply, parameters, state, image)
        frobenius = [jnp.linalg.norm(layer.weight.ravel()) for layer in layers]
        spectral: list[jax.Array] = list(frobenius)  # all are replaced
        kinds = [layer.kind() for layer in layers]
        for kind in dict.fromkeys(kinds):
            places = [place for place, other in enumerate(kinds) if other == kind]
            norms = _spectral_norms([layers[place] for place in places], key)
            for place, norm in zip(places, norms, strict=True):
                spectral[place] = norm
    empty = jnp.zeros(0)
    return LayerNorms(*(jnp.stack(v) if v else empty for v in (spectral, frobenius)))


def _spectral_norms(layers: list[Layer], key: jax.Array) -> Float[Array, " layers"]:
    """Spectral norms of layers of one kind: one program for all of them."""
    weights = jnp.stack([layer.weight for layer in layers])
    if weights.ndim == 2:
        return jnp.max(jnp.abs(weights), -1)
    if weights.ndim == 3:
        norms: jax.Array = jnp.linalg.norm(weights, 2, (-2, -1))
        return norms
    norm = functools.partial(_convolution_norm, layer=layers[0], key=key)
    return jnp.asarray(jax.lax.map(norm, weights))


def _convolution_norm(weight: jax.Array, layer: Layer, key: jax.Array) -> jax.Array:
    shape = (1, *layer.image)

    def operator(images: jax.Array) -> jax.Array:
        if weight.ndim == 3:
            return convolution_1d(images, weight, stride=layer.stride, padding=layer.padding)
        return convolution(
            images, weight, stride=layer.stride, padding=layer.padding, groups=layer.groups
        )

    def product(vector: jax.Array) -> jax.Array:
        outputs, transposed = jax.vjp(operator, vector.reshape(shape))
        (image,) = transposed(outputs)
        return jnp.ravel(image)

    start = jax.random.normal(key, (math.prod(shape),), weight.dtype)
    square, _ = largest_eigenvalue(product, start, ITERATIONS)
    return jnp.sqrt(jnp.maximum(square, 0))
