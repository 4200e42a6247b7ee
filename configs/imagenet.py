"""ResNet18 on ImageNet-1k, streamed from the disk: one setting of the paper's grid of eight.

    python launch.py --config=configs/imagenet.py --workdir=runs/imagenet --config.data_dir=DIR

DIR is where tensorflow-datasets keeps imagenet2012; docs/data.md says how to get it there. Pictures
in folders of classes do as well: --config.dataset=stream:PATH. The paper's authors vary
learning_rate 0.01, 0.001 x batch_size 256, 512 x weight_decay 1e-5, 1e-6:
    --config.learning_rate=0.001 --config.batch_size=512 --config.weight_decay=1e-6
Their code sets 30 epochs, their published logs end after 7; which augmentation they used is not
known. Here a random part of each picture is taken, and half of them are mirrored.

Cost: 30 epochs of 1,281,167 pictures of 224 x 224 through 1.8 billion multiply-adds each, three
    times over for the gradient. Made for a GPU with enough cores beside it to decode the pictures:
    python benchmarks/data.py says how many a second they manage.
Expect: what the authors' logs say after 7 epochs: 5.7 to 5.9 regions and a gap of 9 to 11 points
    at rate 0.01, 6.2 to 6.6 regions and 4 to 8 points at rate 0.001. These networks have not fitted
    their training set, and there the relation is the other way round.
Quick size: configs/imagenet.py:quick runs a very narrow network for 1 epoch on made-up images of
    64 x 64 pixels from memory; it shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for ImageNet or "quick" on made-up data."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
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

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 60
        config.image_size = 64
        config.width = 2
        config.epochs = 1
        config.batch_size = 20
        config.regions.slices = 3
        config.regions.points = 20
    return config
