"""EfficientNetB0 for small images, as the paper trained it: no drop-connect, dropout 0.2."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import (
    BatchNorm,
    Convolution,
    Dropout,
    Linear,
    Network,
    Sequence,
    global_mean,
    scaled,
    swish,
)

PUBLISHED_WIDTH = 32
DROPOUT = 0.2


class Stage(NamedTuple):
    """`blocks` equal blocks; only the first has the stride."""

    expansion: int
    outputs: int
    blocks: int
    kernel: int
    stride: int


STAGES = (
    Stage(expansion=1, outputs=16, blocks=1, kernel=3, stride=1),
    Stage(expansion=6, outputs=24, blocks=2, kernel=3, stride=2),
    Stage(expansion=6, outputs=40, blocks=2, kernel=5, stride=2),
    Stage(expansion=6, outputs=80, blocks=3, kernel=3, stride=2),
    Stage(expansion=6, outputs=112, blocks=3, kernel=5, stride=1),
    Stage(expansion=6, outputs=192, blocks=4, kernel=5, stride=2),
    Stage(expansion=6, outputs=320, blocks=1, kernel=3, stride=1),
)


class SqueezeExcitation(nnx.Module):
    """Multiplies each channel by a weight in (0, 1) computed from the means of all channels."""

    def __init__(self, builder: Builder, channels: int, squeezed: int) -> None:
        self.se1 = Convolution(builder, channels, squeezed, 1, bias=True)
        self.se2 = Convolution(builder, squeezed, channels, 1, bias=True)

    def __call__(self, images: jax.Array) -> jax.Array:
        squeezed = swish(self.se1(images.mean((1, 2), keepdims=True)))
        return images * jax.nn.sigmoid(self.se2(squeezed))


class InvertedBlock(nnx.Module):
    """Widen by a 1x1 convolution, filter each channel, re-weight the channels, narrow."""

    def __init__(
        self,
        builder: Builder,
        inputs: int,
        outputs: int,
        *,
        expansion: int,
        kernel: int,
        stride: int,
    ) -> None:
        hidden = expansion * inputs
        self.widens = expansion != 1
        self.adds_input = stride == 1 and inputs == outputs
        # Made even where it is not used, because published checkpoints contain it.
        self.conv1 = Convolution(builder, inputs, hidden, 1)
        self.bn1 = BatchNorm(builder, hidden)
        self.conv2 = Convolution(
            builder, hidden, hidden, kernel, stride=stride, padding=kernel // 2, groups=hidden
        )
        self.bn2 = BatchNorm(builder, hidden)
        self.se = SqueezeExcitation(builder, hidden, max(1, inputs // 4))
        self.conv3 = Convolution(builder, hidden, outputs, 1)
        self.bn3 = BatchNorm(builder, outputs)

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = swish(self.bn1(self.conv1(images))) if self.widens else images
        hidden = swish(self.bn2(self.conv2(hidden)))
        hidden = self.bn3(self.conv3(self.se(hidden)))
        return hidden + images if self.adds_input else hidden


class EfficientNet(Network):
    """The stages above, all channels in proportion to `width`."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        self.layers = Sequence(*_blocks(builder, width))
        self.dropout = Dropout(builder, DROPOUT)
        outputs = scaled(STAGES[-1].outputs, width, PUBLISHED_WIDTH)
        self.linear = Linear(builder, outputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.layers(swish(self.bn1(self.conv1(images))))
        return self.linear(self.dropout(global_mean(hidden)))


def _blocks(builder: Builder, width: int) -> Iterator[InvertedBlock]:
    inputs = width
    for expansion, published_outputs, blocks, kernel, stride in STAGES:
        outputs = scaled(published_outputs, width, PUBLISHED_WIDTH)
        for block in range(blocks):
            yield InvertedBlock(
                builder,
                inputs,
                outputs,
                expansion=expansion,
                kernel=kernel,
                stride=stride if block == 0 else 1,
            )
            inputs = outputs
