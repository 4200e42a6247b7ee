"""VGG19 with batch norm for small images: no hidden linear layers."""

from collections.abc import Callable, Iterator

import jax

from rcjax.models.builder import Builder
from rcjax.models.layers import (
    Linear,
    Network,
    Sequence,
    convolution_norm_relu,
    global_mean,
    max_pool,
    scaled,
)

PUBLISHED_WIDTH = 64
# (channels, convolutions) of each stage; images are halved after each.
STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))


class VGG(Network):
    """Stages of 3x3 convolutions; needs images of at least 32 x 32 pixels."""

    def __init__(self, builder: Builder, *, num_classes: int, width: int, channels: int) -> None:
        super().__init__(builder, channels)
        self.features = Sequence(*_features(builder, width, channels))
        outputs = scaled(STAGES[-1][0], width, PUBLISHED_WIDTH)
        self.classifier = Linear(builder, outputs, num_classes)

    def logits(self, images: jax.Array) -> jax.Array:
        return self.classifier(global_mean(self.features(images)))


def _features(
    builder: Builder, width: int, inputs: int
) -> Iterator[Callable[[jax.Array], jax.Array]]:
    for published_outputs, convolutions in STAGES:
        outputs = scaled(published_outputs, width, PUBLISHED_WIDTH)
        for _ in range(convolutions):
            yield from convolution_norm_relu(builder, inputs, outputs, 3)
            inputs = outputs
        yield _halve


def _halve(images: jax.Array) -> jax.Array:
    return max_pool(images, kernel=2, stride=2)
