"""Networks by name in Flax NNX, with the initialisation and semantics of PyTorch."""

from rcjax.models.functions import arrays_of, create, functional, predictor
from rcjax.models.registry import NAMES
from rcjax.models.torch_checkpoint import load_torch_checkpoint
from rcjax.models.torch_state_dict import load_torch_state_dict

__all__ = [
    "NAMES",
    "arrays_of",
    "create",
    "functional",
    "load_torch_checkpoint",
    "load_torch_state_dict",
    "predictor",
]
