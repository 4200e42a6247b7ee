"""A multilayer perceptron: hidden layers of `width` ReLU units."""

import itertools

import jax

from rcjax.models.builder import Builder
from rcjax.models.layers import Linear, Network, Sequence, relu


class MultilayerPerceptron(Network):
    """Flattens the images, so they must have the size given on creation.

    Args:
        depth: number of hidden layers.
    """

    def __init__(
        self,
        builder: Builder,
        *,
        num_classes: int,
        width: int,
        channels: int,
        image_size: int,
        depth: int,
    ) -> None:
        super().__init__(builder, channels)
        self.image_size = image_size
        sizes = [image_size * image_size * channels, *[width] * depth]
        hidden = [
            step
            for inputs, outputs in itertools.pairwise(sizes)
            for step in (Linear(builder, inputs, outputs), relu)
        ]
        self.layers = Sequence(*hidden, Linear(builder, sizes[-1], num_classes))

    def logits(self, images: jax.Array) -> jax.Array:
        self.require_size(images, self.image_size)
        return self.layers(images.reshape(len(images), -1))
