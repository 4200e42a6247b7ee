"""The estimator of the paper: labels on a dense grid over each slice, components counted.

Source: algorithm 1 of the paper. In one dimension the count is 1 + the number of label changes.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, ArrayLike, Int
from rcjax.regions import simplex
from rcjax.regions.classifier import INVALID_LABEL, OVERFLOWING_LABEL, Evaluator, invalid
from rcjax.regions.components import count_components, label_components
from rcjax.regions.slice_regions import SliceRegions, cell_regions
from rcjax.regions.types import Block


class GridCounter:
    """Counts the regions of blocks of slices on a grid.

    Args:
        points: grid points per axis.
        dim: dimension of the slices.
        extent: smallest and largest value of every coordinate.
        connectivity: "full" or "face".
        keep_labels: also return the labels.
    """

    def __init__(
        self,
        points: int,
        dim: int,
        extent: tuple[float, float],
        connectivity: str,
        keep_labels: bool = False,
    ):
        self.points, self.dim, self.connectivity = points, dim, connectivity
        self.extent = extent
        self.keep_labels = keep_labels
        inside_simplex = simplex.is_simplex(extent, dim)
        cells = simplex.grid_cells(points, dim, inside_simplex)
        self.points_per_slice = len(cells)
        self.weights = simplex.barycentric_weights(
            simplex.coordinates_of(cells, points, extent), np.float64
        )
        self.position: np.ndarray | None = None
        if inside_simplex:
            # For every cell of the full grid its place among those inside, or -1.
            self.position = np.full(points**dim, -1, np.int32)
            flat = np.ravel_multi_index(tuple(cells.T), (points,) * dim)
            self.position[flat] = np.arange(len(cells), dtype=np.int32)

    def count(
        self, evaluator: Evaluator, slices: int
    ) -> tuple[Int[np.ndarray, " slices"], Int[np.ndarray, "slices points"] | None]:
        """Counts of the loaded block, and its labels if they are kept."""
        slice_index = np.repeat(np.arange(slices, dtype=np.int32), self.points_per_slice)
        weights = np.tile(self.weights, (slices, 1))
        labels = evaluator.labels(slice_index, weights)
        return self.count_labels(labels.reshape(slices, self.points_per_slice))

    def count_labels(
        self, labels: Int[ArrayLike, "slices points"]
    ) -> tuple[Int[np.ndarray, " slices"], Int[np.ndarray, "slices points"] | None]:
        """Counts of labels, and the labels if they are kept."""
        labels = np.asarray(labels)
        wrong = (labels <= OVERFLOWING_LABEL).any(axis=1)
        if wrong.any():
            raise invalid(
                (labels == INVALID_LABEL).any(),
                f"points of {int(wrong.sum())} of {len(labels)} slices",
            )
        if self.dim == 1:
            counts = 1 + (labels[:, 1:] != labels[:, :-1]).sum(axis=1, dtype=np.int32)
        else:
            counts = np.asarray(_count_cells(
                labels, self.position, points=self.points, dim=self.dim,
                connectivity=self.connectivity,
            ))  # fmt: skip
        return counts, labels if self.keep_labels else None

    def regions(self, labels: Int[np.ndarray, "slices points"], block: Block) -> list[SliceRegions]:
        """The regions of the slices of a block from their labels, beyond segments."""
        grid = np.asarray(labels)
        mask = None
        if self.position is not None:
            grid = grid[:, np.maximum(self.position, 0)]
            mask = (self.position >= 0).reshape((self.points,) * self.dim)
        grid = grid.reshape(-1, *(self.points,) * self.dim)
        components = np.asarray(
            label_components(grid, mask, dim=self.dim, connectivity=self.connectivity)
        )
        sizes = simplex.volumes(block, self.extent)
        return list(map(cell_regions, components, grid, sizes.tolist()))


@functools.partial(jax.jit, static_argnames=("points", "dim", "connectivity"))
def _count_cells(
    labels: Int[ArrayLike, "slices cells"],
    position: Int[ArrayLike, " grid"] | None,
    *,
    points: int,
    dim: int,
    connectivity: str,
) -> Int[Array, " slices"]:
    grid = labels if position is None else labels[:, jnp.maximum(position, 0)]
    grid = grid.reshape(-1, *(points,) * dim)
    mask = None if position is None else (position >= 0).reshape((points,) * dim)
    return count_components(grid, mask, dim=dim, connectivity=connectivity)
