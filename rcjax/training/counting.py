"""The slices of a run, and the region counts along them."""

import functools
from typing import Any

import numpy as np

from rcjax import count_regions, slices
from rcjax.config import RegionsSection
from rcjax.data import AnyDataset, ImageStream, normalize
from rcjax.data.streamed import decoded
from rcjax.errors import UserError
from rcjax.training.state import slices_key


def sample_slices(dataset: AnyDataset, regions: RegionsSection, seed: int) -> np.ndarray:
    """Draws the slices that a run keeps from beginning to end.

    Args:
        dataset: its normalised, un-augmented images are the points that slices go through; only
            the images that are drawn are decoded and normalised.
        regions: slices, dim, anchors, sampling and length are read.
        seed: the run's seed. With the same seed every network meets the same slices.

    Returns:
        float32 anchors `[slices, dim + 1, height, width, channels]`.

    Raises:
        UserError: there are too few images.
    """
    size = dataset.train_size if regions.anchors == "train" else dataset.test_size
    points = slices.LazyPoints(
        (size, *dataset.image_shape), functools.partial(_normalized, dataset, regions.anchors)
    )
    key, count = slices_key(seed), regions.slices
    try:
        if regions.sampling == "random_directions":
            return np.asarray(slices.random_directions(key, points, count, regions.length))
        if regions.sampling == "random_convex_pairs":
            return np.asarray(slices.random_convex_pairs(key, points, count))
        return np.asarray(slices.between_points(key, points, count, regions.dim))
    except ValueError as error:
        raise UserError(f"config section regions: {error}") from error


def _normalized(dataset: AnyDataset, split: str, numbers: np.ndarray) -> np.ndarray:
    """Returns the images of a split with some numbers, normalised: float32."""
    if isinstance(dataset, ImageStream):
        images = decoded(dataset.train if split == "train" else dataset.test, numbers)
    else:
        images = (dataset.train_images if split == "train" else dataset.test_images)[numbers]
    return np.asarray(normalize(images, dataset.mean, dataset.std))


def count_with(
    predict: Any,
    anchors: np.ndarray,
    regions: RegionsSection,
    *,
    sizes: bool = False,
    networks: Any = None,
    own_slices: bool = False,
) -> Any:
    """Counts a classifier's regions as a section `regions` asks.

    Args:
        predict: as `rcjax.count_regions` takes it. A network's is a `jax.tree_util.Partial` of
            one function and its arrays: it is compiled once, and later counts bring other arrays.
        anchors: `[slices, dim + 1, height, width, channels]`.
        regions: points, extent, connectivity, method and batch_size are read.
        sizes: keep label, size and share of every region too.
        networks: arrays of several networks, stacked; `predict` takes those of one before the
            points.
        own_slices: `anchors` has a first axis of networks too.

    Returns:
        `rcjax.RegionCounts`, with `networks` `rcjax.NetworkCounts`.

    Raises:
        UserError: the section asks for what cannot be counted.
    """
    try:
        return count_regions(
            predict,
            anchors,
            points=None if regions.method == "exact" else regions.points,  # it has no grid
            extent=(regions.extent[0], regions.extent[1]),
            connectivity=regions.connectivity or None,
            method=regions.method,
            batch_size=regions.batch_size or None,
            regions=sizes,
            parameters=networks,
            own_slices=own_slices,
        )
    except ValueError as error:
        raise UserError(f"config section regions: {error}") from error
