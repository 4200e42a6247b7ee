"""The networks of the experiment as two pure functions each."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Parameters = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class NetworkFunctions:
    """A network as functions that can be compiled, differentiated and mapped over runs.

    Attributes:
        init: key -> parameters, a flat dict of float32 arrays; only what is trained.
        outputs: (parameters, points) -> outputs; [n] for two classes, else [n, classes].
        two_layer: parameters -> (hidden weights [width, dim], hidden biases [width], output
            weights [width], output bias []); None for other networks.
        numbers: how many numbers a point passes through, roughly.
    """

    init: Callable[[jax.Array], Parameters]
    outputs: Callable[[Parameters, jax.Array], jax.Array]
    two_layer: Callable[[Parameters], tuple[Any, Any, Any, Any]] | None
    numbers: int


def two_layer_network(
    width: int, dim: int, init_scale: float, trained_output: bool
) -> NetworkFunctions:
    """f(x) = output_bias + sum_k output_weight[k] * relu(hidden_weight[k] . x + hidden_bias[k]).

    Args:
        width: number of hidden units.
        dim: input dimension.
        init_scale: factor on PyTorch's default initialisation (uniform in +-1/sqrt(fan_in)).
        trained_output: False holds the output weights at +1 and -1 in turn and the bias at 0, and
            trains the hidden layer alone.

    Example:
        >>> import jax
        >>> network = two_layer_network(width=5, dim=2, init_scale=1.0, trained_output=True)
        >>> parameters = network.init(jax.random.key(0))
        >>> network.outputs(parameters, jax.numpy.zeros((3, 2))).shape
        (3,)
    """

    def init(key: jax.Array) -> Parameters:
        shapes: dict[str, tuple[tuple[int, ...], int]] = {
            "hidden_weight": ((width, dim), dim),
            "hidden_bias": ((width,), dim),
        }
        if trained_output:
            shapes |= {"output_weight": ((width,), width), "output_bias": ((), width)}
        return {
            name: _uniform(jax.random.fold_in(key, index), shape, fan_in, init_scale)
            for index, (name, (shape, fan_in)) in enumerate(shapes.items())
        }

    fixed = jnp.where(jnp.arange(width) % 2 == 0, 1.0, -1.0)

    def layers(parameters: Parameters) -> tuple[Any, Any, Any, Any]:
        hidden = parameters["hidden_weight"], parameters["hidden_bias"]
        if trained_output:
            return *hidden, parameters["output_weight"], parameters["output_bias"]
        return *hidden, fixed, jnp.float32(0)

    def outputs(parameters: Parameters, points: jax.Array) -> jax.Array:
        weight, bias, output_weight, output_bias = layers(parameters)
        return jax.nn.relu(points @ weight.T + bias[None]) @ output_weight + output_bias

    return NetworkFunctions(init, outputs, layers, width)


def one_weight_network() -> NetworkFunctions:
    """f(x) = weight * x for one input, the weight 0 before training.

    On the point 1 of class 1 the exponential loss is exp(-weight), so that gradient descent is the
    iteration weight += rate * exp(-weight).

    Example:
        >>> network = one_weight_network()
        >>> network.outputs({"weight": jnp.float32(3)}, jnp.ones((2, 1))).tolist()
        [3.0, 3.0]
    """

    def init(key: jax.Array) -> Parameters:
        return {"weight": jnp.float32(0)}

    def outputs(parameters: Parameters, points: jax.Array) -> jax.Array:
        return parameters["weight"] * points[:, 0]

    def layers(parameters: Parameters) -> tuple[Any, Any, Any, Any]:
        # weight * x = weight * relu(x) - weight * relu(-x)
        signs = jnp.array([1.0, -1.0])
        return signs[:, None], jnp.zeros(2), parameters["weight"] * signs, jnp.float32(0)

    return NetworkFunctions(init, outputs, layers, 1)


def convolutional_network(
    classes: int, image_size: int, width: int, init_scale: float
) -> NetworkFunctions:
    """Two 3 x 3 convolutions, each with ReLU and 2 x 2 average pooling, and a linear classifier.

    No normalisation layers: with them the loss does not change when weights are rescaled, and its
    Hessian says little. The convolutions have `width` and 2 * `width` channels. Images are
    [n, image_size, image_size, 1], image_size a multiple of 4.
    """
    channels = (width, 2 * width)
    final = channels[-1] * (image_size // 4) ** 2
    shapes: dict[str, tuple[tuple[int, ...], int]] = {}
    before = 1
    for layer, after in enumerate(channels):
        shapes[f"convolution{layer}"] = ((9 * before, after), 9 * before)
        shapes[f"convolution{layer}_bias"] = ((after,), 9 * before)
        before = after
    shapes["linear"] = ((final, classes), final)
    shapes["linear_bias"] = ((classes,), final)

    def init(key: jax.Array) -> Parameters:
        return {
            name: _uniform(jax.random.fold_in(key, index), shape, fan_in, init_scale)
            for index, (name, (shape, fan_in)) in enumerate(shapes.items())
        }

    def outputs(parameters: Parameters, points: jax.Array) -> jax.Array:
        maps = points
        for layer in range(len(channels)):
            name = f"convolution{layer}"
            bias = parameters[f"{name}_bias"]
            maps = _neighbourhoods(maps) @ parameters[name] + bias[None, None, None]
            maps = _pool(jax.nn.relu(maps))
        flat = maps.reshape(len(maps), -1)
        return flat @ parameters["linear"] + parameters["linear_bias"][None]

    # Neighbourhoods at both convolutions; the second sees a quarter of the places.
    return NetworkFunctions(init, outputs, None, 9 * image_size**2 * (4 + width) // 4)


def _uniform(key: jax.Array, shape: tuple[int, ...], fan_in: int, scale: float) -> jax.Array:
    bound = scale / fan_in**0.5
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


def _neighbourhoods(maps: jax.Array) -> jax.Array:
    """[n, h, w, c] -> [n, h, w, 9 c]: a convolution then is one matrix product.

    Products stay fast when mapped over runs with weights of their own, and inside loops on a CPU;
    XLA's convolutions do neither.
    """
    height, width = maps.shape[1:3]
    padded = jnp.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, axis=-1)


def _pool(maps: jax.Array) -> jax.Array:
    examples, height, width, channels = maps.shape
    return maps.reshape(examples, height // 2, 2, width // 2, 2, channels).mean((2, 4))
