"""Networks by name in Flax NNX, with the initialisation and semantics of PyTorch."""

from rcjax.models.classical import (
    CLASSICAL_NAMES,
    OBJECTIONS,
    classifier_error,
    create_classical,
)
from rcjax.models.convolution_1d import convolution_1d
from rcjax.models.convolution_gradient import convolution
from rcjax.models.functions import arrays_of, create, functional, predictor
from rcjax.models.layers import BatchNorm, Convolution, Convolution1d, Linear, observing
from rcjax.models.registry import NAMES
from rcjax.models.torch_checkpoint import load_torch_checkpoint, located
from rcjax.models.torch_state_dict import differences, load_torch_state_dict

__all__ = [
    "CLASSICAL_NAMES", "NAMES", "OBJECTIONS", "BatchNorm", "Convolution", "Convolution1d", "Linear",
    "arrays_of", "classifier_error", "convolution", "convolution_1d", "create", "create_classical",
    "differences", "functional", "load_torch_checkpoint", "load_torch_state_dict", "located",
    "observing", "predictor",
]  # fmt: skip
