"""ResNet18, 34 and 50: for small images, and as published for ImageNet.

Small images: 3x3 stem, no max-pooling. ImageNet: 7x7 stem of stride 2, then 3x3 max-pooling; these
are torchvision's networks and load its checkpoints.
"""

import re
from collections.abc import Callable

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
    max_pool,
    relu,
)

EXPANSION = 4  # channels that leave a bottleneck over those inside


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where shapes differ."""

    def __init__(self, builder: Builder, inputs: int, outputs: int, stride: int) -> None:
        self.conv1 = Convolution(builder, inputs, outputs, 3, stride=stride, padding=1)
        self.bn1 = BatchNorm(builder, outputs)
        self.conv2 = Convolution(builder, outputs, outputs, 3, padding=1)
        self.bn2 = BatchNorm(builder, outputs)
        projects = stride != 1 or inputs != outputs
        self.shortcut = projection(builder, inputs, outputs, stride) if projects else Sequence()

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        return relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))


class Bottleneck(nnx.Module):
    """1x1, 3x3 (in `groups`) and 1x1 convolutions beside a shortcut.

    Args:
        inside: channels of the 3x3 convolution; None: a quarter of the outputs.
        projects: whether the shortcut is a 1x1 convolution; None: where shapes differ.
    """

    def __init__(
        self,
        builder: Builder,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        inside: int | None = None,
        groups: int = 1,
        projects: bool | None = None,
    ) -> None:
        inside = outputs // EXPANSION if inside is None else inside
        projects = stride != 1 or inputs != outputs if projects is None else projects
        self.conv1 = Convolution(builder, inputs, inside, 1)
        self.bn1 = BatchNorm(builder, inside)
        self.conv2 = Convolution(
            builder, inside, inside, 3, stride=stride, padding=1, groups=groups
        )
        self.bn2 = BatchNorm(builder, inside)
        self.conv3 = Convolution(builder, inside, outputs, 1)
        self.bn3 = BatchNorm(builder, outputs)
        self.shortcut = projection(builder, inputs, outputs, stride) if projects else Sequence()

    def __call__(self, images: jax.Array) -> jax.Array:
        return relu(self.residual(images) + self.shortcut(images))

    def residual(self, images: jax.Array) -> jax.Array:
        """Returns the summand of the shortcut."""
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = relu(self.bn2(self.conv2(hidden)))
        return self.bn3(self.conv3(hidden))


class ResNet(Network):
    """Stages of blocks with width, 2, 4 and 8 times width channels, times the block's expansion.

    Args:
        block: made with a builder, inputs, outputs and stride.
        expansion: outputs of a block over the width of its stage.
        blocks: of each stage.
        imagenet: whether it has the stem for ImageNet.
    """

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence
    layer4: Sequence

    def __init__(
        self,
        builder: Builder,
        *,
        block: Callable[[Builder, int, int, int], nnx.Module] = BasicBlock,
        expansion: int = 1,
        blocks: tuple[int, int, int, int],
        num_classes: int,
        width: int,
        channels: int,
        imagenet: bool = False,
    ) -> None:
        super().__init__(builder, channels)
        self.imagenet = imagenet
        kernel, stride = (7, 2) if imagenet else (3, 1)
        self.conv1 = Convolution(
            builder, channels, width, kernel, stride=stride, padding=kernel // 2
        )
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, count in enumerate(blocks):
            outputs = expansion * width * 2**stage
            first = block(builder, inputs, outputs, 1 if stage == 0 else 2)
            rest = (block(builder, outputs, outputs, 1) for _ in range(count - 1))
            setattr(self, f"layer{stage + 1}", Sequence(first, *rest))
            inputs = outputs
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        if self.imagenet:
            hidden = max_pool(hidden, kernel=3, stride=2, padding=1)
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))

    def torch_key(self, key: str) -> str:
        """For ImageNet the names of torchvision, for small images those of the CIFAR networks."""
        return _named_by_torchvision(key) if self.imagenet else key

    def torch_key_of(self, other: str) -> str:
        """Takes either names: networks for small images are often torchvision's, changed."""
        own = re.sub(r"\bfc\.", "linear.", other.replace(".downsample.", ".shortcut."))
        return self.torch_key(own)


def _named_by_torchvision(key: str) -> str:
    return re.sub(r"\blinear\.", "fc.", key.replace(".shortcut.", ".downsample."))


def projection(builder: Builder, inputs: int, outputs: int, stride: int) -> Sequence:
    """Returns the shortcut of a block whose input and output differ in shape."""
    return Sequence(
        Convolution(builder, inputs, outputs, 1, stride=stride), BatchNorm(builder, outputs)
    )
