"""The paper's run: ResNet18 on CIFAR-10."""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the paper's run or "quick" on made-up data."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.seed = 0
    config.dataset = "cifar10"
    config.data_dir = ""  # "" takes the usual folder of tensorflow-datasets
    config.train_examples = 0  # 0 takes all
    config.network = "resnet18"
    config.width = 0  # 0 takes the published width, 64 channels after the stem
    config.epochs = 200
    config.batch_size = 256
    config.learning_rate = 0.1
    config.momentum = 0.9
    config.weight_decay = 1e-6
    config.random_crop = False
    config.random_flip = False
    config.precision = "float32"
    config.checkpoint_every = 10  # epochs
    config.keep_checkpoints = 3

    config.regions = ConfigDict()
    config.regions.every = 10  # epochs
    config.regions.slices = 100
    config.regions.points = 200  # on each axis of a slice
    config.regions.dim = 1
    config.regions.anchors = "train"
    config.regions.sampling = "between_points"
    config.regions.length = 0.1  # of a random direction; not used between points
    config.regions.method = "grid"
    config.regions.batch_size = 0  # points a device step; 0 chooses

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 200
        config.width = 4
        config.epochs = 2
        config.batch_size = 32
        config.checkpoint_every = 1
        config.regions.every = 1
        config.regions.slices = 10
        config.regions.points = 50
    return config
