"""Networks by name, as NNX modules and as pure functions on plain dictionaries.

Only this package knows that networks are written in Flax NNX. Training and counting see `init` and
`apply`, which compile, vectorise and differentiate like any other JAX function.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rcjax.errors import UserError
from rcjax.models.builder import Builder, ConvolutionGradient, NetworkSettings
from rcjax.models.layers import Network
from rcjax.models.registry import Shape, published_width

Arrays = dict[str, Any]  # nested dictionaries of arrays
Init = Callable[[jax.Array], tuple[Arrays, Arrays]]
Apply = Callable[[Arrays, Arrays, jax.Array, bool], tuple[jax.Array, Arrays]]
Predict = Callable[[Arrays, Arrays, jax.Array], jax.Array]

COMPUTE_DTYPES = ("bfloat16", "float16", "float32", "float64")


def create(
    name: str,
    *,
    num_classes: int = 10,
    seed: int = 0,
    width: int | None = None,
    channels: int = 3,
    image_size: int = 32,
    depth: int | None = None,
    compute_dtype: Any = jnp.float32,
) -> Network:
    """Makes a network with fresh weights, in evaluation mode (`model.train()` trains it).

    Args:
        name: one of `rcjax.models.NAMES`.
        num_classes: number of logits.
        seed: same seed, same weights, equal to `functional(name)[0](jax.random.key(seed))`.
        width: channels of the stem (mlp: hidden units), everything else in proportion; None takes
            the published width.
        channels, image_size: of the images; most networks take other sizes too. cnn1d takes vectors
            of `channels` features, as images of one pixel.
        depth: hidden layers of mlp; None takes two. Of other networks it cannot be chosen.
        compute_dtype: of convolutions and linear layers; parameters, batch-norm statistics and
            logits stay float32 (float64 if this is float64, which needs `jax_enable_x64`).

    Returns:
        An `nnx.Module` from images, floating [n, height, width, channels], to logits
        [n, num_classes]. Weights and biases start uniform in +-1/sqrt(fan_in), PyTorch's default.

    Raises:
        UserError: an unknown name, or a size that is no positive integer.

    Example:
        >>> model = create("resnet18", width=4)
        >>> model(jnp.zeros((2, 32, 32, 3))).shape
        (2, 10)

    Source: the initial weights are those of the paper, section 3.
    """
    shape = _shape(name, num_classes, width, channels, image_size, depth)
    definition, init = _definition(shape, _settings(compute_dtype, "automatic"))
    model = nnx.merge(definition, *init(jax.random.key(seed)))
    model.eval()
    return model


def functional(
    name: str,
    *,
    num_classes: int = 10,
    width: int | None = None,
    channels: int = 3,
    image_size: int = 32,
    depth: int | None = None,
    compute_dtype: Any = jnp.float32,
    convolution_gradient: ConvolutionGradient = "automatic",
) -> tuple[Init, Apply]:
    """Returns the network as two pure functions on nested dictionaries of arrays.

    Args:
        name, num_classes, width, channels, image_size, depth, compute_dtype: as in `create`.
        convolution_gradient: "plain" leaves the gradient to XLA, which `jax.jvp`, `jax.linearize`
            and `jax.jacfwd` of the network need on the CPU; gradients and Hessian-vector products
            (forward over reverse too) work with every choice. See
            `rcjax.models.convolution_gradient`.

    Returns:
        init(key) -> (parameters, state): compiled, and may be vmapped over keys. `state` holds
            running statistics and, for networks with dropout, random words.
        apply(parameters, state, images, train) -> (logits, new_state): `train` is a Python bool.
            In evaluation the state comes back as it was.
        Equal arguments give the same two functions, so that `jax.jit` finds what it compiled.

    Raises:
        UserError: as in `create`.

    Example:
        >>> init, apply = functional("mlp", width=8, image_size=4)
        >>> parameters, state = init(jax.random.key(0))
        >>> logits, state = apply(parameters, state, jnp.zeros((2, 4, 4, 3)), True)
        >>> logits.shape
        (2, 10)
    """
    shape = _shape(name, num_classes, width, channels, image_size, depth)
    settings = _settings(compute_dtype, convolution_gradient)
    return _definition(shape, settings)[1], _apply(shape, settings)


def arrays_of(model: Network) -> tuple[Arrays, Arrays]:
    """Returns (parameters, state) of a network, as `functional(...)[1]` takes them; not copied.

    Example:
        >>> parameters, state = arrays_of(create("mlp", width=8, image_size=4))
        >>> sorted(parameters["layers"])
        ['0', '2', '4']
    """
    return (
        nnx.to_pure_dict(nnx.state(model, nnx.Param)),
        nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param))),
    )


def predictor(
    name: str,
    *,
    num_classes: int = 10,
    width: int | None = None,
    channels: int = 3,
    image_size: int = 32,
    depth: int | None = None,
    compute_dtype: Any = jnp.float32,
) -> Predict:
    """Returns the network in evaluation mode as a pure function.

    Args:
        name, num_classes, width, channels, image_size, depth, compute_dtype: as in `create`.

    Returns:
        (parameters, state, images) -> logits; the same function for equal arguments. The counter
        compiles `jax.tree_util.Partial(predictor(...), parameters, state)` once for all values of
        the arrays.

    Raises:
        UserError: as in `create`.

    Example:
        >>> init, _ = functional("mlp", width=8, image_size=4)
        >>> predict = jax.tree_util.Partial(
        ...     predictor("mlp", width=8, image_size=4), *init(jax.random.key(0))
        ... )
        >>> predict(jnp.zeros((2, 4, 4, 3))).shape
        (2, 10)
    """
    shape = _shape(name, num_classes, width, channels, image_size, depth)
    return _predict(shape, _settings(compute_dtype, "automatic"))


def _shape(
    name: str,
    num_classes: int,
    width: int | None,
    channels: int,
    size: int,
    depth: int | None,
) -> Shape:
    return Shape(
        name=name,
        num_classes=_integer(num_classes),
        width=published_width(name) if width is None else _integer(width),
        channels=_integer(channels),
        image_size=_integer(size),
        depth=_integer(depth),
    )


def _integer(value: Any) -> Any:
    """NumPy integers as Python's, so that equal arguments are equal; others as they are."""
    return operator.index(value) if isinstance(value, np.integer) else value


