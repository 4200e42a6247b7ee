"""SimpleDLA, deep layer aggregation for small images: trees of basic blocks."""

import jax
import jax.numpy as jnp
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import BatchNorm, Convolution, Linear, Network, Sequence, global_mean, relu
from rcjax.models.resnet import BasicBlock


class Root(nnx.Module):
    """Joins the results of two trees by a 1x1 convolution."""

    def __init__(self, builder: Builder, channels: int) -> None:
        self.conv = Convolution(builder, 2 * channels, channels, 1)
        self.bn = BatchNorm(builder, channels)

    def __call__(self, left: jax.Array, right: jax.Array) -> jax.Array:
        return relu(self.bn(self.conv(jnp.concatenate([left, right], -1))))


class Tree(nnx.Module):
    """Two trees of one level less, or two basic blocks, one after the other, and their root."""

    def __init__(
        self, builder: Builder, inputs: int, outputs: int, *, levels: int, stride: int
    ) -> None:
        self.left_tree = _branch(builder, inputs, outputs, levels - 1, stride)
        self.right_tree = _branch(builder, outputs, outputs, levels - 1, 1)
        self.root = Root(builder, outputs)

    def __call__(self, images: jax.Array) -> jax.Array:
        left = self.left_tree(images)
        return self.root(left, self.right_tree(left))


def _branch(
    builder: Builder, inputs: int, outputs: int, levels: int, stride: int
) -> Tree | BasicBlock:
    if levels == 0:
        return BasicBlock(builder, inputs, outputs, stride)
    return Tree(builder, inputs, outputs, levels=levels, stride=stride)


class SimpleDLA(Network):
    """Stem and two plain layers, then trees with 4, 8, 16 and 32 times `width` channels."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.base = _plain_layer(builder, channels, width)
        self.layer1 = _plain_layer(builder, width, width)
        self.layer2 = _plain_layer(builder, width, 2 * width)
        self.layer3 = Tree(builder, 2 * width, 4 * width, levels=1, stride=1)
        self.layer4 = Tree(builder, 4 * width, 8 * width, levels=2, stride=2)
        self.layer5 = Tree(builder, 8 * width, 16 * width, levels=2, stride=2)
        self.layer6 = Tree(builder, 16 * width, 32 * width, levels=1, stride=2)
        self.linear = Linear(builder, 32 * width, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        hidden = self.layer2(self.layer1(self.base(images)))
        hidden = self.layer6(self.layer5(self.layer4(self.layer3(hidden))))
        return self.linear(global_mean(hidden))


def _plain_layer(builder: Builder, inputs: int, outputs: int) -> Sequence:
    return Sequence(
        Convolution(builder, inputs, outputs, 3, padding=1), BatchNorm(builder, outputs), relu
    )
