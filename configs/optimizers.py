"""The paper's grid with adaptive optimizers, on CIFAR-10.

    python -m rcjax.data.prepare cifar10
    python launch.py --config=configs/optimizers.py --workdir=runs/adam
    python launch.py --config=configs/optimizers.py:adagrad --workdir=runs/adagrad

27 settings x 3 seeds x 9 networks; --config.grid.network=resnet18,senet18 takes fewer, and
configs/table1_cifar10.py is the same with SGD. Sizes: "" (Adam) and adagrad.

Cost: 729 runs of 200 epochs. Made for several GPUs (--config.executor.name=ray).
Expect: what the paper's authors' rows give over 27 settings: Pearson correlations between the
    count at the end and the generalization gap.
                     Adam   Adagrad
    ResNet18         0.92   0.96
    ResNet34         0.92   0.91
    VGG19            0.36   0.87
    MobileNet        0.95   0.99
    SENet18         -0.18   0.86
    ShuffleNetV2     0.70   0.99    (Adam: 21 settings)
    EfficientNetB0   0.29   0.99
    RegNetX          0.92   1.00
    SimpleDLA        0.89   0.88
    Against the test accuracy, Adam's rows of VGG19, SENet18 and EfficientNetB0 give -0.92, -0.69
    and -0.48; over the nine networks the paper's mean size of it is 0.83 (Adam) and 0.94 (Adagrad).
Quick size: configs/optimizers.py:quick trains 4 tiny networks for 2 epochs on made-up images; it
    shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

_SIZES = ("quick", "adagrad")


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for Adam, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    config = ConfigDict()
    config.experiment = "study"
    config.dataset = "cifar10"
    config.epochs = 200
    config.optimizer = "adagrad" if size == "adagrad" else "adam"
    config.regions = ConfigDict()
    config.regions.every = 10

    config.grid = ConfigDict()
    config.grid.network = (
        "resnet18",
        "resnet34",
        "vgg19",
        "mobilenet",
        "senet18",
        "shufflenet_v2",
        "efficientnet_b0",
        "regnetx_200mf",
        "simple_dla",
    )
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
        config.grid.learning_rate = (0.01, 0.001)
        config.grid.batch_size = (16, 32)
        config.grid.weight_decay = (1e-6,)
        config.grid.seed = (0,)
    return config
