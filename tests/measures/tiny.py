"""A network of every kind of layer that is small enough for dense matrices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rcjax.measures import TrainedNetwork
from rcjax.models.builder import Builder, NetworkSettings
from rcjax.models.layers import BatchNorm, Convolution, Linear, Network, global_mean, relu

SIZE, CHANNELS, CLASSES = 4, 2, 3


class TinyNetwork(Network):
    """Strided, depthwise and 1x1 convolutions, a shortcut, batch norm before and after."""

    def __init__(self, builder):
        super().__init__(builder, CHANNELS)
        self.conv1 = Convolution(builder, CHANNELS, 4, 3, padding=1, bias=True)
        self.bn1 = BatchNorm(builder, 4)
        self.conv2 = Convolution(builder, 4, 4, 3, stride=2, padding=1, groups=4)
        self.bn2 = BatchNorm(builder, 4)
        self.conv3 = Convolution(builder, 4, 4, 1, stride=2)
        self.bn3 = BatchNorm(builder, 4)
        self.bn4 = BatchNorm(builder, 4)  # after a sum: a layer of its own
        self.linear = Linear(builder, 4, CLASSES)

    def logits(self, images):
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.bn2(self.conv2(hidden)) + self.bn3(self.conv3(hidden))
        return self.linear(global_mean(relu(self.bn4(hidden))))


@functools.cache
def definition():
    return nnx.split(TinyNetwork(Builder(NetworkSettings())), nnx.Param, ...)


def apply(parameters, state, images, train):
    """In evaluation mode only."""
    assert not train
    model = nnx.merge(definition()[0], parameters, state)
    model.eval()
    return model(images), state


def random_arrays(seed):
    """Parameters and state; scales and variances far from 1."""
    random = np.random.default_rng(seed)

    def fill(path, leaf):
        name = path[-1].key
        if name == "running_var" or (name == "weight" and leaf.ndim == 1):
            return jnp.asarray(random.uniform(0.2, 3, leaf.shape), jnp.float32)
        return jnp.asarray(random.normal(size=leaf.shape), jnp.float32)

    return tuple(
        jax.tree_util.tree_map_with_path(fill, nnx.to_pure_dict(arrays))
        for arrays in definition()[1:]
    )


@jax.jit
def _logits(parameters, state, images):
    return apply(parameters, state, images, False)[0]


def tiny_network(seed=0, examples=20):
    """The network with random weights, on random images with the labels it predicts, mostly."""
    parameters, state = random_arrays(seed)
    random = np.random.default_rng(seed)
    images = random.normal(size=(examples, SIZE, SIZE, CHANNELS)).astype(np.float32)
    labels = np.argmax(_logits(parameters, state, images), -1)
    labels = np.where(np.arange(examples) == 3, (labels + 1) % CLASSES, labels)
    initial = random_arrays(seed + 1)[0]
    return TrainedNetwork(apply, parameters, state, initial, images, labels, batch_size=6)


def rescaled(network, factor):
    """Another network that computes the same function.

    The convolutions before batch norm times `factor`, and the statistics that undo it.
    """
    parameters, state = (
        jax.tree.map(lambda leaf: leaf, tree) for tree in (network.parameters, network.model_state)
    )
    for number in (1, 2, 3):
        convolution, norm = parameters[f"conv{number}"], state[f"bn{number}"]
        for name in convolution:
            convolution[name] = factor * convolution[name]
        norm["running_mean"] = factor * norm["running_mean"]
        epsilon = BatchNorm.epsilon
        norm["running_var"] = factor**2 * (norm["running_var"] + epsilon) - epsilon
    return TrainedNetwork(**{**vars(network), "parameters": parameters, "model_state": state})


def dense_layers(network):
    """The folded layers as dense matrices `[inputs, outputs]`, float64, by name."""
    model = nnx.merge(definition()[0], network.parameters, network.model_state)
    model.eval()

    def matrix(function, *shape):
        basis = jnp.eye(int(np.prod(shape))).reshape(-1, *shape)
        images = np.float64(function(basis)) - np.float64(function(0 * basis))
        return images.reshape(len(basis), -1)

    return {
        "first": matrix(lambda x: model.bn1(model.conv1(x)), SIZE, SIZE, CHANNELS),
        "depthwise": matrix(lambda x: model.bn2(model.conv2(x)), SIZE, SIZE, 4),
        "shortcut": matrix(lambda x: model.bn3(model.conv3(x)), SIZE, SIZE, 4),
        "norm": matrix(model.bn4, 2, 2, 4),
        "mean": matrix(global_mean, 2, 2, 4),
        "linear": matrix(model.linear, 4),
    }
