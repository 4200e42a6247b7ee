"""What one hyperparameter does to the region count: learning rate, batch size, weight decay.

    python -m rcjax.data.prepare cifar10
    python launch.py --config=configs/hyperparameters.py --workdir=runs/learning_rate
    python launch.py --config=configs/hyperparameters.py:batch_size --workdir=runs/batch_size

Sizes: "" (learning rates 0.001 to 0.1) and batch_size (32 to 1024) on three networks each;
learning_rate_and_batch_size (0.001 to 0.1 x 256 to 1024, weight decay 1e-6), weight_decay (1e-7 to
5e-4, batch size 256, learning rate 0.1) and large_learning_rate (0.1 to 0.5 x batch sizes x weight
decays) on ResNet18. All on CIFAR-10.

Cost: 45, 54, 45, 24 and 45 runs of 200 epochs. Made for GPUs.
Expect: the means of three seeds that the paper's authors published.
    learning rate  0.001  0.005  0.01  0.05  0.1        (batch size 256, weight decay 5e-4)
    ResNet18        3.83   2.90  2.76  2.70  2.72
    EfficientNetB0  4.25   3.17  2.79  2.70  2.65
    SENet18         3.72   2.92  2.80  2.70  2.68
    batch size        32     64   128   256   512  1024  (learning rate 0.01, weight decay 5e-4)
    ResNet18        2.61   2.70  2.61  2.76  2.93  3.03
    EfficientNetB0  2.72   2.61  2.62  2.79  3.20  3.50
    SENet18         2.55   2.68  2.72  2.80  2.90  3.11
    Of learning_rate_and_batch_size they show how the count falls from learning rate 0.001 to 0.1:
    from 3.25 to 2.70 at batch size 256, from 4.01 to 2.70 at 1024.
    Over weight decays the count at the end and the test error had a Pearson correlation of 0.57
    (0.84, which they print, is of the count before the last); over large learning rates -0.19, and
    -0.10 above 0.45: no relation. Those two sets were trained for about 21 epochs, it seems: their
    training accuracy goes down to 78 and 70 %.
Quick size: configs/hyperparameters.py:quick trains 4 tiny networks for 2 epochs on made-up images;
    it shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

_SIZES = (
    "quick",
    "batch_size",
    "learning_rate_and_batch_size",
    "weight_decay",
    "large_learning_rate",
)


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the learning rate, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    config = ConfigDict()
    config.experiment = "study"
    config.dataset = "cifar10"
    config.epochs = 200
    config.batch_size = 256
    config.learning_rate = 0.1
    config.weight_decay = 5e-4
    config.regions = ConfigDict()
    config.regions.every = 10

    config.grid = ConfigDict()
    config.grid.network = ("resnet18", "efficientnet_b0", "senet18")
    config.grid.seed = (0, 1, 2)
    if size == "batch_size":
        config.learning_rate = 0.01
        config.grid.batch_size = (32, 64, 128, 256, 512, 1024)
    elif size == "learning_rate_and_batch_size":
        config.weight_decay = 1e-6
        config.grid.network = ("resnet18",)
        config.grid.learning_rate = (0.001, 0.005, 0.01, 0.05, 0.1)
        config.grid.batch_size = (256, 512, 1024)
    elif size == "weight_decay":
        config.grid.network = ("resnet18",)
        config.grid.weight_decay = (1e-7, 5e-7, 1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4)
    elif size == "large_learning_rate":
        config.grid.network = ("resnet18",)
        config.grid.learning_rate = (0.1, 0.2, 0.3, 0.4, 0.5)
        config.grid.batch_size = (256, 512, 1024)
        config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
        config.grid.seed = (0,)
    else:
        config.grid.learning_rate = (0.001, 0.005, 0.01, 0.05, 0.1)

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 60
        config.width = 4
        config.epochs = 2
        config.batch_size = 32
        config.regions.every = 1
        config.regions.slices = 4
        config.regions.points = 20
        config.grid.network = ("mlp",)
        config.grid.learning_rate = (0.1, 0.03, 0.01, 0.003)
        config.grid.seed = (0,)
    return config
