"""ResNeXt29 (2x64d) for small images: bottleneck blocks with 3x3 convolutions in two groups."""

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
)

GROUPS = 2
BLOCKS = 3  # of each of the three stages


class Block(nnx.Module):
    """1x1, grouped 3x3 and 1x1 convolutions beside a shortcut; twice as many channels leave it."""

    def __init__(self, builder: Builder, inputs: int, inside: int, stride: int) -> None:
        outputs = 2 * inside
        self.conv1 = Convolution(builder, inputs, inside, 1)
        self.bn1 = BatchNorm(builder, inside)
        self.conv2 = Convolution(
            builder, inside, inside, 3, stride=stride, padding=1, groups=GROUPS
        )
        self.bn2 = BatchNorm(builder, inside)
        self.conv3 = Convolution(builder, inside, outputs, 1)
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


class ResNeXt(Network):
    """A 1x1 stem, then stages whose groups have width, 2 and 4 times width channels."""

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 1)
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, (inside, stride) in enumerate(((1, 1), (2, 2), (4, 2)), start=1):
            inside *= GROUPS * width
            first = Block(builder, inputs, inside, stride)
            rest = (Block(builder, 2 * inside, inside, 1) for _ in range(BLOCKS - 1))
            setattr(self, f"layer{stage}", Sequence(first, *rest))
            inputs = 2 * inside
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(global_mean(hidden))
