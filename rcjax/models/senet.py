"""SENet18: a residual network of pre-activation blocks whose channels are re-weighted."""

import jax
from flax import nnx

from rcjax.models.builder import Builder
from rcjax.models.layers import BatchNorm, Convolution, Sequence, relu
from rcjax.models.resnet import ResNet

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


class SENet(ResNet):
    """Four stages of two blocks with width, 2, 4 and 8 times width channels.

    Args:
        imagenet: whether it has the 7x7 stem and the max-pooling of the networks for ImageNet.
    """

    def __init__(
        self,
        builder: Builder,
        *,
        num_classes: int,
        width: int,
        channels: int,
        imagenet: bool = False,
    ) -> None:
        super().__init__(
            builder,
            block=PreActivationBlock,
            blocks=(2, 2, 2, 2),
            num_classes=num_classes,
            width=width,
            channels=channels,
            imagenet=imagenet,
        )

    def torch_key(self, key: str) -> str:
        """Returns the same names for both stems; torchvision has no such network."""
        return key
