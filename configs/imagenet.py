"""ResNet18 on ImageNet-1k, streamed from the disk: the paper's grid of eight settings, or one.

    python launch.py --config=configs/imagenet.py --workdir=runs/imagenet --config.data_dir=DIR
    python launch.py --config=configs/imagenet.py:study --workdir=runs/imagenet_study \
        --config.data_dir=DIR

DIR is where tensorflow-datasets keeps imagenet2012; docs/data.md says how to get it there. Pictures
in folders of classes do as well: --config.dataset=stream:PATH. The first command is a single run,
at the larger rate, the smaller batch and the larger decay; the second trains all settings of the
paper's authors, learning_rate 0.01, 0.001 x batch_size 256, 512 x weight_decay 1e-5, 1e-6, one
seed each, and reports how count and gap go together. The measures that compete with the count need
all training images in memory, so this study has none.

Their code sets 30 epochs, their published logs end after 7. The report has the correlation of count
and gap after every epoch, so also after 7 of 30. Which augmentation they used is not known; here a
random part of each picture is taken, and half of them are mirrored.

Cost: 30 epochs of 1,281,167 pictures of 224 x 224 through 1.8 billion multiply-adds each, three
    times over for the gradient; eight times that for the study. Made for a GPU with enough cores
    beside it to decode the pictures: python benchmarks/data.py says how many a second they manage.
    Not yet run here.
Expect: what the authors' logs say after 7 epochs: 5.7 to 5.9 regions and a gap of 9 to 11 points
    at rate 0.01, 6.2 to 6.6 regions and 4 to 8 points at rate 0.001. These networks have not fitted
    their training set, and there the relation is the other way round: the correlation is negative.
    With eight settings chance alone reaches +-0.7.
Quick size: configs/imagenet.py:quick runs a very narrow network for 1 epoch on made-up images of
    64 x 64 pixels from memory, configs/imagenet.py:quick_study four of them; they show that all
    works, and what they count means nothing.
"""

from ml_collections import ConfigDict

_SIZES = ("quick", "study", "quick_study")


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for one run on ImageNet, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    config = ConfigDict()
    config.dataset = "imagenet2012"
    config.data_dir = ""  # "" takes the usual folder of tensorflow-datasets
    config.image_size = 224
    config.network = "resnet18_imagenet"
    config.width = 0
    config.epochs = 30
    config.batch_size = 256
    config.learning_rate = 0.01
    config.weight_decay = 1e-5
    config.random_crop = True
    config.random_flip = True
    config.train_examples = 0
    config.checkpoint_every = 1  # epochs

    config.streaming = ConfigDict()
    config.streaming.processes = 0  # threads decode
    config.streaming.checkpoint_steps = 1000
    config.streaming.evaluated_examples = 50_000  # as many as test images

    config.regions = ConfigDict()
    config.regions.every = 1  # epochs
    config.regions.slices = 100

    if size.endswith("study"):
        config.experiment = "study"
        config.keep_checkpoints = 1  # of each run
        config.grid = ConfigDict()
        config.grid.learning_rate = (0.01, 0.001)
        config.grid.batch_size = (256, 512)
        config.grid.weight_decay = (1e-5, 1e-6)

    if size.startswith("quick"):
        config.dataset = "synthetic"
        config.train_examples = 60
        config.image_size = 64
        config.width = 2
        config.epochs = 1
        config.batch_size = 20
        config.regions.slices = 3
        config.regions.points = 20
    if size == "quick_study":
        config.grid.batch_size = (20,)
    return config
