"""Other definitions of the region count, on the same trained networks.

    python launch.py --config=configs/ablations.py --workdir=runs/ablations

Trains a small grid once and counts each network many ways (the section `variants`); the report has
a figure for each question: does the count still follow the generalization gap, and what is it then?
Sizes: "" asks all of them together; one alone is asked by
    dimension  segments, triangles and simplices up to dimension 5, with the paper's grids
    slices     10 to 1000 of them
    points     25 to 3200 along a segment, and as their limit the adaptive count, of 8193
    extent     from [0, 1] between the images to [-5, 6] far beyond them, with as many more points
               as the segment is longer: their spacing stays that of the main count
    anchors    training images, test images, parts of the segments between training images, and
               directions 0.1 and 0.5 times N(0, I) long from a training image
    epochs     no other definition, but counts after every other epoch: when does it tell the gap?
Each of these with _cifar10 at its end (`:dimension_cifar10`), and `:cifar10` for all, takes the
paper's grid of ResNet18 on CIFAR-10 (`python -m rcjax.data.prepare cifar10`); epochs then means
every epoch. `:eight_networks_cifar10` asks for the dimension as the paper did, of eight networks
with one seed each. --config.grid.network=vgg19,simple_dla takes other networks with any question.

Cost: about a minute of processor time to train a network (18 of them) once compiled, and three to
    four more to count it in all 25 ways (reckoned from the number of points); a single question
    takes a part of that. Where epochs are asked for, 31 counts along training come on top. On
    CIFAR-10 81 runs of 200 epochs, and 216 with eight networks, made for GPUs.
Expect: the whole has not been run here yet. Anchors with one seed (--config.grid.seed=0, nine
    settings, where chance alone reaches a Pearson correlation of +-0.67) gave test accuracies of
    90.2 to 95.4 %, and for count and gap, with 95 % intervals:
        between training images         0.88 [0.73, 0.98]     2.3 to 2.5 regions
        between test images             0.12 [-0.58, 0.80]    2.2 to 2.5
        parts of segments               0.79 [0.47, 0.99]     1.6 to 1.7
        random directions, length 0.5   0.83 [0.69, 0.97]     1.01 to 1.10
        random directions, length 0.1   undefined: 1 region in every network, they are too short
    Points, mean of six of these networks: 2.38 regions with 25 points, 2.408 with 50, 2.417 with
    100, 2.423 with 200, 2.432 with 800 and more; with 3200 points and by the adaptive method the
    same number on every segment.
    On CIFAR-10 the paper's authors' rows give these Pearson correlations of count and gap over 27
    settings. Simplices between training images, one seed:
        dimension         2      3      4      5
        ResNet18        0.961  0.969  0.972  0.963
        ResNet34        0.981  0.982  0.984  0.988
        VGG19           0.877  0.865  0.818  0.815
        MobileNet       0.987  0.987  0.992  0.994
        SENet18         0.971  0.970  0.972  0.926
        EfficientNetB0  0.993  0.994  0.994  0.995
        RegNetX         0.988  0.992  0.995  0.994
        SimpleDLA       0.992  0.994  0.996  0.996
    Anchors, ResNet18 (and the mean of nine networks): training images 0.976 (0.956), test images
    0.984 (0.969), random directions of length 0.5 0.978 (0.919); their code has 0.1 at other
    times. Their rows for parts of segments come from runs of about 21 epochs, it seems, and are no
    number to compare with.
    Epochs: the count after 10 of 200 epochs against the final gap 0.94 (ResNet18), 0.97
    (EfficientNetB0), 0.75 (VGG19), and at least 0.91 after 30 in all four networks looked at.
    Slices, points and extent: they published no rows.
Quick size: configs/ablations.py:quick counts 4 tiny networks in all these ways; it shows that all
    works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

# The paper's grids: 200 points on a segment, which is the main count, 10 or 5 on an axis beyond.
_DIMENSION = {
    "dimension_2": {"dim": 2, "points": 10},
    "dimension_3": {"dim": 3, "points": 5, "connectivity": "face"},
    "dimension_4": {"dim": 4, "points": 5, "connectivity": "face"},
    "dimension_5": {"dim": 5, "points": 5, "connectivity": "face"},
}
_SLICES = {f"slices_{count}": {"slices": count} for count in (10, 30, 300, 1000)}
_POINTS = {
    **{f"points_{points}": {"points": points} for points in (25, 50, 100, 400, 800, 1600, 3200)},
    "adaptive": {"method": "adaptive", "points": 8193},  # the default of that method
}
_MARGINS = (1, 2, 3, 4, 5)
_ANCHORS = {
    "test_images": {"anchors": "test", "sampling": "between_points"},
    "parts_of_segments": {"anchors": "train", "sampling": "random_convex_pairs"},
    "short_directions": {"sampling": "random_directions", "length": 0.1},  # times N(0, I)
    "long_directions": {"sampling": "random_directions", "length": 0.5},
}


def _extents(points: int) -> dict[str, dict]:
    """Segments `margin` beyond the images, at the spacing of so many points on [0, 1]."""
    return {
        f"extent_{margin}": {
            "extent": (-float(margin), 1.0 + margin),
            "points": (points - 1) * (1 + 2 * margin) + 1,
        }
        for margin in _MARGINS
    }


_QUESTIONS = {
    "dimension": _DIMENSION,
    "slices": _SLICES,
    "points": _POINTS,
    "extent": _extents(200),
    "anchors": _ANCHORS,
    "epochs": {},
}
_SIZES = (
    "quick",
    "cifar10",
    "eight_networks_cifar10",
    *_QUESTIONS,
    *(f"{name}_cifar10" for name in _QUESTIONS),
)


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for all questions on the digits, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    on_cifar10 = size.endswith("cifar10")
    question = size.removesuffix("cifar10").removesuffix("_")
    if question == "eight_networks":
        question = "dimension"
    when = question in ("epochs", "")  # whether it is asked when the count tells the gap
    config = ConfigDict()
    config.experiment = "study"
    config.regions = ConfigDict()
    config.regions.slices = 100
    config.regions.points = 200
    config.regions.dim = 1
    config.regions.extent = (0.0, 1.0)
    config.regions.anchors = "train"
    config.regions.sampling = "between_points"
    config.regions.method = "grid"

    config.grid = ConfigDict()
    config.grid.network = ("resnet18",)
    if on_cifar10:
        config.regions.every = 1 if when else 10
        config.grid.learning_rate = (0.1, 0.01, 0.001)
        config.grid.batch_size = (256, 512, 1024)
        config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
        config.grid.seed = (0, 1, 2)
        if size == "eight_networks_cifar10":
            config.grid.network = (
                "resnet18",
                "resnet34",
                "vgg19",
                "mobilenet",
                "senet18",
                "efficientnet_b0",
                "regnetx_200mf",
                "simple_dla",
            )
            config.grid.seed = (0,)
    else:
        config.dataset = "digits"
        config.train_examples = 200
        config.width = 8
        config.epochs = 60
        config.checkpoint_every = 20
        config.keep_checkpoints = 1
        config.regions.every = 2 if when else 60
        config.grid.learning_rate = (0.1, 0.03, 0.01)
        config.grid.batch_size = (16, 32, 64)
        config.grid.seed = (0, 1)

    chosen = [question] if question in _QUESTIONS else list(_QUESTIONS)
    variants = {name: fields for each in chosen for name, fields in _QUESTIONS[each].items()}
    config.variants = ConfigDict(variants)

    if size == "quick":
        config.train_examples = 60
        config.width = 4
        config.epochs = 2
        config.regions.every = 1
        config.regions.slices = 4
        config.regions.points = 20
        config.grid.network = ("mlp",)
        config.grid.learning_rate = (0.3, 0.1, 0.03, 0.01)
        config.grid.batch_size = (32,)
        config.grid.seed = (0,)
        few = ("dimension_2", "dimension_3", "slices_10", "points_25", "adaptive", "extent_1")
        names = (*few, *_ANCHORS)
        variants |= _extents(config.regions.points)
        config.variants = ConfigDict({name: variants[name] for name in names})
    return config
