"""A small multilayer perceptron: two hidden layers of `width` ReLU units."""

import jax

from rcjax.models.builder import Builder
from rcjax.models.layers import Linear, Network, Sequence, relu


class MultilayerPerceptron(Network):
    """Flattens the images, so they must have the size given on creation."""

    def __init__(
        self, builder: Builder, *, num_classes: int, width: int, channels: int, image_size: int
    ) -> None:
        super().__init__(builder, channels)
        self.image_size = image_size
        self.layers = Sequence(
            Linear(builder, image_size * image_size * channels, width),
            relu,
            Linear(builder, width, width),
            relu,
            Linear(builder, width, num_classes),
        )

    def logits(self, images: jax.Array) -> jax.Array:
        self.require_size(images, self.image_size)
        return self.layers(images.reshape(len(images), -1))
