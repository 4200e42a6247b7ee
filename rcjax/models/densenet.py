"""DenseNet121 for small images: every block appends its channels to all those before."""

import jax
import jax.numpy as jnp
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import (
    BatchNorm,
    Convolution,
    Linear,
    Network,
    Sequence,
    global_mean,
    mean_pool,
    relu,
    scaled,
)

PUBLISHED_WIDTH = 64
GROWTH = 32  # channels that a block appends
BLOCKS = (6, 12, 24, 16)  # of each stage; channels and image are halved in between


class Block(nnx.Module):
    """1x1 and 3x3 convolutions, each after batch norm and ReLU; new channels come first."""

    def __init__(self, builder: Builder, inputs: int, growth: int) -> None:
        self.bn1 = BatchNorm(builder, inputs)
        self.conv1 = Convolution(builder, inputs, 4 * growth, 1)
        self.bn2 = BatchNorm(builder, 4 * growth)
        self.conv2 = Convolution(builder, 4 * growth, growth, 3, padding=1)

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = self.conv1(relu(self.bn1(images)))
        hidden = self.conv2(relu(self.bn2(hidden)))
        return jnp.concatenate([hidden, images], -1)


class Transition(nnx.Module):
    """Fewer channels by a 1x1 convolution, then the mean over 2 x 2 pixels."""

    def __init__(self, builder: Builder, inputs: int, outputs: int) -> None:
        self.bn = BatchNorm(builder, inputs)
        self.conv = Convolution(builder, inputs, outputs, 1)

    def __call__(self, images: jax.Array) -> jax.Array:
        return mean_pool(self.conv(relu(self.bn(images))), kernel=2)


class DenseNet(Network):
    """The stages above, all channels in proportion to `width`."""

    dense1: Sequence
    dense2: Sequence
    dense3: Sequence
    dense4: Sequence
    trans1: Transition
    trans2: Transition
    trans3: Transition

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        growth = scaled(GROWTH, width, PUBLISHED_WIDTH)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        inputs = width
        for stage, blocks in enumerate(BLOCKS, start=1):
            layers = (Block(builder, inputs + index * growth, growth) for index in range(blocks))
            setattr(self, f"dense{stage}", Sequence(*layers))
            inputs += blocks * growth
            if stage < len(BLOCKS):
                setattr(self, f"trans{stage}", Transition(builder, inputs, inputs // 2))
                inputs //= 2
        self.bn = BatchNorm(builder, inputs)
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.trans1(self.dense1(self.conv1(images)))
        hidden = self.trans3(self.dense3(self.trans2(self.dense2(hidden))))
        hidden = relu(self.bn(self.dense4(hidden)))
        return self.linear(global_mean(hidden))
