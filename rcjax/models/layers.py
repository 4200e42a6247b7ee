"""The layers of which all networks are made, with the semantics of PyTorch (paper, section 3).

Images are [n, height, width, channels]. Attributes are named as in PyTorch, so that the path of a
parameter is its `state_dict` key; weights are stored as JAX likes them ([height, width, in, out],
[length, in, out] and [in, out]) and transposed on loading, see `torch_state_dict`.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rcjax.errors import UserError
from rcjax.models.builder import Builder
from rcjax.models.convolution_1d import convolution_1d
from rcjax.models.convolution_gradient import convolution

relu = jax.nn.relu
swish = jax.nn.silu


Observer = Callable[[Any, jax.Array, jax.Array], None]
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Calls observer(layer, inputs, outputs) after each call of a layer with weights.

    These layers are `Convolution`, `Convolution1d`, `Linear` and `BatchNorm`, in the order of
    evaluation. Outputs are the very objects that the network goes on with: a batch norm whose
    inputs *are* the outputs of a convolution follows it. Observe where the network itself runs, in
    Python or while it is traced; inside a function compiled earlier nothing is called.
    """
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def _observed(call: Callable[[Any, jax.Array], jax.Array]) -> Callable[[Any, jax.Array], jax.Array]:
    @functools.wraps(call)
    def call_and_tell(layer: Any, inputs: jax.Array) -> jax.Array:
        outputs = call(layer, inputs)
        observer = _observer.get()
        if observer is not None:
            observer(layer, inputs, outputs)
        return outputs

    return call_and_tell


class RandomWords(nnx.Variable):
    """State of a layer that is random in training: uint32 words, easy to store."""


def last_axis(vector: Any, like: jax.Array, dtype: Any = None) -> jax.Array:
    """`vector` `[channels]` with as many axes as `like`, so that they meet at the last one."""
    vector = jnp.asarray(vector[...], dtype)
    return jnp.expand_dims(vector, tuple(range(like.ndim - 1)))


