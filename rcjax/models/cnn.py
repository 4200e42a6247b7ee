"""A small convolutional network for images, without batch norm."""

import jax

from rcjax.errors import UserError
from rcjax.models.builder import Builder
from rcjax.models.layers import Convolution, Linear, Network, global_mean, max_pool, relu


class ConvolutionalNetwork(Network):
    """Three 3x3 convolutions with ReLU, of `width`, twice and four times as many channels.

    Images are halved by max-pooling after the first and after the second, and their mean goes to
    the linear layer; they need at least 4 x 4 pixels.
    """

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.conv1 = Convolution(builder, channels, width, 3, padding=1, bias=True)
        self.conv2 = Convolution(builder, width, 2 * width, 3, padding=1, bias=True)
        self.conv3 = Convolution(builder, 2 * width, 4 * width, 3, padding=1, bias=True)
        self.linear = Linear(builder, 4 * width, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        if images.shape[1:3] == (1, 1):
            raise UserError(
                "cnn takes images of 4 x 4 pixels or more, but got vectors (images of one pixel): "
                "choose cnn1d or mlp for vectors"
            )
        images = max_pool(relu(self.conv1(images)), kernel=2, stride=2)
        images = max_pool(relu(self.conv2(images)), kernel=2, stride=2)
        return self.linear(global_mean(relu(self.conv3(images))))
