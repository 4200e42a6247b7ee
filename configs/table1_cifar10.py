"""The paper's main experiment, its Table 1: region count against generalization gap on CIFAR-10.

    python launch.py --config=configs/table1_cifar10.py --workdir=runs/table1_cifar10

27 settings (3 learning rates x 3 batch sizes x 3 weight decays) x 3 seeds of ResNet18, each trained
for 200 epochs by SGD without augmentation. Size nine_networks takes all networks of the paper:

    python launch.py --config=configs/table1_cifar10.py:nine_networks --workdir=runs/nine_networks

--config.grid.network=resnet18,senet18,efficientnet_b0 takes others. Segments go between training
images; --config.regions.anchors=test, in a workdir of its own, takes test images. On a cluster see
docs/study.md.

Cost: 81 runs of 200 epochs, each what configs/cifar10.py costs; 729 with nine networks. On GPUs one
    run each with --config.executor.name=processes --config.executor.gpus_per_run=1. About 90 MB of
    checkpoint a run of ResNet18. Not yet run here.
Expect: the paper's own runs of ResNet18 have Pearson 0.98 and Spearman 0.95 between count and gap,
    averaged over seeds; learning rate 0.001 gives 3.4 to 5.0 regions and 63 to 73 % test
    accuracy, 0.1 gives 2.7 to 3.0 and 78 to 85 %, all with 100 % training accuracy. What its
    authors published gives, over the 27 settings of each network, Pearson and Spearman:
                        training img.  test images
        ResNet18        0.976  0.954   0.984  0.956
        ResNet34        0.957  0.938   0.975  0.974
        VGG19           0.893  0.689   0.938  0.813
        MobileNet       0.937  0.983   0.949  0.988
        SENet18         0.970  0.958   0.981  0.942
        ShuffleNetV2    0.943  0.994   0.953  0.988
        EfficientNetB0  0.980  0.966   0.980  0.985
        RegNetX         0.966  0.975   0.980  0.960
        SimpleDLA       0.981  0.860   0.983  0.968   (27 runs between training images, not 81)
        mean            0.956  0.924   0.969  0.953
    All nine pooled: 0.78 and 0.93. log(batch size / learning rate), which needs no
    network, has a mean Pearson correlation of 0.92; the report computes that beside the count.
    Of ResNet18, other measures against 100 - test accuracy: distance from the initialization 0.74,
    margin 0.60.
Quick size: configs/table1_cifar10.py:quick takes 4 runs of a narrow ResNet18 on made-up images; it
    shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

_SIZES = ("quick", "nine_networks")
_NINE = (
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


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for ResNet18, "quick" for half a minute's check, or more."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    config = ConfigDict()
    config.experiment = "study"
    # What is not named here is as in configs/cifar10.py, the run of the paper.
    config.dataset = "cifar10"
    config.epochs = 200
    config.checkpoint_every = 10  # epochs
    config.keep_checkpoints = 1  # of each of 81 runs

    config.grid = ConfigDict()
    config.grid.network = _NINE if size == "nine_networks" else ("resnet18",)
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
