"""A small 1-D convolutional network for vectors whose neighbouring features belong together."""

import jax

from rcjax.errors import UserError
from rcjax.models.builder import Builder
from rcjax.models.layers import Convolution1d, Linear, Network, relu

KERNELS = (5, 3, 3)
STRIDE, PADDING = 2, 1


class ConvolutionalNetwork1d(Network):
    """Three convolutions of stride 2 along the features, each with ReLU, and a linear layer.

    Vectors are images of one pixel whose channels are the features. Layers have the names and sizes
    of ConvBase in the code of the paper, so that its checkpoints fit.

    Source: Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D" (ICML 2024).
    """

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        smallest = KERNELS[0] - 2 * PADDING
        if channels < smallest:
            raise UserError(
                f"cnn1d takes vectors of {smallest} features or more, which are images of one "
                f"pixel with so many channels, but got channels = {channels}: choose cnn for "
                "images, mlp for shorter vectors"
            )
        super().__init__(builder, channels)

        def layer(inputs: int, kernel: int) -> Convolution1d:
            return Convolution1d(builder, inputs, width, kernel, stride=STRIDE, padding=PADDING)

        self.conv1 = layer(1, KERNELS[0])
        self.conv2 = layer(width, KERNELS[1])
        self.conv3 = layer(width, KERNELS[2])
        length = channels
        for kernel in KERNELS:
            length = 1 + (length + 2 * PADDING - kernel) // STRIDE
        self.linear = Linear(builder, width * length, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        if images.shape[1:3] != (1, 1):
            raise UserError(
                "cnn1d takes vectors, which are images [n, 1, 1, features], but got images of "
                f"{images.shape[1]} x {images.shape[2]} pixels: choose cnn for images"
            )
        signals = images.reshape(len(images), self.channels, 1)
        for layer in (self.conv1, self.conv2, self.conv3):
            signals = relu(layer(signals))
        # PyTorch's order: all places of one channel, then of the next.
        return self.linear(signals.swapaxes(1, 2).reshape(len(images), -1))
