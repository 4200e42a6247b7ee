"""Other definitions of the region count, on the same trained networks.

    python launch.py --config=configs/ablations.py --workdir=runs/ablations

Trains a small grid once and counts each network many ways (the section `variants`); the report has
a figure for each question: does the count still follow the generalization gap, and what is it then?
Sizes: "" asks all of them together; one alone is asked by
    dimension  segments, triangles and simplices up to dimension 5, with the paper's grids
    slices     10 to 1000 of them
    points     25 to 3200 along a segment, and the adaptive count as their limit
    extent     from [0, 1] between the images to [-5, 6] far beyond them, with as many more points
               as the segment is longer: their spacing stays that of the main count
    anchors    training images, test images, random directions from a training image
    epochs     no other definition, but counts after every other epoch: when does it tell the gap?
Each of these with _cifar10 at its end (`:dimension_cifar10`), and `:cifar10` for all, takes the
paper's grid on CIFAR-10 (`python -m rcjax.data.prepare cifar10`).

Cost: about a minute of processor time to train a network (18 of them) once compiled, and three to
    four more to count it in all 23 ways (reckoned from the number of points); a single question
    takes a part of that. On CIFAR-10 81 runs of 200 epochs, made for GPUs.
Expect: the whole has not been run here yet. One network of the grid (rate 0.1, batch 16) reached
    94 % test accuracy and 2.35 +- 0.07 regions on segments between training images.
    On CIFAR-10 the paper's authors' rows give ResNet18, for dimensions 2, 3, 4 and 5, Pearson
    correlations of 0.96, 0.97, 0.97 and 0.96; for segments between training images 0.98, between
    test images 0.98, and in random directions 0.98; and 0.94 after only 10 of 200 epochs.
Quick size: configs/ablations.py:quick counts 4 tiny networks in all these ways; it shows that all
    works, and what it counts means nothing.
"""

from ml_collections import ConfigDict

# The paper's grids: 200 points on a segment, which is the main count, 10 or 5 on an axis beyond.
_DIMENSION = {
    "dimension_2": {"dim": 2, "points": 10},
    "dimension_3": {"dim": 3, "points": 5},
    "dimension_4": {"dim": 4, "points": 5},
    "dimension_5": {"dim": 5, "points": 5},
}
_SLICES = {f"slices_{count}": {"slices": count} for count in (10, 30, 300, 1000)}
_POINTS = {
    **{f"points_{points}": {"points": points} for points in (25, 50, 100, 400, 800, 1600, 3200)},
    "adaptive": {"method": "adaptive"},
}
_MARGINS = (1, 2, 3, 4, 5)
_ANCHORS = {
    "test_images": {"anchors": "test", "sampling": "between_points"},
    "random_directions": {"anchors": "train", "sampling": "random_directions"},
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
_SIZES = ("quick", "cifar10", *_QUESTIONS, *(f"{name}_cifar10" for name in _QUESTIONS))


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for all questions on the digits, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    on_cifar10 = size.endswith("cifar10")
    question = size.removesuffix("cifar10").removesuffix("_")
    config = ConfigDict()
    config.experiment = "study"
    config.regions = ConfigDict()
    config.regions.slices = 100
    config.regions.points = 200
    config.regions.dim = 1
    config.regions.extent = (0.0, 1.0)
    config.regions.anchors = "train"
    config.regions.sampling = "between_points"
    config.regions.length = 0.1 if on_cifar10 else 0.5  # of random directions, times N(0, I)
    config.regions.method = "grid"

    config.grid = ConfigDict()
    config.grid.network = ("resnet18",)
    if on_cifar10:
        config.regions.every = 1 if question == "epochs" else 10
        config.grid.learning_rate = (0.1, 0.01, 0.001)
        config.grid.batch_size = (256, 512, 1024)
        config.grid.weight_decay = (1e-5, 1e-6, 1e-7)
        config.grid.seed = (0, 1, 2)
    else:
        config.dataset = "digits"
        config.train_examples = 200
        config.width = 8
        config.epochs = 60
        config.checkpoint_every = 20
        config.keep_checkpoints = 1
        config.regions.every = 2 if question == "epochs" else 60
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
