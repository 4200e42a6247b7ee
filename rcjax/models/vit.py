"""A vision transformer for small images: 8 x 8 patches, 7 layers, 12 heads, no dropout.

The paper's "patch 8" is the number of patches per row and per column, not their size: an image of
32 x 32 pixels becomes 64 patches of 4 x 4 pixels.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from rcjax.errors import UserError
from rcjax.models.builder import Builder
from rcjax.models.layers import Linear, Network, Sequence, last_axis

PATCHES = 8  # per row and per column
LAYERS = 7
HEADS = 12


class LayerNorm(nnx.Module):
    """Normalises the last axis to mean 0 and variance 1, then scales and shifts it."""

    epsilon = 1e-5

    def __init__(self, builder: Builder, size: int) -> None:
        self.weight = nnx.Param(builder.constant((size,), 1.0))
        self.bias = nnx.Param(builder.constant((size,), 0.0))

    def __call__(self, inputs: jax.Array) -> jax.Array:
        values = inputs.astype(self.weight.dtype)
        centred = values - values.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        outputs = centred * jax.lax.rsqrt(variance + self.epsilon)
        outputs = outputs * last_axis(self.weight, values) + last_axis(self.bias, values)
        return outputs.astype(inputs.dtype)


class SelfAttention(nnx.Module):
    """Every token takes in the others, weighted by how its query fits their keys.

    Scores are divided by the root of the whole width, not of a head's share of it.
    """

    def __init__(self, builder: Builder, width: int) -> None:
        self.scale = width**-0.5
        self.q = Linear(builder, width, width)
        self.k = Linear(builder, width, width)
        self.v = Linear(builder, width, width)
        self.o = Linear(builder, width, width)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        def heads(values: jax.Array) -> jax.Array:
            return values.reshape(*tokens.shape[:2], HEADS, -1)

        queries, keys, values = (heads(layer(tokens)) for layer in (self.q, self.k, self.v))
        scores = jnp.einsum("nqhc,nkhc->nhqk", queries, keys) * self.scale
        weights = jax.nn.softmax(scores.astype(self.q.weight.dtype)).astype(tokens.dtype)
        mixed = jnp.einsum("nhqk,nkhc->nqhc", weights, values)
        return self.o(mixed.reshape(tokens.shape))


class EncoderLayer(nnx.Module):
    """Attention, then two linear layers for each token; both add to their input."""

    def __init__(self, builder: Builder, width: int) -> None:
        self.la1 = LayerNorm(builder, width)
        self.msa = SelfAttention(builder, width)
        self.la2 = LayerNorm(builder, width)
        dropout = Sequence()  # rate 0; it keeps the numbers of the layers as published
        self.mlp = Sequence(
            Linear(builder, width, width), _gelu, dropout, Linear(builder, width, width), _gelu
        )

    def __call__(self, tokens: jax.Array) -> jax.Array:
        tokens = tokens + self.msa(self.la1(tokens))
        return tokens + self.mlp(self.la2(tokens))


class VisionTransformer(Network):
    """Tokens of `width` numbers, which must be a multiple of the 12 heads."""

    def __init__(
        self, builder: Builder, *, num_classes: int, width: int, channels: int, image_size: int
    ) -> None:
        if width % HEADS:
            raise UserError(f"the width of vit must be a multiple of {HEADS}, but is {width}")
        if image_size % PATCHES:
            raise UserError(
                f"the image_size of vit must be a multiple of {PATCHES}, but is {image_size}"
            )
        super().__init__(builder, channels)
        self.image_size = image_size
        self.emb = Linear(builder, (image_size // PATCHES) ** 2 * channels, width)
        self.cls_token = nnx.Param(builder.normal((1, 1, width)))
        self.pos_emb = nnx.Param(builder.normal((1, PATCHES**2 + 1, width)))
        self.enc = Sequence(*(EncoderLayer(builder, width) for _ in range(LAYERS)))
        self.fc = Sequence(LayerNorm(builder, width), Linear(builder, width, num_classes))

    def logits(self, images: jax.Array) -> jax.Array:
        self.require_size(images, self.image_size)
        tokens = self.emb(_patches(images))
        first = jnp.broadcast_to(self.cls_token[...], (len(images), 1, tokens.shape[-1]))
        tokens = jnp.concatenate([first.astype(tokens.dtype), tokens], 1)
        tokens = tokens + self.pos_emb[...].astype(tokens.dtype)
        return self.fc(self.enc(tokens)[:, 0])


def _patches(images: jax.Array) -> jax.Array:
    """[n, height, width, channels] -> [n, patches, pixels of a patch * channels]."""
    count, height, width, channels = images.shape
    rows, columns = height // PATCHES, width // PATCHES
    grid = images.reshape(count, PATCHES, rows, PATCHES, columns, channels)
    return grid.swapaxes(2, 3).reshape(count, PATCHES**2, rows * columns * channels)


def _gelu(values: jax.Array) -> jax.Array:
    return jax.nn.gelu(values, approximate=False)
