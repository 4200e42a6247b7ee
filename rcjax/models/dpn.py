"""DPN92, dual path network for small images: residual and dense connections side by side."""

import jax
import jax.numpy as jnp

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
GROUPS = 32
# (channels inside a block, residual channels, dense channels added by a block, blocks, stride of
# the first block) of each stage.
STAGES = ((96, 256, 16, 3, 1), (192, 512, 32, 4, 2), (384, 1024, 24, 20, 2), (768, 2048, 128, 3, 2))


class Block(Bottleneck):
    """Adds to the first `residual` channels and appends `dense` new ones.

    The first block of a stage has a 1x1 convolution as shortcut, which yields both kinds.
    """

    def __init__(
        self,
        builder: Builder,
        inputs: int,
        inside: int,
        residual: int,
        dense: int,
        *,
        stride: int,
        first: bool,
    ) -> None:
        super().__init__(
            builder, inputs, residual + dense, stride, inside=inside, groups=GROUPS, projects=first
        )
        self.added = residual

    def __call__(self, images: jax.Array) -> jax.Array:
        old_residual, old_dense = jnp.split(self.shortcut(images), [self.added], -1)
        residual, dense = jnp.split(self.residual(images), [self.added], -1)
        return relu(jnp.concatenate([old_residual + residual, old_dense, dense], -1))


class DPN(Network):
    """The stages above, channels in proportion to `width`, inside blocks in whole groups."""

    layer1: Sequence
    layer2: Sequence
    layer3: Sequence
    layer4: Sequence

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1)
        self.bn1 = BatchNorm(builder, width)
        inputs = width
        for stage, (inside, residual, dense, blocks, stride) in enumerate(STAGES, start=1):
            inside = scaled(inside, width, PUBLISHED_WIDTH, multiple=GROUPS)
            residual = scaled(residual, width, PUBLISHED_WIDTH)
            dense = scaled(dense, width, PUBLISHED_WIDTH)
            layers = []
            for block in range(blocks):
                first = block == 0
                layers.append(
                    Block(
                        builder,
                        inputs,
                        inside,
                        residual,
                        dense,
                        stride=stride if first else 1,
                        first=first,
                    )
                )
                inputs = residual + (block + 2) * dense
            setattr(self, f"layer{stage}", Sequence(*layers))
        self.linear = Linear(builder, inputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(global_mean(hidden))
