"""SENet18 for small images: pre-activation residual blocks whose channels are re-weighted."""

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

REDUCTION = 16  # channels of a block over channels of its squeezed description


class PreActivationBlock(nnx.Module):
    """Batch norm and ReLU before each 3x3 convolution; the result times its channel weights.

    The shortcut, a 1x1 convolution where shapes differ, starts after the first ReLU.
    """

    def __init__(self, builder: Builder, inputs: int, outputs: int, stride: int) -> None:
        squeezed = max(1, outputs // REDUCTION)
        self.bn1 = BatchNorm(builder, inputs)
        self.conv1 = Convolution(builder, inputs, outputs, 3, stride=stride, padding=1)
        self.bn2 = BatchNorm(builder, outputs)
        self.conv2 = Convolution(builder, outputs, outputs, 3, padding=1)
        self.shortcut = Sequence()
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.shortcut = Sequence(Convolution(builder, inputs, outputs, 1, stride=stride))
        self.fc1 = Convolution(builder, outputs, squeezed, 1, bias=True)
        self.fc2 = Convolution(builder, squeezed, outputs, 1, bias=True)

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(images))
        shortcut = self.shortcut(hidden) if self.projects else images
        hidden = self.conv1(hidden)
        hidden = self.conv2(relu(self.bn2(hidden)))
        squeezed = relu(self.fc1(hidden.mean((1, 2), keepdims=True)))
        return hidden * jax.nn.sigmoid(self.fc2(squeezed)) + shortcut


class SENet(Network):
    """Four stages of two blocks with width, 2, 4 and 8 times width channels."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        self.layer1 = _stage(builder, width, width, stride=1)
        self.layer2 = _stage(builder, width, 2 * width, stride=2)
        self.layer3 = _stage(builder, 2 * width, 4 * width, stride=2)
        self.layer4 = _stage(builder, 4 * width, 8 * width, stride=2)
        self.linear = Linear(builder, 8 * width, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))


def _stage(builder: Builder, inputs: int, outputs: int, stride: int) -> Sequence:
    return Sequence(
        PreActivationBlock(builder, inputs, outputs, stride),
        PreActivationBlock(builder, outputs, outputs, stride=1),
    )
