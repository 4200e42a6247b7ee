"""MobileNetV2 for small images: inverted residual blocks."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import (
    BatchNorm,
    Convolution,
    Linear,
    Network,
    Sequence,
    global_mean,
    relu,
    scaled,
)

PUBLISHED_WIDTH = 32
HEAD = 1280  # channels before the classifier


class Stage(NamedTuple):
    """`blocks` equal blocks; only the first has the stride."""

    expansion: int
    outputs: int
    blocks: int
    stride: int


STAGES = (
    Stage(expansion=1, outputs=16, blocks=1, stride=1),
    Stage(expansion=6, outputs=24, blocks=2, stride=1),
    Stage(expansion=6, outputs=32, blocks=3, stride=2),
    Stage(expansion=6, outputs=64, blocks=4, stride=2),
    Stage(expansion=6, outputs=96, blocks=3, stride=1),
    Stage(expansion=6, outputs=160, blocks=3, stride=2),
    Stage(expansion=6, outputs=320, blocks=1, stride=1),
)


class InvertedBlock(nnx.Module):
    """Widen by a 1x1 convolution, filter each channel, narrow; a shortcut where stride is 1."""

    def __init__(
        self, builder: Builder, inputs: int, outputs: int, *, expansion: int, stride: int
    ) -> None:
        hidden = expansion * inputs
        self.conv1 = Convolution(builder, inputs, hidden, 1)
        self.bn1 = BatchNorm(builder, hidden)
        self.conv2 = Convolution(
            builder, hidden, hidden, 3, stride=stride, padding=1, groups=hidden
        )
        self.bn2 = BatchNorm(builder, hidden)
        self.conv3 = Convolution(builder, hidden, outputs, 1)
        self.bn3 = BatchNorm(builder, outputs)
        self.has_shortcut = stride == 1
        self.shortcut = Sequence()
        if self.has_shortcut and inputs != outputs:
            self.shortcut = Sequence(
                Convolution(builder, inputs, outputs, 1), BatchNorm(builder, outputs)
            )

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = relu(self.bn2(self.conv2(hidden)))
        hidden = self.bn3(self.conv3(hidden))
        return hidden + self.shortcut(images) if self.has_shortcut else hidden


class MobileNetV2(Network):
    """The stages above, all channels in proportion to `width`."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        self.layers = Sequence(*_blocks(builder, width))
        narrow = scaled(STAGES[-1].outputs, width, PUBLISHED_WIDTH)
        head = scaled(HEAD, width, PUBLISHED_WIDTH)
        self.conv2 = Convolution(builder, narrow, head, 1)
        self.bn2 = BatchNorm(builder, head)
        self.linear = Linear(builder, head, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.layers(relu(self.bn1(self.conv1(images))))
        return self.linear(global_mean(relu(self.bn2(self.conv2(hidden)))))


def _blocks(builder: Builder, width: int) -> Iterator[InvertedBlock]:
    inputs = width
    for expansion, published_outputs, blocks, stride in STAGES:
        outputs = scaled(published_outputs, width, PUBLISHED_WIDTH)
        for block in range(blocks):
            yield InvertedBlock(
                builder, inputs, outputs, expansion=expansion, stride=stride if block == 0 else 1
            )
            inputs = outputs
