"""The paper's run: ResNet18 on CIFAR-10, one setting of its grid of 27.

    python -m rcjax.data.prepare cifar10
    python launch.py --config=configs/cifar10.py --workdir=runs/cifar10

The first command downloads CIFAR-10 (170 MB) and needs to be run once. The paper's grid (its
Table 1) is learning_rate 0.1, 0.01, 0.001 x batch_size 256, 512, 1024 x weight_decay 1e-5, 1e-6,
1e-7, three seeds each; this file holds the largest rate, the smallest batch and the middle decay:
    --config.learning_rate=0.001 --config.batch_size=1024 --config.weight_decay=1e-7 --config.seed=2

Cost: 200 epochs of 50,000 images through 0.56 billion multiply-adds each, three times over for the
    gradient. Made for a GPU; the two cores of a laptop take weeks.
Expect: what the paper's authors published for this setting (three seeds): 100 % training accuracy,
    83.8 to 84.5 % test accuracy, 1.3 to 1.9 regions before training, 2.8 after. At the other end of
    the grid (rate 0.001, batch 1024): 63.4 to 64.8 % and 4.4 to 5.0 regions.
Quick size: configs/cifar10.py:quick runs a narrow network for 2 epochs on made-up images of
    CIFAR-10's shape; it shows that all works, and what it counts means nothing.
"""

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
