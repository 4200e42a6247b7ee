"""The slices of a run, and the region counts along them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from rcjax import count_regions, slices
from rcjax.data import AnyDataset, ImageStream, normalize
from rcjax.data.stream import decoded
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
        if isinstance(dataset, ImageStream):
            return _slices_of_stream(dataset, regions, key)
        images = dataset.train_images if regions.anchors == "train" else dataset.test_images
        return _draw(key, normalize(images, dataset.mean, dataset.std), regions)
    except ValueError as error:
        raise UserError(f"config section regions: {error}") from error


def _draw(key: jax.Array, points: Any, regions: Any) -> np.ndarray:
    if regions.sampling == "random_directions":
        directions = {"count": regions.slices, "length": regions.length}
        return np.asarray(slices.random_directions(key, points, **directions))
    if regions.sampling == "random_convex_pairs":
        return np.asarray(slices.random_convex_pairs(key, points, count=regions.slices))
    return np.asarray(slices.between_points(key, points, count=regions.slices, dim=regions.dim))


def _slices_of_stream(dataset: ImageStream, regions: Any, key: jax.Array) -> np.ndarray:
    """The slices that the same images would give in memory; decodes no others than it needs."""
    split = dataset.train if regions.anchors == "train" else dataset.test
    # Points that are their own numbers: the draw tells which images it takes.
    numbers = np.arange(len(split), dtype=np.float32)[:, None]
    pairs_key, positions_key = jax.random.split(key)  # as slices.random_convex_pairs splits it
    if regions.sampling == "random_convex_pairs":
        chosen = np.asarray(slices.between_points(pairs_key, numbers, count=regions.slices))[..., 0]
    else:
        chosen = _draw(key, numbers, regions)[..., 0]
    if regions.sampling == "random_directions":
        chosen = chosen[:, :1]
    needed, places = np.unique(chosen.astype(np.int64), return_inverse=True)
    images = np.asarray(normalize(decoded(split, needed), dataset.mean, dataset.std))
    anchors = images[places.reshape(chosen.shape)]
    if regions.sampling == "random_directions":
        # The draw of directions does not depend on the points: from 0 it gives them alone.
        anchors = anchors + _draw(key, np.zeros((1, *dataset.image_shape), np.float32), regions)
    if regions.sampling == "random_convex_pairs":
        anchors = np.asarray(slices.convex_combinations(positions_key, anchors))
    return anchors


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
