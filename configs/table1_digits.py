"""The paper's grid of runs in small: 27 settings x 3 seeds on scikit-learn's handwritten digits.

python launch.py --config=configs/table1_digits.py --workdir=runs/table1_digits

Cost: not yet measured.
Expect: not yet measured.
Quick size: configs/table1_digits.py:quick takes 8 runs of an mlp; it shows that all works.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the study or "quick" for a check of half a minute."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.experiment = "study"
    config.dataset = "digits"
    config.train_examples = 200
    config.width = 8
    config.epochs = 60
    config.checkpoint_every = 20
    config.keep_checkpoints = 1
    config.regions = ConfigDict()
    config.regions.every = 10

    config.grid = ConfigDict()
    config.grid.network = ("resnet18",)
    config.grid.learning_rate = (0.1, 0.03, 0.01)
    config.grid.batch_size = (16, 32, 64)
    config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
    config.grid.seed = (0, 1, 2)
    config.executor = ConfigDict()
    config.executor.name = "processes"
    config.measures = ConfigDict()
    config.measures.names = "all"

    if size == "quick":
        config.train_examples = 100
        config.epochs = 2
        config.regions.every = 1
        config.regions.slices = 10
        config.regions.points = 50
        config.grid.network = ("mlp",)
        config.grid.learning_rate = (0.1, 0.01)
        config.grid.batch_size = (16, 32)
        config.grid.weight_decay = (1e-6,)
        config.grid.seed = (0, 1)
        config.executor.name = "in_process"
        config.measures.examples = 50
    return config
