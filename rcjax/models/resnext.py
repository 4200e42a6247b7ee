"""ResNeXt29 (2x64d) for small images: bottleneck blocks with 3x3 convolutions in two groups."""

import jax

from rcjax.models.builder import Builder
from rcjax.models.layers import BatchNorm, Convolution, Linear, Network, Sequence, global_mean, relu
from rcjax.models.resnet import Bottleneck

GROUPS = 2
BLOCKS = 3  # of each of the three stages


class ResNeXt(Network):
    """A 1x1 stem, then stages whose groups have width, 2 and 4 times width channels.

    Twice as many channels leave a block as are inside it.
    """

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 1)
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, (times, stride) in enumerate(((1, 1), (2, 2), (4, 2)), start=1):
            inside = times * GROUPS * width
            blocks = []
            for block in range(BLOCKS):
                first = stride if block == 0 else 1
                blocks.append(
                    Bottleneck(builder, inputs, 2 * inside, first, inside=inside, groups=GROUPS)
                )
                inputs = 2 * inside
            setattr(self, f"layer{stage}", Sequence(*blocks))
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(global_mean(hidden))
