"""RegNetX-200MF for small images: bottleneck blocks whose 3x3 convolutions have groups of 8."""

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

PUBLISHED_WIDTH = 64
GROUP_WIDTH = 8
# (channels, blocks, stride of the first block) of each stage.
STAGES = ((24, 1, 1), (56, 1, 1), (152, 4, 2), (368, 7, 2))


class Block(nnx.Module):
    """1x1, grouped 3x3 and 1x1 convolutions beside a shortcut."""

    def __init__(self, builder: Builder, inputs: int, outputs: int, stride: int) -> None:
        groups = outputs // GROUP_WIDTH
        self.conv1 = Convolution(builder, inputs, outputs, 1)
        self.bn1 = BatchNorm(builder, outputs)
        self.conv2 = Convolution(
            builder, outputs, outputs, 3, stride=stride, padding=1, groups=groups
        )
        self.bn2 = BatchNorm(builder, outputs)
        self.conv3 = Convolution(builder, outputs, outputs, 1)
        self.bn3 = BatchNorm(builder, outputs)
        self.shortcut = Sequence()
        if stride != 1 or inputs != outputs:
            self.shortcut = Sequence(
                Convolution(builder, inputs, outputs, 1, stride=stride),
                BatchNorm(builder, outputs),
            )

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = relu(self.bn2(self.conv2(hidden)))
        return relu(self.bn3(self.conv3(hidden)) + self.shortcut(images))


class RegNet(Network):
    """The stages above, channels in proportion to `width`, rounded to whole groups."""

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence
    layer4: Sequence

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, (published_outputs, blocks, stride) in enumerate(STAGES, start=1):
            outputs = scaled(published_outputs, width, PUBLISHED_WIDTH, multiple=GROUP_WIDTH)
            first = Block(builder, inputs, outputs, stride)
            rest = (Block(builder, outputs, outputs, 1) for _ in range(blocks - 1))
            setattr(self, f"layer{stage}", Sequence(first, *rest))
            inputs = outputs
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))
