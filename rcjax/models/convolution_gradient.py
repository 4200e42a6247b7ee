"""2-D convolution of images."""

import jax
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolution(
    images: jax.Array,
    weight: jax.Array,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    gradient: str = "automatic",
) -> jax.Array:
    """Convolution of images [n, h, w, in] with weight [k, k, in / groups, out]."""
    del gradient
    return lax.conv_general_dilated(
        images,
        weight,
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )
