"""The competitors of the region count: norms, margins, sharpness and flatness of a network.

`compute(network, key=key)` gives all of them by name; docs/measures.md says what each is.
"""

from rcjax.measures.all_measures import NAMES, compute, undefined
from rcjax.measures.inputs import Settings, TrainedNetwork
from rcjax.measures.lanczos import largest_eigenvalue

__all__ = [
    "NAMES",
    "Settings",
    "TrainedNetwork",
    "compute",
    "largest_eigenvalue",
    "undefined",
]
