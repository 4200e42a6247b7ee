"""The competitors of the region count: norms, margins, sharpness and flatness of a network.

`compute(network, key=key)` gives all of them by name; docs/measures.md says what each is.
"""

from rcjax.measures.computing import NAMES as NAMES
from rcjax.measures.computing import compute as compute
from rcjax.measures.computing import undefined as undefined
from rcjax.measures.network import Settings as Settings
from rcjax.measures.network import TrainedNetwork as TrainedNetwork
