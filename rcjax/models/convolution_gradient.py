"""2-D convolution of images, written for XLA on the CPU where XLA's own way is slow there.

Inside a `lax.scan`, which training is, XLA's CPU backend computes the weight gradient of a
convolution about 50 times and the input gradient about 5 times slower than outside, and a depthwise
convolution takes tens of times longer than the sum of its taps anywhere. So on the CPU
  - the gradient with respect to the weight is one matrix product per tap of the kernel, the one
    with respect to the images a plain convolution with the kernel turned around;
  - a depthwise convolution is the sum, over the taps of the kernel, of shifted images times a
    weight per channel;
  - any other grouped convolution is a loop over the convolutions of its groups;
  - a convolution of many channels whose result has four pixels or fewer, as at the end of VGG19, is
    one matrix product: XLA's own takes 5 to 80 times as long for 3 x 3 kernels on 2 x 2 pixels.
All are exact. Everywhere else XLA's convolution and gradients are used as they are.

The choice is made when a function is traced, by `jax.default_backend()`. `jax.grad`, `jax.hessian`
and Hessian-vector products by `jax.jvp` of `jax.grad` or `jax.grad` of `jax.grad` work either way;
`jax.jvp`, `jax.linearize` and `jax.jacfwd` of a convolution itself need `gradient="plain"`.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")
# Images whose taps are taken together: every tap reads them again, from the cache if they fit.
_PORTION_BYTES = 2 * 2**20
# A convolution of so many channels or more, to so few pixels or less, is one matrix product.
_MANY_CHANNELS, _FEW_PIXELS = 128, 4


def convolution(
    images: jax.Array,
    weight: jax.Array,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    gradient: str = "automatic",
) -> jax.Array:
    """Convolves (cross-correlates, as PyTorch) with zero padding, equal in both directions.

    Args:
        images: [n, height, width, in].
        weight: [k, k, in / groups, out], of the same type.
        stride, padding: in pixels.
        groups: of channels that do not meet.
        gradient: "automatic" uses the CPU's own gradient on the CPU only; "plain" never, "custom"
            always (for tests).

    Returns:
        [n, 1 + (height + 2 padding - k) // stride, ..., out], of the same type.
    """
    custom = gradient == "custom" or (gradient == "automatic" and jax.default_backend() == "cpu")
    if not custom:
        return _plain(images, weight, stride, padding, groups)
    if groups == 1:
        return _with_gradient(images, weight, stride, padding, False)
    if groups == images.shape[-1] == weight.shape[-1]:
        return _with_gradient(images, weight, stride, padding, True)
    return _grouped(images, weight, stride, padding, groups)


def _plain(
    images: jax.Array, weight: jax.Array, stride: int, padding: int, groups: int = 1
) -> jax.Array:
    return lax.conv_general_dilated(
        images,
        weight,
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )


def _product(
    images: jax.Array, weight: jax.Array, stride: int, edges: list[tuple[int, int]]
) -> jax.Array:
    """For every pixel of the result, all that the kernel meets, times the kernel as a matrix."""
    kernel, outputs = weight.shape[0], weight.shape[-1]
    padded = jnp.pad(images, ((0, 0), *edges, (0, 0)))
    ends = [stride * ((size - kernel) // stride) + 1 for size in padded.shape[1:3]]
    taps = [
        padded[:, i : i + ends[0] : stride, j : j + ends[1] : stride]
        for i in range(kernel)
        for j in range(kernel)
    ]
    met = jnp.concatenate(taps, -1)
    flat = met.reshape(-1, met.shape[-1]) @ weight.reshape(-1, outputs)
    return flat.reshape(*met.shape[:3], outputs)


def _is_product(pixels: tuple[int, ...], weight: jax.Array) -> bool:
    """Returns whether a convolution to so many rows and columns is quicker as a matrix product."""
    kernel, _, channels, _ = weight.shape
    return kernel > 1 and channels >= _MANY_CHANNELS and math.prod(pixels) <= _FEW_PIXELS


def _dense(images: jax.Array, weight: jax.Array, stride: int, padding: int) -> jax.Array:
    pixels = [(n + 2 * padding - weight.shape[0]) // stride + 1 for n in images.shape[1:3]]
    if _is_product(tuple(pixels), weight):
        return _product(images, weight, stride, [(padding, padding)] * 2)
    return _plain(images, weight, stride, padding)


def _depthwise(images: jax.Array, weight: jax.Array, stride: int, padding: int) -> jax.Array:
    kernel = weight.shape[0]
    padded = _pad(images, padding)
    count, height, width, channels = padded.shape
    rows, columns = height - kernel + 1, width - kernel + 1
    strides = (1, stride, stride, 1)

    def tap(i: int, j: int) -> jax.Array:
        shifted = lax.slice(padded, (0, i, j, 0), (count, i + rows, j + columns, channels), strides)
        return shifted * lax.slice(weight, (i, j, 0, 0), (i + 1, j + 1, 1, channels))

    taps = [tap(i, j) for i in range(kernel) for j in range(kernel)]
    return functools.reduce(lax.add, taps)


def _grouped(
    images: jax.Array, weight: jax.Array, stride: int, padding: int, groups: int
) -> jax.Array:
    def convolve(group: tuple[jax.Array, jax.Array]) -> jax.Array:
        return _with_gradient(*group, stride, padding, False)

    def split(array: jax.Array) -> jax.Array:
        return jnp.moveaxis(array.reshape(*array.shape[:3], groups, -1), 3, 0)

    outputs = jnp.moveaxis(lax.map(convolve, (split(images), split(weight))), 0, 3)
    return outputs.reshape(*outputs.shape[:3], -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _with_gradient(
    images: jax.Array, weight: jax.Array, stride: int, padding: int, depthwise: bool
) -> jax.Array:
    return (_depthwise if depthwise else _dense)(images, weight, stride, padding)


def _forward(images, weight, stride, padding, depthwise):
    # Do not call `_with_gradient` here: second derivatives differentiate this pass, and a custom
    # VJP cannot be differentiated forwards.
    outputs = (_depthwise if depthwise else _dense)(images, weight, stride, padding)
    return outputs, (images, weight)


def _backward(stride, padding, depthwise, residuals, gradient):
    images, weight = residuals
    return (
        _images_gradient(images.shape, weight, gradient, stride, padding, depthwise),
        _weight_gradient(images, weight.shape[0], gradient, stride, padding, depthwise),
    )


_with_gradient.defvjp(_forward, _backward)


def _images_gradient(shape, weight, gradient, stride, padding, depthwise) -> jax.Array:
    """The output's gradient, with zeros between where strided, convolved with the turned kernel."""
    kernel = weight.shape[0]
    low = kernel - 1 - padding
    spread = [stride * (size - 1) + 1 for size in gradient.shape[1:3]]
    high = [size + kernel - 1 - low - wide for size, wide in zip(shape[1:3], spread, strict=True)]
    if depthwise:
        edges = [(0, 0, 0), *((low, end, stride - 1) for end in high), (0, 0, 0)]
        spread_out = lax.pad(gradient, jnp.zeros((), gradient.dtype), edges)
        return _depthwise(spread_out, weight[::-1, ::-1], stride=1, padding=0)
    # Without the barrier XLA folds the turning into the convolution, and then takes a slow path.
    turned = lax.optimization_barrier(weight[::-1, ::-1].swapaxes(2, 3))
    if stride == 1 and _is_product(shape[1:3], turned):
        return _product(gradient, turned, 1, [(low, end) for end in high])
    return lax.conv_general_dilated(
        gradient,
        turned,
        (1, 1),
        [(low, end) for end in high],
        lhs_dilation=(stride, stride),
        dimension_numbers=LAYOUT,
    )


def _weight_gradient(images, kernel, gradient, stride, padding, depthwise) -> jax.Array:
    """The sum, over portions of the batch that fit the cache, of what each tap contributes."""
    count, _, _, outputs = gradient.shape
    padded = _pad(images, padding)
    portion = max(1, min(count, _PORTION_BYTES // (padded[0].size * padded.dtype.itemsize)))
    whole = count // portion

    def taps_of(start: jax.Array | int, size: int) -> jax.Array:
        images_part = lax.dynamic_slice_in_dim(padded, start, size)
        gradient_part = lax.dynamic_slice_in_dim(gradient, start, size)
        products = _taps(images_part, gradient_part, kernel, stride, depthwise)
        return products.astype(jnp.promote_types(gradient.dtype, jnp.float32))

    def add(total: jax.Array, number: jax.Array) -> tuple[jax.Array, None]:
        return total + taps_of(number * portion, portion), None

    products = taps_of(0, portion)
    if whole > 1:
        products = lax.scan(add, products, jnp.arange(1, whole))[0]
    if whole * portion < count:
        products = products + taps_of(whole * portion, count - whole * portion)
    return products.swapaxes(1, 2).reshape(kernel, kernel, -1, outputs).astype(gradient.dtype)


def _taps(padded, gradient, kernel, stride, depthwise) -> jax.Array:
    """For each tap: the output's gradient times the part of the images that met this tap."""
    count, height, width, outputs = gradient.shape
    channels = padded.shape[-1]
    window = (count, stride * (height - 1) + 1, stride * (width - 1) + 1, channels)
    # Transposed once here, not by every product.
    flat = lax.optimization_barrier(gradient.reshape(-1, outputs).T)

    def tap(index: jax.Array) -> jax.Array:
        start = (0, index // kernel, index % kernel, 0)
        met = lax.dynamic_slice(padded, start, window)[:, ::stride, ::stride]
        if depthwise:
            return (met * gradient).sum((0, 1, 2))[None]
        return flat @ met.reshape(-1, channels)

    return lax.map(tap, jnp.arange(kernel * kernel))


def _pad(images: jax.Array, padding: int) -> jax.Array:
    return jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
