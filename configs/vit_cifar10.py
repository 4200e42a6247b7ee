"""The paper's vision transformer on CIFAR-10: 7 layers, 12 heads, width 384, Adam.

    python -m rcjax.data.prepare cifar10
    python launch.py --config=configs/vit_cifar10.py --workdir=runs/vit

The network cuts an image of 32 x 32 pixels into 8 x 8 patches of 4 x 4 pixels. Four learning rates
x three batch sizes x three weight decays x three seeds, with random crops and flips, 5 epochs of
warm-up and a cosine down to 1e-5. The paper trained in float16 and drew its slices through
augmented images; here it is bfloat16, and slices go through the images themselves.

Cost: 108 runs of 200 epochs. Made for GPUs.
Expect: in what the paper's authors published, the count at the end and the generalization gap have
    a Pearson correlation of 0.84 without the learning rate 0.001
    (--config.grid.learning_rate=1e-4,5e-5,1e-5 takes those 27 settings) and 0.62 over all 36.
Quick size: configs/vit_cifar10.py:quick trains 2 tiny transformers for 2 epochs on made-up images;
    it shows that all works, and what it counts means nothing.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for the study or "quick" for a check on made-up data."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.experiment = "study"
    config.dataset = "cifar10"
    config.network = "vit"
    config.epochs = 200
    config.optimizer = "adam"
    config.beta2 = 0.999
    config.schedule = "cosine"
    config.warmup_epochs = 5
    config.schedule_final_rate = 1e-5
    config.random_crop = True
    config.random_flip = True
    config.precision = "bfloat16"  # of training; regions are always counted in float32
    config.regions = ConfigDict()
    config.regions.every = 10

    config.grid = ConfigDict()
    config.grid.learning_rate = (1e-3, 1e-4, 5e-5, 1e-5)
    config.grid.batch_size = (256, 512, 1024)
    config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
    config.grid.seed = (0, 1, 2)

    if size == "quick":
        config.dataset = "synthetic"
        config.train_examples = 64
        config.width = 12
        config.epochs = 2
        config.warmup_epochs = 1
        config.regions.every = 1
        config.regions.slices = 4
        config.regions.points = 20
        config.grid.learning_rate = (1e-3, 1e-4)
        config.grid.batch_size = (16,)
        config.grid.weight_decay = (1e-6,)
        config.grid.seed = (0,)
    return config
