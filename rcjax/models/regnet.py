"""RegNetX-200MF for small images: bottleneck blocks whose 3x3 convolutions have groups of 8."""

import jax

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
from rcjax.models.resnet import Bottleneck

PUBLISHED_WIDTH = 64
GROUP_WIDTH = 8
# (channels, blocks, stride of the first block) of each stage.
STAGES = ((24, 1, 1), (56, 1, 1), (152, 4, 2), (368, 7, 2))


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
            layers = []
            for block in range(blocks):
                first = stride if block == 0 else 1
                groups = outputs // GROUP_WIDTH
                layers.append(
                    Bottleneck(builder, inputs, outputs, first, inside=outputs, groups=groups)
                )
                inputs = outputs
            setattr(self, f"layer{stage}", Sequence(*layers))
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))
