"""MobileNet for small images: depthwise and 1x1 convolutions in turn."""

from collections.abc import Iterator

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
# (output channels, stride) of each block.
BLOCKS = (
    (64, 1),
    *((128, 2), (128, 1)),
    *((256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    *((1024, 2), (1024, 1)),
)


class SeparableBlock(nnx.Module):
    """A depthwise 3x3 convolution, then a 1x1 convolution."""

    def __init__(self, builder: Builder, inputs: int, outputs: int, stride: int) -> None:
        self.conv1 = Convolution(
            builder, inputs, inputs, 3, stride=stride, padding=1, groups=inputs
        )
        self.bn1 = BatchNorm(builder, inputs)
        self.conv2 = Convolution(builder, inputs, outputs, 1)
        self.bn2 = BatchNorm(builder, outputs)

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        return relu(self.bn2(self.conv2(hidden)))


class MobileNet(Network):
    """The blocks above, all channels in proportion to `width`."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        self.layers = Sequence(*_blocks(builder, width))
        outputs = scaled(BLOCKS[-1][0], width, PUBLISHED_WIDTH)
        self.linear = Linear(builder, outputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.layers(relu(self.bn1(self.conv1(images))))
        return self.linear(global_mean(hidden))


def _blocks(builder: Builder, width: int) -> Iterator[SeparableBlock]:
    inputs = width
    for published_outputs, stride in BLOCKS:
        outputs = scaled(published_outputs, width, PUBLISHED_WIDTH)
        yield SeparableBlock(builder, inputs, outputs, stride)
        inputs = outputs
