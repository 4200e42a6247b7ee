"""The paper's grid with augmentation, on CIFAR-10: random crops and flips, or mixup.

    python -m rcjax.data.prepare cifar10
    python launch.py --config=configs/augmentation.py --workdir=runs/crop_and_flip
    python launch.py --config=configs/augmentation.py:mixup --workdir=runs/mixup

27 settings x 3 seeds of ResNet18; configs/table1_cifar10.py is the same without augmentation.
Sizes: "" (crops and flips) and mixup (Beta(1, 1), one mixture a batch). docs/reproducing.md has the
few lines that pool the runs of two studies, and the command that reports on them together.

Cost: 81 runs of 200 epochs. Made for GPUs.
Expect: what the paper's authors' rows give between the count at the end and 100 - test accuracy,
    Pearson 0.95 (crops and flips) and 0.97 (mixup); pooled with the runs without augmentation 0.91
    and 0.97. Against their generalization gap, whose training accuracy was measured on augmented
    images, 0.96 and 0.40; here it is measured on clean images. Their test accuracies are 85.8 to
    93.1 % with crops and flips, 63.8 to 84.3 % without.
Quick size: configs/augmentation.py:quick trains 4 tiny networks for 2 epochs on made-up images; it
    shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

_SIZES = ("quick", "mixup")


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for crops and flips, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    config = ConfigDict()
    config.experiment = "study"
    config.dataset = "cifar10"
    config.epochs = 200
    config.random_crop = size != "mixup"
    config.random_flip = size != "mixup"
    config.mixup = 1.0 if size == "mixup" else 0.0  # both parameters of the Beta distribution
    config.regions = ConfigDict()
    config.regions.every = 10

    config.grid = ConfigDict()
    config.grid.network = ("resnet18",)
    config.grid.learning_rate = (0.1, 0.01, 0.001)
    config.grid.batch_size = (256, 512, 1024)
    config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
    config.grid.seed = (0, 1, 2)

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 64
        config.width = 4
        config.epochs = 2
        config.regions.every = 1
        config.regions.slices = 4
        config.regions.points = 20
        config.grid.network = ("mlp",)
        config.grid.learning_rate = (0.1, 0.01)
        config.grid.batch_size = (16, 32)
        config.grid.weight_decay = (1e-6,)
        config.grid.seed = (0,)
    return config