def _settings(compute_dtype: Any, convolution_gradient: ConvolutionGradient) -> NetworkSettings:
    try:
        name = jnp.dtype(compute_dtype).name
    except TypeError:
        name = repr(compute_dtype)
    if name not in COMPUTE_DTYPES:
        raise UserError(f"compute_dtype must be one of {', '.join(COMPUTE_DTYPES)}, but is {name}")
    if convolution_gradient not in ("automatic", "plain", "custom"):
        raise UserError(
            "convolution_gradient must be automatic, plain or custom, "
            f"but is {convolution_gradient!r}"
        )
    if name == "float64" and not jax.config.read("jax_enable_x64"):
        raise UserError("compute_dtype float64 needs jax.config.update('jax_enable_x64', True)")
    return NetworkSettings(jnp.dtype(name), convolution_gradient)


@functools.cache
def _definition(shape: Shape, settings: NetworkSettings) -> tuple[nnx.GraphDef, Init]:
    """Returns the structure of a network, which holds no arrays, and its compiled init."""
    counter = Builder(settings)
    definition, *_ = nnx.split(shape.build(counter), nnx.Param, ...)

    def init(key: jax.Array) -> tuple[Arrays, Arrays]:
        number_key, training_key = jax.random.split(key)
        numbers = jax.random.uniform(
            number_key, (counter.used,), settings.parameter_dtype, minval=-1, maxval=1
        )
        model = shape.build(Builder(settings, numbers, training_key))
        return arrays_of(model)

    return definition, jax.jit(init)


@functools.cache
def _apply(shape: Shape, settings: NetworkSettings) -> Apply:
    definition, _ = _definition(shape, settings)

    def apply(
        parameters: Arrays, state: Arrays, images: jax.Array, train: bool
    ) -> tuple[jax.Array, Arrays]:
        model = nnx.merge(definition, parameters, state)
        if not train:
            model.eval()
            return model(images), state
        model.train()
        logits = model(images)
        return logits, nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param)))

    return apply


@functools.cache
def _predict(shape: Shape, settings: NetworkSettings) -> Predict:
    apply = _apply(shape, settings)

    def predict(parameters: Arrays, state: Arrays, images: jax.Array) -> jax.Array:
        return apply(parameters, state, images, False)[0]

    return predict
