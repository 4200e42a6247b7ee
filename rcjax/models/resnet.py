"""ResNet18 and ResNet34 for small images: 3x3 stem, no max-pooling, four stages of basic blocks."""

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


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where shapes differ."""

    def __init__(self, builder: Builder, inputs: int, outputs: int, stride: int) -> None:
        self.conv1 = Convolution(builder, inputs, outputs, 3, stride=stride, padding=1)
        self.bn1 = BatchNorm(builder, outputs)
        self.conv2 = Convolution(builder, outputs, outputs, 3, padding=1)
        self.bn2 = BatchNorm(builder, outputs)
        self.shortcut = Sequence()
        if stride != 1 or inputs != outputs:
            self.shortcut = Sequence(
                Convolution(builder, inputs, outputs, 1, stride=stride),
                BatchNorm(builder, outputs),
            )

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        return relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))


class ResNet(Network):
    """Stages of `blocks` basic blocks with width, 2, 4 and 8 times width channels."""

    def __init__(
        self,
        builder: Builder,
        *,
        blocks: tuple[int, int, int, int],
        num_classes: int,
        width: int,
        channels: int,
    ) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        self.layer1 = _stage(builder, blocks[0], width, width, stride=1)
        self.layer2 = _stage(builder, blocks[1], width, 2 * width, stride=2)
        self.layer3 = _stage(builder, blocks[2], 2 * width, 4 * width, stride=2)
        self.layer4 = _stage(builder, blocks[3], 4 * width, 8 * width, stride=2)
        self.linear = Linear(builder, 8 * width, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))


def _stage(builder: Builder, blocks: int, inputs: int, outputs: int, stride: int) -> Sequence:
    first = BasicBlock(builder, inputs, outputs, stride)
    return Sequence(
        first, *(BasicBlock(builder, outputs, outputs, stride=1) for _ in range(blocks - 1))
    )