class Convolution(nnx.Module):
    """2-D convolution with a square kernel; weights and biases uniform in +-1/sqrt(fan_in)."""

    def __init__(
        self,
        builder: Builder,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        bound = 1 / math.sqrt(kernel * kernel * inputs // groups)
        shape = (kernel, kernel, inputs // groups, outputs)
        self.weight = nnx.Param(builder.uniform(shape, bound))
        self.bias = nnx.Param(builder.uniform((outputs,), bound)) if bias else None
        self.stride, self.padding, self.groups = stride, padding, groups
        self.settings = builder.settings

    @_observed
    def __call__(self, images: jax.Array) -> jax.Array:
        dtype = self.settings.compute_dtype
        outputs = convolution(
            images.astype(dtype),
            self.weight[...].astype(dtype),
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
            gradient=self.settings.convolution_gradient,
        )
        return outputs if self.bias is None else outputs + last_axis(self.bias, outputs, dtype)


class Convolution1d(nnx.Module):
    """1-D convolution with a bias, of signals [n, length, in]; initialised as `Convolution`."""

    groups = 1

    def __init__(
        self, builder: Builder, inputs: int, outputs: int, kernel: int, *, stride: int, padding: int
    ) -> None:
        bound = 1 / math.sqrt(kernel * inputs)
        self.weight = nnx.Param(builder.uniform((kernel, inputs, outputs), bound))
        self.bias = nnx.Param(builder.uniform((outputs,), bound))
        self.stride, self.padding = stride, padding
        self.settings = builder.settings

    @_observed
    def __call__(self, signals: jax.Array) -> jax.Array:
        dtype = self.settings.compute_dtype
        outputs = convolution_1d(
            signals.astype(dtype),
            self.weight[...].astype(dtype),
            stride=self.stride,
            padding=self.padding,
        )
        return outputs + last_axis(self.bias, outputs, dtype)


class Linear(nnx.Module):
    """inputs @ weight + bias over the last axis; both uniform in +-1/sqrt(inputs)."""

    def __init__(self, builder: Builder, inputs: int, outputs: int, *, bias: bool = True) -> None:
        bound = 1 / math.sqrt(inputs)
        self.weight = nnx.Param(builder.uniform((inputs, outputs), bound))
        self.bias = nnx.Param(builder.uniform((outputs,), bound)) if bias else None
        self.settings = builder.settings

    @_observed
    def __call__(self, inputs: jax.Array) -> jax.Array:
        dtype = self.settings.compute_dtype
        outputs = inputs.astype(dtype) @ self.weight[...].astype(dtype)
        return outputs if self.bias is None else outputs + last_axis(self.bias, outputs, dtype)


class BatchNorm(nnx.Module):
    """Batch normalisation over all axes but the last, as PyTorch defines it.

    In training the batch is normalised by its own biased variance, while the running variance
    takes in the unbiased one: running = 0.9 running + 0.1 variance * n / (n - 1), where n counts
    the values of one channel. Statistics are float32 also where the inputs are bfloat16.
    """

    epsilon = 1e-5
    momentum = 0.1

    def __init__(self, builder: Builder, channels: int) -> None:
        self.weight = nnx.Param(builder.constant((channels,), 1.0))
        self.bias = nnx.Param(builder.constant((channels,), 0.0))
        self.running_mean = nnx.BatchStat(builder.constant((channels,), 0.0))
        self.running_var = nnx.BatchStat(builder.constant((channels,), 1.0))
        self.use_running_average = False  # the name that Module.train() and eval() set

    @_observed
    def __call__(self, inputs: jax.Array) -> jax.Array:
        values = inputs.astype(self.weight.dtype)
        if self.use_running_average:
            mean, variance = self.running_mean[...], self.running_var[...]
        else:
            mean, variance = self._batch_statistics(values)
        scale = self.weight[...] * jax.lax.rsqrt(variance + self.epsilon)
        mean, scale = last_axis(mean, values), last_axis(scale, values)
        outputs = (values - mean) * scale + last_axis(self.bias, values)
        return outputs.astype(inputs.dtype)

    def _batch_statistics(self, values: jax.Array) -> tuple[jax.Array, jax.Array]:
        count = math.prod(values.shape[:-1])
        if count < 2:
            raise UserError(
                "batch norm in training needs more than one value per channel, but got a batch of "
                f"shape {list(values.shape)}: use larger batches (the last of an epoch counts too) "
                "or larger images"
            )
        axes = tuple(range(values.ndim - 1))
        mean = values.mean(axes)
        variance = jnp.square(values - last_axis(mean, values)).mean(axes)
        self._update(self.running_mean, mean)
        self._update(self.running_var, variance * (count / (count - 1)))
        return mean, variance

    def _update(self, running: nnx.BatchStat, new: jax.Array) -> None:
        old = running[...]
        running.set_value((1 - self.momentum) * old + self.momentum * jax.lax.stop_gradient(new))


class Dropout(nnx.Module):
    """Sets each value to zero with probability `rate` in training, scaling up the others.

    The randomness is state: two words, replaced at every training call.
    """

    def __init__(self, builder: Builder, rate: float) -> None:
        self.rate = rate
        self.words = RandomWords(builder.random_words())
        self.deterministic = False  # the name that Module.train() and eval() set

    def __call__(self, inputs: jax.Array) -> jax.Array:
        if self.deterministic:
            return inputs
        key = jax.random.wrap_key_data(self.words[...], impl="threefry2x32")
        next_key, key = jax.random.split(key)
        self.words.set_value(jax.random.key_data(next_key))
        kept = jax.random.bernoulli(key, 1 - self.rate, inputs.shape)
        return jnp.where(kept, inputs / (1 - self.rate), 0).astype(inputs.dtype)


class Sequence(nnx.Module):
    """Layers and plain functions one after another, named 0, 1, ...; empty, it is the identity."""

    def __init__(self, *layers: Callable[[jax.Array], jax.Array]) -> None:
        self.length = len(layers)
        for index, layer in enumerate(layers):
            setattr(self, str(index), layer)

    def __call__(self, inputs: jax.Array) -> jax.Array:
        for index in range(self.length):
            inputs = getattr(self, str(index))(inputs)
        return inputs


class Network(nnx.Module):
    """Base of all networks: checks and converts the images, then the logits.

    A subclass sets up its layers and defines `logits(images)`.
    """

    def __init__(self, builder: Builder, channels: int) -> None:
        self.channels = channels
        self.settings = builder.settings

    def __call__(self, images: jax.Array) -> jax.Array:
        """Logits float32 [n, num_classes] of images, floating [n, height, width, channels]."""
        if jnp.ndim(images) != 4 or jnp.shape(images)[-1] != self.channels:
            raise UserError(
                f"images must have shape [n, height, width, {self.channels}], "
                f"but have {list(jnp.shape(images))}"
            )
        if not jnp.issubdtype(jnp.result_type(images), np.floating):
            raise UserError(
                f"images must be floating-point, but are {jnp.result_type(images)}: "
                "normalise them first"
            )
        logits = self.logits(jnp.asarray(images, self.settings.compute_dtype))
        return logits.astype(self.settings.parameter_dtype)

    def logits(self, images: jax.Array) -> jax.Array:
        """Returns the network itself, in the computation's dtype; every network brings its own."""
        raise TypeError(f"{type(self).__name__} must define logits(images)")

    def torch_key(self, key: str) -> str:
        """Returns the key in a PyTorch `state_dict` of the parameter whose path here is `key`."""
        return key

    def torch_key_of(self, other: str) -> str:
        """Returns the `torch_key` that another program's checkpoint has under the name `other`."""
        return other

    def require_size(self, images: jax.Array, size: int) -> None:
        """Refuses images that are not `size` x `size`, for networks that take only these."""
        if images.shape[1:3] != (size, size):
            raise UserError(
                f"this network takes images of {size} x {size} pixels, but got "
                f"{images.shape[1]} x {images.shape[2]}: create it with their image_size; in a "
                f"run, --config.image_size={size} resizes all images"
            )


def convolution_norm_relu(
    builder: Builder, inputs: int, outputs: int, kernel: int
) -> tuple[Convolution, BatchNorm, Callable[[jax.Array], jax.Array]]:
    """Three layers for a `Sequence`; the convolution has a bias and keeps the image size."""
    layer = Convolution(builder, inputs, outputs, kernel, padding=kernel // 2, bias=True)
    return layer, BatchNorm(builder, outputs), relu


def global_mean(images: jax.Array) -> jax.Array:
    """Mean over all pixels: [n, height, width, channels] -> [n, channels]."""
    return images.mean((1, 2))


def max_pool(images: jax.Array, kernel: int, stride: int, padding: int = 0) -> jax.Array:
    """Maximum over squares of pixels; incomplete squares at the end are left out."""
    _check_size(images, kernel - 2 * padding)
    edges = (padding, padding)
    return nnx.max_pool(images, (kernel, kernel), (stride, stride), (edges, edges))


def mean_pool(images: jax.Array, kernel: int) -> jax.Array:
    """Mean over squares side by side; incomplete squares at the end are left out."""
    _check_size(images, kernel)
    return nnx.avg_pool(images, (kernel, kernel), (kernel, kernel))


def _check_size(images: jax.Array, smallest: int) -> None:
    if min(images.shape[1:3]) < smallest:
        raise UserError(
            f"the images are too small for this network: {images.shape[1]} x {images.shape[2]} "
            f"pixels are left where it needs {smallest} x {smallest}; in a run, "
            "--config.image_size enlarges all images"
        )


def scaled(channels: int, width: int, published: int, *, multiple: int = 1) -> int:
    """Number of channels in a network whose stem has `width` channels, not `published`.

    A positive multiple of `multiple`, the nearest one to the exact proportion.
    """
    return multiple * max(1, round(channels * width / (published * multiple)))
