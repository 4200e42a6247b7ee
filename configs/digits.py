"""The main job: a narrow ResNet18 on scikit-learn's handwritten digits, on two CPU cores.

    python launch.py --config=configs/digits.py --workdir=runs/digits

Real images, no download: 1,297 digits of 8 x 8 pixels to train on, 500 to test. The settings are
those of the paper's run (configs/cifar10.py) but for width, batch size and number of epochs.

Cost: about a minute on two cores (AMD EPYC; 70 s of processor time, 10 s of them to compile).
Expect: 100 % training and 99.4 to 99.6 % test accuracy (seeds 0, 1, 2). On the 100 segments between
    training images 1.0 to 2.0 regions before training, 2.3 to 2.5 after three epochs, and 2.2 to
    2.35 at the end (jax 0.10 and 0.12), each with a standard error of 0.07 to 0.1.
Quick size: configs/digits.py:quick takes a quarter of the width and 3 epochs; it shows that all
    works, and what it counts means nothing.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the main job or "quick" for a few seconds' check."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.seed = 0
    config.dataset = "digits"
    config.data_dir = ""  # the digits come with scikit-learn
    config.train_examples = 0  # 0 takes all
    config.network = "resnet18"
    config.width = 16  # channels after the stem; 0 takes the published width
    config.epochs = 30
    config.batch_size = 64
    config.learning_rate = 0.1
    config.momentum = 0.9
    config.weight_decay = 1e-6
    config.random_crop = False
    config.random_flip = False
    config.precision = "float32"
    config.checkpoint_every = 5  # epochs
    config.keep_checkpoints = 3

    config.regions = ConfigDict()
    config.regions.every = 3  # epochs
    config.regions.slices = 100
    config.regions.points = 200  # on each axis of a slice
    config.regions.dim = 1
    config.regions.anchors = "train"
    config.regions.sampling = "between_points"
    config.regions.length = 0.1  # of a random direction; not used between points
    config.regions.method = "grid"
    config.regions.batch_size = 0  # points a device step; 0 chooses

    if size == "quick":
        config.width = 4
        config.epochs = 3
        config.checkpoint_every = 1
        config.regions.every = 1
        config.regions.slices = 10
        config.regions.points = 50
    return config
