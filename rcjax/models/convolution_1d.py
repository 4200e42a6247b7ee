"""1-D convolution of signals: one matrix product, which needs no gradient of its own on the CPU."""

import jax
import jax.numpy as jnp
from jax import lax


def convolution_1d(
    signals: jax.Array, weight: jax.Array, *, stride: int = 1, padding: int = 0
) -> jax.Array:
    """Convolves (cross-correlates, as PyTorch) with zero padding, equal at both ends.

    For every place of the result, all that the kernel meets, times the kernel as a matrix: XLA's
    own gradient of a convolution is slow on the CPU, see `rcjax.models.convolution`.

    Args:
        signals: [n, length, in].
        weight: [k, in, out], of the same type; k is at most length + 2 padding.
        stride, padding: in places.

    Returns:
        [n, 1 + (length + 2 padding - k) // stride, out], of the same type.

    Example:
        >>> signals = jnp.asarray([[[1.0], [2.0], [4.0], [8.0]]])
        >>> convolution_1d(signals, jnp.asarray([[[-1.0]], [[1.0]]])).ravel().tolist()
        [1.0, 2.0, 4.0]
    """
    kernel, _, outputs = weight.shape
    padded = jnp.pad(signals, ((0, 0), (padding, padding), (0, 0)))
    span = padded.shape[1] - kernel
    taps = [
        lax.slice_in_dim(padded, place, place + span + 1, stride, axis=1) for place in range(kernel)
    ]
    return jnp.concatenate(taps, -1) @ weight.reshape(-1, outputs)
