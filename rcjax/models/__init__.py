"""Networks by name in Flax NNX, with the initialisation and semantics of PyTorch."""

from rcjax.models.classical import (
    CLASSICAL_NAMES,
    FITTING_ERRORS,
    classifier_error,
    create_classical,
)
from rcjax.models.convolution_1d import convolution_1d
from rcjax.models.convolution_gradient import convolution
from rcjax.models.functions import arrays_of, create, functional, predictor
from rcjax.models.layers import BatchNorm, Convolution, Convolution1d, Linear, observing
from rcjax.models.registry import NAMES
from rcjax.models.torch_checkpoint import checkpoint_path, load_torch_checkpoint
from rcjax.models.torch_state_dict import differences, load_torch_state_dict

__all__ = [
    "CLASSICAL_NAMES", "FITTING_ERRORS", "NAMES", "BatchNorm", "Convolution", "Convolution1d",
    "Linear", "arrays_of", "checkpoint_path", "classifier_error", "convolution", "convolution_1d",
    "create", "create_classical", "differences", "functional", "load_torch_checkpoint",
    "load_torch_state_dict", "observing", "predictor",
]  # fmt: skip
