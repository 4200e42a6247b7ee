"""GoogLeNet with batch norm for small images: four branches side by side in each block."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import (
    Linear,
    Network,
    Sequence,
    convolution_norm_relu,
    global_mean,
    max_pool,
    scaled,
)

PUBLISHED_WIDTH = 192


class Branches(NamedTuple):
    """Channels of the branches of a block; `reduced` ones come before the larger kernels."""

    one: int
    reduced_three: int
    three: int
    reduced_five: int
    five: int
    pooled: int


# In the order of evaluation; images are halved before a4 and a5.
BLOCKS = {
    "a3": Branches(64, 96, 128, 16, 32, 32),
    "b3": Branches(128, 128, 192, 32, 96, 64),
    "a4": Branches(192, 96, 208, 16, 48, 64),
    "b4": Branches(160, 112, 224, 24, 64, 64),
    "c4": Branches(128, 128, 256, 24, 64, 64),
    "d4": Branches(112, 144, 288, 32, 64, 64),
    "e4": Branches(256, 160, 320, 32, 128, 128),
    "a5": Branches(256, 160, 320, 32, 128, 128),
    "b5": Branches(384, 192, 384, 48, 128, 128),
}
HALVED_BEFORE = ("a4", "a5")


class Inception(nnx.Module):
    """1x1; 1x1 and 3x3; 1x1 and twice 3x3 (a 5x5 in effect); pooling and 1x1."""

    def __init__(self, builder: Builder, inputs: int, branches: Branches) -> None:
        one, reduced_three, three, reduced_five, five, pooled = branches
        self.b1 = Sequence(*convolution_norm_relu(builder, inputs, one, 1))
        self.b2 = Sequence(
            *convolution_norm_relu(builder, inputs, reduced_three, 1),
            *convolution_norm_relu(builder, reduced_three, three, 3),
        )
        self.b3 = Sequence(
            *convolution_norm_relu(builder, inputs, reduced_five, 1),
            *convolution_norm_relu(builder, reduced_five, five, 3),
            *convolution_norm_relu(builder, five, five, 3),
        )
        self.b4 = Sequence(_smooth, *convolution_norm_relu(builder, inputs, pooled, 1))

    def __call__(self, images: jax.Array) -> jax.Array:
        branches = (self.b1, self.b2, self.b3, self.b4)
        return jnp.concatenate([branch(images) for branch in branches], -1)


class GoogLeNet(Network):
    """The blocks above, all channels in proportion to `width`."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.pre_layers = Sequence(*convolution_norm_relu(builder, channels, width, 3))
        inputs = width
        for name, published in BLOCKS.items():
            branches = Branches(*(scaled(size, width, PUBLISHED_WIDTH) for size in published))
            setattr(self, name, Inception(builder, inputs, branches))
            inputs = branches.one + branches.three + branches.five + branches.pooled
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.pre_layers(images)
        for name in BLOCKS:
            if name in HALVED_BEFORE:
                hidden = max_pool(hidden, kernel=3, stride=2, padding=1)
            hidden = getattr(self, name)(hidden)
        return self.linear(global_mean(hidden))


def _smooth(images: jax.Array) -> jax.Array:
    return max_pool(images, kernel=3, stride=1, padding=1)
