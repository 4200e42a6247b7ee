"""Large learning rates and regions of a small convolutional network, on the handwritten digits.

    python launch.py --config=configs/edge_of_stability_digits.py --workdir=runs/edge_digits

The experiment of configs/edge_of_stability.py where its theory does not apply: two convolutions,
ten classes, cross-entropy, learning rates crossed with batch sizes. Sharpness is of the loss on all
training images; regions are counted by the adaptive method at the end.

Cost: two to three minutes on two CPU cores for 54 runs of up to 2,000 steps.
Expect: sharpness climbs to 2 / rate, and stays there for a while with full batches; 2.2 to 2.3
    regions at all rates up to 0.64 and no fewer, 2.2 to 2.4, at 1.28: the large rates do not find
    few regions.
Quick size: configs/edge_of_stability_digits.py:quick takes 4 runs of 20 steps; it shows that all
    works, and what it counts means nothing.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the experiment or "quick" for a few seconds' check."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.experiment = "edge_of_stability"
    config.seed = 0  # of the data, and of all runs
    config.seeds = 3  # runs at each learning rate and batch size
    config.loss = "softmax"
    config.batch_sizes = "16, 64, all"
    config.steps = 2000  # at most, whatever the batch size
    config.measurements = 20
    config.fitted_loss = 0.01  # a run that is below stops
    config.diverged_loss = 1e4  # a run that is above stops, and counts as diverged
    config.sharpness_iterations = 20  # of the Lanczos method
    config.segments = 100  # between random pairs of training images

    config.learning_rates = ConfigDict()
    config.learning_rates.smallest = 0.04
    config.learning_rates.largest = 1.28
    config.learning_rates.count = 6

    config.data = ConfigDict()
    config.data.name = "digits"
    config.data.points = 256

    config.network = ConfigDict()
    config.network.name = "convolutional"
    config.network.width = 8  # channels after the first convolution; twice as many later
    config.network.init_scale = 1.0  # times PyTorch's default

    if size == "quick":
        config.seeds = 1
        config.steps = 20
        config.measurements = 2
        config.segments = 5
        config.batch_sizes = "16, all"
        config.data.points = 32
        config.learning_rates.count = 2
    return config
