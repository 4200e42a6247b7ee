"""EfficientNetB0 for small images, as the paper trained it: no drop-connect, dropout 0.2.

For ImageNet it has a stem of stride 2 and a 1x1 convolution before the classifier, is otherwise
trained the same way, and loads torchvision's checkpoints.
"""

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
HEAD = 1280  # channels before the classifier, for ImageNet
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
# Where torchvision keeps the layers of the network, and those of a block: (step, place within).
_TORCHVISION_LAYERS = {
    "conv1": "features.0.0",
    "bn1": "features.0.1",
    "conv2": "features.8.0",
    "bn2": "features.8.1",
    "linear": "classifier.1",
}
_TORCHVISION_STEPS = {
    "conv1": (0, ".0"),
    "bn1": (0, ".1"),
    "conv2": (1, ".0"),
    "bn2": (1, ".1"),
    "se": (2, ""),
    "conv3": (3, ".0"),
    "bn3": (3, ".1"),
}


class SqueezeExcitation(nnx.Module):
    """Multiplies each channel by a weight in (0, 1) computed from the means of all channels."""

    def __init__(self, builder: Builder, channels: int, squeezed: int) -> None:
        self.se1 = Convolution(builder, channels, squeezed, 1, bias=True)
        self.se2 = Convolution(builder, squeezed, channels, 1, bias=True)

    def __call__(self, images: jax.Array) -> jax.Array:
        squeezed = swish(self.se1(images.mean((1, 2), keepdims=True)))
        return images * jax.nn.sigmoid(self.se2(squeezed))


class InvertedBlock(nnx.Module):
    """Widen by a 1x1 convolution, filter each channel, re-weight the channels, narrow.

    Args:
        spare: makes the first convolution also where it is not used (expansion 1).
    """

    def __init__(
        self,
        builder: Builder,
        inputs: int,
        outputs: int,
        *,
        expansion: int,
        kernel: int,
        stride: int,
        spare: bool,
    ) -> None:
        hidden = expansion * inputs
        self.widens = expansion != 1
        self.adds_input = stride == 1 and inputs == outputs
        if self.widens or spare:
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

    def __init__(
        self,
        builder: Builder,
        *,
        num_classes: int,
        width: int,
        channels: int,
        imagenet: bool = False,
    ) -> None:
        super().__init__(builder, channels)
        self.imagenet = imagenet
        self.conv1 = Convolution(
            builder, channels, width, 3, stride=2 if imagenet else 1, padding=1
        )
        self.bn1 = BatchNorm(builder, width)
        # Checkpoints of the network for small images contain unused tensors, torchvision's do not.
        self.layers = Sequence(*_blocks(builder, width, spare=not imagenet))
        outputs = scaled(STAGES[-1].outputs, width, PUBLISHED_WIDTH)
        if imagenet:
            head = scaled(HEAD, width, PUBLISHED_WIDTH)
            self.conv2 = Convolution(builder, outputs, head, 1)
            self.bn2 = BatchNorm(builder, head)
            outputs = head
        self.dropout = Dropout(builder, DROPOUT)
        self.linear = Linear(builder, outputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.layers(swish(self.bn1(self.conv1(images))))
        if self.imagenet:
            hidden = swish(self.bn2(self.conv2(hidden)))
        return self.linear(self.dropout(global_mean(hidden)))

    def torch_key(self, key: str) -> str:
        """For ImageNet the names of torchvision, for small images those of the CIFAR network."""
        return _torchvision_key(key) if self.imagenet else key


def _blocks(builder: Builder, width: int, *, spare: bool) -> Iterator[InvertedBlock]:
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
                spare=spare,
            )
            inputs = outputs


def _torchvision_key(key: str) -> str:
    """features.STAGE.BLOCK.block.STEP, where a block that does not widen has one step less."""
    layer, _, rest = key.partition(".")
    if layer != "layers":
        return f"{_TORCHVISION_LAYERS[layer]}.{rest}"
    number, layer, tensor = rest.split(".", 2)
    stages = [(index, block) for index, stage in enumerate(STAGES) for block in range(stage.blocks)]
    stage, block = stages[int(number)]
    step, inside = _TORCHVISION_STEPS[layer]
    step -= STAGES[stage].expansion == 1
    tensor = tensor.replace("se1.", "fc1.").replace("se2.", "fc2.")
    return f"features.{stage + 1}.{block}.block.{step}{inside}.{tensor}"
