"""Large learning rates and regions of two-layer ReLU networks, for points on a line.

    python launch.py --config=configs/edge_of_stability.py --workdir=runs/edge

docs/edge_of_stability.md explains the experiment and shows what came out.

Cost: 50 to 100 seconds on two CPU cores for 300 runs of up to 100,000 steps.
Expect: 8 regions at every rate at which runs fit (up to 0.113), sharpness held at 2 / rate from
    0.04 on; 2.8 to 4.6 regions at rates above 0.3, where no run fits; all diverge at 2.56.
Quick size: configs/edge_of_stability.py:quick takes 8 runs of 200 steps; it shows that all works,
    and what it counts means nothing.
Further sizes: :toys (the paper's three points), :toys_exponential (the same with exponential loss
    and a fixed output layer), :points (random labels in ten dimensions), :digits (threes against
    fives), :sgd (the main experiment with mini-batches) and :one_weight (gradient descent on
    exp(-weight) at the rates 2 and 100,000).
"""

from ml_collections import ConfigDict

_SIZES = ("", "quick", "toys", "toys_exponential", "points", "digits", "sgd", "one_weight")


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the main experiment or one of those above."""
    if size not in _SIZES:
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES[1:])}")
    config = ConfigDict()
    config.experiment = "edge_of_stability"
    config.seed = 0  # of the data, and of all runs
    config.seeds = 20  # runs at each learning rate
    config.loss = "squared"  # or "logistic", "exponential"
    config.batch_sizes = "all"  # or numbers between commas, such as "4, all"
    config.steps = 100_000  # at most
    config.measurements = 50
    config.fitted_loss = 1e-5  # a run that is below stops
    config.diverged_loss = 1e4  # a run that is above stops, and counts as diverged
    config.sharpness_iterations = 40  # of the Lanczos method

    config.learning_rates = ConfigDict()
    config.learning_rates.smallest = 0.02
    config.learning_rates.largest = 2.56
    config.learning_rates.count = 15

    config.data = ConfigDict()
    config.data.name = "line"  # or "one_point", "three_points", "gaussian", "digits_pair"
    config.data.points = 8
    config.data.dim = 1  # used by "gaussian"; 1 for "line"
    config.data.labels = "alternating"  # or "random"
    config.data.extent = 1.0  # of the line; standard deviation of "gaussian"
    config.data.first_digit = 3
    config.data.second_digit = 5

    config.network = ConfigDict()
    config.network.name = "two_layer"  # or "one_weight", on the point alone
    config.network.width = 100
    config.network.init_scale = 1.0  # times PyTorch's default
    config.network.output = "trained"  # or "fixed" at +1 and -1

    config.bound = ConfigDict()
    config.bound.margin = 0.5  # outputs a counted region must reach
    config.bound.center = 0.5  # share of the range of the points where the count is bounded

    if size == "quick":
        config.seeds = 2
        config.steps = 200
        config.measurements = 4
        config.learning_rates.count = 4
        config.network.width = 20
    elif size in ("toys", "toys_exponential"):
        config.data.name = "three_points"
        config.data.points = 3
        config.data.dim = 2
        config.network.width = 5
        config.loss = "logistic"
        config.fitted_loss = 1e-3
        config.learning_rates.smallest = 0.04
        config.learning_rates.largest = 20.48
        config.learning_rates.count = 10
        if size == "toys_exponential":
            config.loss = "exponential"
            config.network.output = "fixed"
            config.learning_rates.smallest = 0.1
            config.learning_rates.largest = 1e4
            config.learning_rates.count = 6
            config.diverged_loss = 1e9
    elif size == "points":
        config.data.name = "gaussian"
        config.data.points = 40
        config.data.dim = 10
        config.data.labels = "random"
        config.seeds = 10
        config.steps = 20_000
        config.learning_rates.smallest = 0.005
        config.learning_rates.largest = 1.28
        config.learning_rates.count = 9
    elif size == "digits":
        config.data.name = "digits_pair"
        config.data.points = 60
        config.seeds = 5
        config.steps = 8_000
        config.measurements = 40
        config.learning_rates.smallest = 0.008
        config.learning_rates.largest = 0.512
        config.learning_rates.count = 7
    elif size == "sgd":
        config.batch_sizes = "2, all"
        config.seeds = 10
        config.learning_rates.count = 8
    elif size == "one_weight":
        config.data.name = "one_point"
        config.data.points = 1
        config.network.name = "one_weight"
        config.network.width = 1
        config.loss = "exponential"
        config.seeds = 1
        config.steps = 1000
        config.learning_rates.smallest = 2.0
        config.learning_rates.largest = 1e5
        config.learning_rates.count = 2
    return config
