"""Training with region counts along the way: `train(config, workdir)` returns the record."""

from rcjax.training.interruption import Interrupted as Interrupted
from rcjax.training.loop import train as train
