"""The slices of a run, and the region counts along them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from rcjax import count_regions, slices
from rcjax.data import AnyDataset, ImageStream, normalize
from rcjax.data.streamed import decoded
from rcjax.errors import UserError
from rcjax.training.state import slices_key

# predict(parameters, model_state, images) -> logits [n, classes]
Predict = Callable[[Any, Any, jax.Array], jax.Array]


def sample_slices(dataset: AnyDataset, regions: Any, seed: int) -> np.ndarray:
    """Draws the slices that a run keeps from beginning to end.

    Args:
        dataset: its normalised, un-augmented images are the points that slices go through.
        regions: the config's section: slices, dim, anchors, sampling and length are read.
        seed: the run's seed. With the same seed every network meets the same slices.

    Returns:
        float32 anchors `[slices, dim + 1, height, width, channels]`.
    """
    key = slices_key(seed)
    try:
        if regions.sampling == "random_directions":
            return _random_directions(key, dataset, regions)
        if regions.sampling == "random_convex_pairs":
            return _random_convex_pairs(key, dataset, regions)
        return _between_points(key, dataset, regions)
    except ValueError as error:
        raise UserError(f"config section regions: {error}") from error


def _between_points(key: jax.Array, dataset: AnyDataset, regions: Any) -> np.ndarray:
    numbers = _numbers(dataset, regions)
    chosen = slices.between_points(key, numbers, count=regions.slices, dim=regions.dim)
    return _normalized(dataset, regions, np.asarray(chosen)[..., 0])


def _random_directions(key: jax.Array, dataset: AnyDataset, regions: Any) -> np.ndarray:
    options = {"count": regions.slices, "length": regions.length}
    chosen = slices.random_directions(key, _numbers(dataset, regions), **options)
    # The draw of directions does not depend on the points: from 0 it gives them alone.
    origin = np.zeros((1, *dataset.image_shape), np.float32)
    directions = np.asarray(slices.random_directions(key, origin, **options))
    return _normalized(dataset, regions, np.asarray(chosen)[:, :1, 0]) + directions


def _random_convex_pairs(key: jax.Array, dataset: AnyDataset, regions: Any) -> np.ndarray:
    pairs_key, positions_key = jax.random.split(key)  # as slices.random_convex_pairs splits it
    pairs = slices.between_points(pairs_key, _numbers(dataset, regions), count=regions.slices)
    ends = _normalized(dataset, regions, np.asarray(pairs)[..., 0])
    return np.asarray(slices.convex_combinations(positions_key, ends))


def _numbers(dataset: AnyDataset, regions: Any) -> np.ndarray:
    """Points that are their own numbers: the draw tells which images it takes.

    So only those are decoded, and normalised, which takes several times their room. float32 tells
    the numbers of 16 million images apart.
    """
    size = dataset.train_size if regions.anchors == "train" else dataset.test_size
    return np.arange(size, dtype=np.float32)[:, None]


def _normalized(dataset: AnyDataset, regions: Any, numbers: np.ndarray) -> np.ndarray:
    """The images with some numbers: float32, the shape of `numbers` and that of an image."""
    needed, places = np.unique(numbers.astype(np.int64), return_inverse=True)
    if isinstance(dataset, ImageStream):
        images = decoded(dataset.train if regions.anchors == "train" else dataset.test, needed)
    else:
        images = getattr(dataset, f"{regions.anchors}_images")[needed]
    images = np.asarray(normalize(images, dataset.mean, dataset.std))
    return images[places.reshape(numbers.shape)]


def make_counter(predict: Predict, anchors: np.ndarray, regions: Any) -> Callable[[Any, Any], Any]:
    """Returns `count(parameters, model_state) -> RegionCounts` for fixed slices.

    The network is compiled together with the geometry of the slices at the first call. Later calls
    bring other arrays of the same shapes and compile nothing.

    Args:
        predict: `(parameters, model_state, images) -> logits`, always the same function.
        anchors: `[slices, dim + 1, height, width, channels]`.
        regions: the config's section: points, extent, connectivity, method and batch_size are read.
    """

    def count(parameters, model_state):
        try:
            return count_regions(
                jax.tree_util.Partial(predict, parameters, model_state),
                anchors,
                points=None if regions.method == "exact" else regions.points,  # it has no grid
                extent=tuple(regions.extent),
                connectivity=regions.connectivity or None,
                method=regions.method,
                batch_size=regions.batch_size or None,
            )
        except ValueError as error:
            raise UserError(f"config section regions: {error}") from error

    return count
