"""The paper's main experiment, its Table 1: region count against generalization gap on CIFAR-10.

    python launch.py --config=configs/table1_cifar10.py --workdir=runs/table1_cifar10

27 settings (3 learning rates x 3 batch sizes x 3 weight decays) x 3 seeds of ResNet18, each trained
for 200 epochs without augmentation. Other networks are an axis of the grid:
--config.grid.network=resnet18,senet18,efficientnet_b0. On a cluster see docs/study.md.

Cost: 81 runs of 200 epochs, each what configs/cifar10.py costs; on GPUs one run each with
    --config.executor.name=processes --config.executor.gpus_per_run=1. About 90 MB of checkpoint a
    run. Not yet run here.
Expect: the paper's own runs of these settings have Pearson 0.98 and Spearman 0.95 between count and
    gap, averaged over seeds; learning rate 0.001 gives 3.4 to 5.0 regions and 63 to 73 % test
    accuracy, 0.1 gives 2.7 to 3.0 and 78 to 85 %, all with 100 % training accuracy. How much of it
    the learning rate and the batch size say by themselves is in the report, too.
Quick size: configs/table1_cifar10.py:quick takes 4 runs of a narrow ResNet18 on made-up images; it
    shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the study or "quick" for half a minute's check."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.experiment = "study"
    # What is not named here is as in configs/cifar10.py, the run of the paper.
    config.dataset = "cifar10"
    config.epochs = 200
    config.checkpoint_every = 10  # epochs
    config.keep_checkpoints = 1  # of each of 81 runs

    config.grid = ConfigDict()
    config.grid.network = ("resnet18",)
    config.grid.learning_rate = (0.1, 0.01, 0.001)
    config.grid.batch_size = (256, 512, 1024)
    config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
    config.grid.seed = (0, 1, 2)

    config.measures = ConfigDict()
    config.measures.names = "all"
    config.measures.examples = 1000  # training examples that the measures of the data use

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 64
        config.width = 2
        config.epochs = 1
        config.regions = ConfigDict()
        config.regions.slices = 4
        config.regions.points = 20
        config.grid.learning_rate = (0.1, 0.01)
        config.grid.batch_size = (16, 32)
        config.grid.weight_decay = (1e-6,)
        config.grid.seed = (0,)
        config.measures.names = "parameter_norm,output_margin"
        config.measures.examples = 32
        config.report = ConfigDict()
        config.report.bootstrap_samples = 100
    return config
