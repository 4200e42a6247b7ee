"""Planes of input space: where a picture of one looks, and how its regions are drawn."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rcjax.plotting.classes import colour_of
from rcjax.regions import PlaneRegions, SliceValues, count_regions

# Of the spread of the scores: a label holds where it is by less.
_LEAST_MARGIN = 1e-6


@dataclasses.dataclass(frozen=True)
class Plane:
    """The plane through three anchors, seen through an upright rectangle around them.

    Attributes:
        corners: float64 [3, 2], the anchors in the coordinates of the picture.
        low, high: float64 [2], lower left and upper right corner of the rectangle.
        frame: [3, *features], points of input space: lower left, lower right, upper left.
        names: of the two axes.
        is_isometric: whether a distance is the same in all directions.
    """

    corners: np.ndarray
    low: np.ndarray
    high: np.ndarray
    frame: np.ndarray
    names: tuple[str, str]
    is_isometric: bool


def plane_of_distances(anchors: np.ndarray, margin: float) -> Plane:
    """In an orthonormal basis of the plane: anchor 0 at the origin, anchor 1 to its right."""
    flat = np.asarray(anchors, np.float64).reshape(3, -1)
    along, across = flat[1] - flat[0], flat[2] - flat[0]
    length = np.linalg.norm(along)
    right = along / length if length else along
    share = across @ right
    height = np.linalg.norm(across - share * right)
    if not (length and height > 1e-9 * length):
        raise ValueError("the three anchors lie on one line and span no plane; choose others")
    up = (across - share * right) / height
    corners = np.array([[0.0, 0.0], [length, 0.0], [share, height]])
    low, high, frame = _rectangle(corners, margin * np.ptp(corners, axis=0).max())
    frame = (flat[0] + frame @ np.stack([right, up])).reshape(anchors.shape)
    name = "distance in input space"
    return Plane(corners, low, high, frame, (name, name), True)


def plane_of_features(anchors: np.ndarray, margin: float, names: Sequence[str]) -> Plane:
    """The plane of two features [3, 2], whose units may differ."""
    corners = np.asarray(anchors, np.float64)
    extension = np.ptp(corners, axis=0)
    if not extension.all():
        raise ValueError(
            "the three anchors have one feature in common and span no plane; choose others"
        )
    low, high, frame = _rectangle(corners, margin * extension)
    return Plane(corners, low, high, frame, (names[0], names[1]), False)


def _rectangle(corners: np.ndarray, border: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = corners.min(axis=0) - border, corners.max(axis=0) + border
    return low, high, np.array([low, [high[0], low[1]], [low[0], high[1]]])


def draw_plane(axes: Any, values: SliceValues, plane: Plane, present: np.ndarray) -> None:
    """Colours the regions of a plane, outlines them, and marks the anchors and their triangle.

    Args:
        axes: matplotlib axes.
        values: of the slice whose anchors are `plane.frame`, on the extent (0, 1).
        plane: the geometry.
        present: int [labels], the labels that occur, ascending.
    """
    from matplotlib.colors import ListedColormap

    index = np.searchsorted(present, values.labels)
    half_cell = (plane.high - plane.low) / (len(values.axis) - 1) / 2
    (left, bottom), (right, top) = plane.low - half_cell, plane.high + half_cell
    axes.imshow(
        index.T,
        origin="lower",
        extent=(left, right, bottom, top),
        cmap=ListedColormap([colour_of(label) for label in present]),
        vmin=-0.5,
        vmax=len(present) - 0.5,
        interpolation="nearest",
        alpha=0.85,
    )
    _outline(axes, values, plane, present)
    _frame(axes, plane, (left, right), (bottom, top))


def regions_of_plane(
    predict: Callable[[Any], Any], plane: Plane, method: str, batch_size: int | None
) -> tuple[PlaneRegions, str]:
    """The regions of the rectangle of a plane, and what is doubtful about them, if anything is.

    Their coordinates run from -1 to 1 along both sides of the rectangle.
    """
    right, up = (plane.frame[i] - plane.frame[0] for i in (1, 2))
    middle = plane.frame[0] + (right + up) / 2
    anchors = np.stack([middle, middle + right / 2, middle + up / 2])[None].astype(np.float32)
    found = count_regions(
        predict, anchors, method=method, extent=(-1, 1), regions=True, batch_size=batch_size
    )
    regions = found.regions[0] if found.regions else None
    if not isinstance(regions, PlaneRegions):
        raise ValueError(f"method={method!r} gives no edges; use 'adaptive' or 'exact'")
    if found.uncertain is not None and found.uncertain[0]:
        return regions, "uncertain: regions are thinner than the mesh, or its budget ran out"
    if found.complete is not None and not found.complete[0]:
        return regions, "incomplete: the budget ended the work early"
    return regions, ""


def draw_polygons(axes: Any, regions: PlaneRegions, plane: Plane) -> None:
    """Draws regions by their true edges, and marks the anchors and their triangle.

    Args:
        axes: matplotlib axes.
        regions: from `regions_of_plane`.
        plane: the geometry.
    """
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import to_rgb

    half, middle = (plane.high - plane.low) / 2, (plane.high + plane.low) / 2
    for label, polygons in zip(regions.labels, regions.polygons, strict=True):
        colour = 0.85 * np.array(to_rgb(colour_of(int(label)))) + 0.15
        parts = [middle + half * polygon for polygon in polygons]
        # Edges of their own colour close the hairlines between parts of one region.
        axes.add_collection(
            PolyCollection(parts, facecolors=[colour], edgecolors=[colour], linewidths=0.4)
        )
    edges = list(middle + half * regions.boundaries)
    axes.add_collection(LineCollection(edges, colors="white", linewidths=1.2, capstyle="round"))
    _frame(axes, plane, (plane.low[0], plane.high[0]), (plane.low[1], plane.high[1]))


def _frame(
    axes: Any, plane: Plane, across: tuple[float, float], along: tuple[float, float]
) -> None:
    """The anchors and their triangle, the limits and the names of the axes."""
    axes.plot(*plane.corners[[0, 1, 2, 0]].T, color="black", linewidth=1.2, linestyle="--")
    axes.scatter(*plane.corners.T, color="black", zorder=3)
    for number, corner in enumerate(plane.corners):
        axes.annotate(
            f"anchor {number}", corner, xytext=(6, 6), textcoords="offset points", fontsize=9,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.8, "lw": 0},
        )  # fmt: skip
    axes.set_xlim(*across)
    axes.set_ylim(*along)
    axes.set_aspect("equal" if plane.is_isometric else "auto")
    axes.set_xlabel(plane.names[0])
    axes.set_ylabel(plane.names[1])


def _outline(axes: Any, values: SliceValues, plane: Plane, present: np.ndarray) -> None:
    """White lines between labels: where scores say it between grid points, else along cells."""
    from matplotlib.collections import LineCollection

    if values.scores is None:
        cell = (plane.high - plane.low) / (len(values.axis) - 1)
        edges = region_edges(values.labels) * cell + plane.low
        axes.add_collection(LineCollection(list(edges), colors="white", linewidths=1.2))
        return
    ticks = [plane.low[i] + values.axis * (plane.high - plane.low)[i] for i in (0, 1)]
    for label in present if len(present) > 1 else ():
        margin = margins_of_label(values.scores, values.labels, label)
        axes.contour(*ticks, margin.T, levels=[0.0], colors="white", linewidths=1.2)


def margins_of_label(scores: np.ndarray, labels: np.ndarray, label: int) -> np.ndarray:
    """By how much a label leads, or lags behind: positive exactly where it is the label."""
    largest = np.finfo(np.float32).max / 4
    scores = np.clip(scores.astype(np.float64), -largest, largest)
    ordered = np.partition(scores, -2, axis=-1)
    least = _LEAST_MARGIN * max(float(np.ptp(scores)), 1e-37)
    own = scores[..., label]
    lead = np.maximum(own - ordered[..., -2], least)
    return np.where(labels == label, lead, np.minimum(own - ordered[..., -1], -least))


def region_edges(labels: np.ndarray) -> np.ndarray:
    """The boundary between labels [n, m] as grid edges, [edges, 2 ends, 2], in units of cells."""
    i, j = np.nonzero(labels[1:] != labels[:-1])
    upright = np.stack([[i + 0.5, j - 0.5], [i + 0.5, j + 0.5]])
    i, j = np.nonzero(labels[:, 1:] != labels[:, :-1])
    level = np.stack([[i - 0.5, j + 0.5], [i + 0.5, j + 0.5]])
    return np.concatenate([upright, level], axis=2).transpose(2, 0, 1)
