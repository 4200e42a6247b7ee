"""The network cnn1d as a multilayer perceptron: every convolution as the matrix that it is."""

from collections.abc import Mapping

import numpy as np


def dense_layers(
    tensors: Mapping[str, np.ndarray], features: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight float32 [in, out], bias float32 [out]) of each layer, from a `state_dict`.

    Units are numbered as PyTorch flattens them: all places of one channel, then of the next.
    """
    layers, length = [], features
    for name in ("conv1", "conv2", "conv3"):
        kernel, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        outputs, inputs, taps = kernel.shape
        places = (length + 2 - taps) // 2 + 1  # stride 2, one zero at either end
        matrix = np.zeros((inputs, length, outputs, places), np.float32)
        for place in range(places):
            for tap in range(taps):
                source = 2 * place + tap - 1
                if 0 <= source < length:
                    matrix[:, source, :, place] = kernel[:, :, tap].T
        layers.append((matrix.reshape(inputs * length, outputs * places), np.repeat(bias, places)))
        length = places
    return [*layers, (tensors["linear.weight"].T, tensors["linear.bias"])]
