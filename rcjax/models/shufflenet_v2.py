"""ShuffleNetV2 (size 1) for small images: half of the channels pass each block untouched."""

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
    relu,
    scaled,
)

PUBLISHED_WIDTH = 24
STAGES = ((116, 4), (232, 8), (464, 4))  # (channels, blocks); the first block halves the image
HEAD = 1024  # channels before the classifier


class Block(nnx.Module):
    """Transforms the second half of the channels by 1x1, depthwise 3x3 and 1x1 convolutions."""

    def __init__(self, builder: Builder, channels: int) -> None:
        half = channels // 2
        self.conv1 = Convolution(builder, half, half, 1)
        self.bn1 = BatchNorm(builder, half)
        self.conv2 = Convolution(builder, half, half, 3, padding=1, groups=half)
        self.bn2 = BatchNorm(builder, half)
        self.conv3 = Convolution(builder, half, half, 1)
        self.bn3 = BatchNorm(builder, half)

    def __call__(self, images: jax.Array) -> jax.Array:
        kept, hidden = jnp.split(images, 2, -1)
        hidden = relu(self.bn1(self.conv1(hidden)))
        hidden = self.bn2(self.conv2(hidden))
        hidden = relu(self.bn3(self.conv3(hidden)))
        return _shuffle(kept, hidden)


class DownBlock(nnx.Module):
    """Halves the image; both halves of the new channels come from all of the old ones."""

    def __init__(self, builder: Builder, inputs: int, outputs: int) -> None:
        half = outputs // 2
        self.conv1 = Convolution(builder, inputs, inputs, 3, stride=2, padding=1, groups=inputs)
        self.bn1 = BatchNorm(builder, inputs)
        self.conv2 = Convolution(builder, inputs, half, 1)
        self.bn2 = BatchNorm(builder, half)
        self.conv3 = Convolution(builder, inputs, half, 1)
        self.bn3 = BatchNorm(builder, half)
        self.conv4 = Convolution(builder, half, half, 3, stride=2, padding=1, groups=half)
        self.bn4 = BatchNorm(builder, half)
        self.conv5 = Convolution(builder, half, half, 1)
        self.bn5 = BatchNorm(builder, half)

    def __call__(self, images: jax.Array) -> jax.Array:
        left = self.bn1(self.conv1(images))
        left = relu(self.bn2(self.conv2(left)))
        right = relu(self.bn3(self.conv3(images)))
        right = self.bn4(self.conv4(right))
        right = relu(self.bn5(self.conv5(right)))
        return _shuffle(left, right)


class ShuffleNetV2(Network):
    """The stages above, all channels in proportion to `width`."""

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, (published_outputs, blocks) in enumerate(STAGES, start=1):
            outputs = scaled(published_outputs, width, PUBLISHED_WIDTH, multiple=2)
            rest = (Block(builder, outputs) for _ in range(blocks - 1))
            setattr(self, f"layer{stage}", Sequence(DownBlock(builder, inputs, outputs), *rest))
            inputs = outputs
        head = scaled(HEAD, width, PUBLISHED_WIDTH)
        self.conv2 = Convolution(builder, inputs, head, 1)
        self.bn2 = BatchNorm(builder, head)
        self.linear = Linear(builder, head, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(global_mean(relu(self.bn2(self.conv2(hidden)))))


def _shuffle(left: jax.Array, right: jax.Array) -> jax.Array:
    """Returns the channels of both, taken from each in turn."""
    return jnp.stack([left, right], -1).reshape(*left.shape[:-1], -1)
