"""A small multilayer perceptron: two hidden layers of `width` ReLU units."""

import jax

from rcjax.errors import UserError
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
        if images.shape[1:3] != (self.image_size, self.image_size):
            raise UserError(
                f"this network takes images of {self.image_size} x {self.image_size} pixels, "
                f"but got {images.shape[1]} x {images.shape[2]}: create it with image_size="
                f"{images.shape[1]}"
            )
        return self.layers(images.reshape(len(images), -1))
