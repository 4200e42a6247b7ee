"""The regions of one slice: what each predicts, how large it is, and what it borders on."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from rcjax.array_types import Float, Int, Shaped


@dataclasses.dataclass(frozen=True, eq=False)
class SliceRegions:
    """The regions of equal predicted label of one slice.

    Attributes:
        labels: [regions].
        sizes: float64 [regions], lengths, areas or volumes in units of input space.
        shares: float64 [regions], of the size of the slice.
        neighbours: int64 [pairs, 2], regions that share a boundary, the smaller index first.
    """

    labels: Shaped[np.ndarray, " regions"]
    sizes: Float[np.ndarray, " regions"]
    shares: Float[np.ndarray, " regions"]
    neighbours: Int[np.ndarray, "pairs 2"]

    @property
    def entropy(self) -> float:
        """Entropy of the shares in nats: 0 for one region, log(n) for n of equal size.

        Source: an experiment that the paper's authors began (entropy of region sizes).
        """
        shares = self.shares[self.shares > 0]
        return abs(float(shares @ np.log(shares)))

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True, eq=False)
class PlaneRegions(SliceRegions):
    """The regions of a plane with their edges; coordinates are those of the plane.

    Attributes:
        perimeters: float64 [regions], in units of input space, the rim of the plane included.
        boundaries: float64 [edges, 2, 2], the straight edges between regions.
        polygons: per region its parts without overlaps, float64 [k, 2] each.
    """

    perimeters: Float[np.ndarray, " regions"]
    boundaries: Float[np.ndarray, "edges 2 2"]
    polygons: Sequence[Sequence[np.ndarray]]


for _kind in (SliceRegions, PlaneRegions):
    jax.tree_util.register_dataclass(
        _kind, data_fields=[field.name for field in dataclasses.fields(_kind)], meta_fields=[]
    )


def segment_regions(
    boundaries: Sequence[Float[np.ndarray, " _"]],
    labels: Sequence[Shaped[np.ndarray, " _"]],
    lengths: Float[np.ndarray, " slices"],
    extent: tuple[float, float],
) -> tuple[SliceRegions, ...]:
    """The regions of segments from the coordinates at which their labels change."""
    found = []
    for changes, own, length in zip(boundaries, labels, lengths, strict=True):
        parts = np.diff(np.concatenate([[extent[0]], changes, [extent[1]]]))
        order = np.arange(len(own))
        neighbours = np.stack([order[:-1], order[1:]], axis=1)
        found.append(SliceRegions(own, parts * length, parts / parts.sum(), neighbours))
    return tuple(found)


def cell_regions(
    components: Int[np.ndarray, "..."], labels: Int[np.ndarray, "..."], size: float
) -> SliceRegions:
    """The regions of a grid, each as large as its share of the cells.

    Args:
        components: the component of every cell, negative outside the slice.
        labels: of the same shape.
        size: of the slice, in units of input space.
    """
    inside = components >= 0
    _, first, index, cells = np.unique(
        components[inside], return_index=True, return_inverse=True, return_counts=True
    )
    region = np.full(components.shape, -1)
    region[inside] = index
    pairs = [np.zeros((0, 2), np.int64)]
    for axis in range(components.ndim):
        here, there = (
            np.take(region, range(start, components.shape[axis] - 1 + start), axis).ravel()
            for start in (0, 1)
        )
        touch = (here >= 0) & (there >= 0) & (here != there)
        pairs.append(np.stack([here[touch], there[touch]], axis=1))
    shares = cells / cells.sum()
    return SliceRegions(labels[inside][first], shares * size, shares, unique_pairs(*pairs))


def unique_pairs(*pairs: Int[np.ndarray, "_ 2"]) -> Int[np.ndarray, "_ 2"]:
    """Each pair of two regions once, the smaller first."""
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
