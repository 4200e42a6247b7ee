"""Pictures of slices: the regions of a plane, or the logits and regions along a segment.

Needs matplotlib. Works for every classifier that `count_regions` takes.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from rcjax.plotting.classes import ClassNames, add_legend, colour_of, names_of
from rcjax.plotting.settings import own_settings
from rcjax.regions import SliceValues, slice_values


def draw_slice(
    predict: Any,
    anchors: Any,
    *,
    points: int | None = None,
    margin: float | None = None,
    class_names: ClassNames | None = None,
    batch_size: int | None = None,
    path: Any = None,
) -> Any:
    """Draws one slice: a plane with its regions, or a segment with its logits and regions.

    Args:
        predict: as in `count_regions`: a JAX function or module, or what `on_host` returns.
        anchors: [3, *features] for a plane, [2, *features] for a segment.
        points: grid points per axis; 300 on a plane and 1,000 on a segment when None.
        margin: how far to look beyond the anchors, as a share of their extension; 0.2 on a plane
            and 0 on a segment when None.
        class_names: names for the legend: of the labels 0 .. K - 1 in their order, or
            {label: name}; what the classifier calls them when None.
        batch_size: points per device step.
        path: where to save the picture (.png, .pdf, ...); "~" is the home; not saved when None.

    Returns:
        A matplotlib Figure. Distances within a plane are those of input space.

    Raises:
        ValueError: neither 2 nor 3 anchors, or what `count_regions` refuses.

    Example:
        >>> import jax.numpy as jnp
        >>> corners = jnp.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> figure = draw_slice(lambda x: jnp.sin(9 * x), corners, points=50)
    """
    anchors = np.asarray(anchors)
    if anchors.ndim < 2 or len(anchors) not in (2, 3):
        raise ValueError(
            "a picture shows one slice: pass anchors of shape [2, *features] (a segment) or "
            f"[3, *features] (a plane), got {anchors.shape}"
        )
    with own_settings():
        return _draw(predict, anchors, points, margin, class_names, batch_size, path)


def _draw(
    predict: Any, anchors: np.ndarray, points: int | None, margin: float | None,
    class_names: ClassNames | None, batch_size: int | None, path: Any,
) -> Any:  # fmt: skip
    from matplotlib.figure import Figure

    if len(anchors) == 2:
        margin = margin or 0.0
        values = slice_values(
            predict,
            anchors,
            points=points or 1_000,
            extent=(-margin, 1 + margin),
            batch_size=batch_size,
        )
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        names = _names(predict, values, class_names)
        draw_segment(figure.add_subplot(), values, names)
    else:
        plane = Plane(anchors, 0.2 if margin is None else margin)
        values = slice_values(predict, plane.frame, points=points or 300, batch_size=batch_size)
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        names = _names(predict, values, class_names)
        draw_plane(figure.add_subplot(), values, plane, names)
    if path is not None:
        figure.savefig(os.path.expanduser(path), dpi=150, bbox_inches="tight")
    return figure


def _names(predict: Any, values: SliceValues, class_names: ClassNames | None) -> Sequence[str]:
    """The names of the labels of a picture, in ascending order of the labels."""
    own = getattr(predict, "label_names", None)
    return names_of(np.unique(values.labels), class_names, own)


class Plane:
    """The plane through three anchors, seen through an upright rectangle around them.

    Attributes:
        corners: float64 [3, 2], the anchors in an orthonormal basis of the plane; anchor 0 at
            the origin, anchor 1 to its right.
        low, high: float64 [2], lower left and upper right corner of the rectangle.
        frame: [3, *features], points of input space: lower left, lower right, upper left.
    """

    def __init__(self, anchors: np.ndarray, margin: float):
        flat = np.asarray(anchors, np.float64).reshape(3, -1)
        along, across = flat[1] - flat[0], flat[2] - flat[0]
        length = np.linalg.norm(along)
        right = along / length if length else along
        share = across @ right
        height = np.linalg.norm(across - share * right)
        if not (length and height > 1e-9 * length):
            raise ValueError("the three anchors lie on one line and span no plane; choose others")
        up = (across - share * right) / height
        self.corners = np.array([[0.0, 0.0], [length, 0.0], [share, height]])
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        border = margin * (high - low).max()
        self.low, self.high = low - border, high + border
        frame = np.array([self.low, [self.high[0], self.low[1]], [self.low[0], self.high[1]]])
        self.frame = (flat[0] + frame @ np.stack([right, up])).reshape(anchors.shape)


def draw_plane(axes: Any, values: SliceValues, plane: Plane, names: Sequence[str]) -> None:
    """Colours the regions of a plane, outlines them, and marks the anchors and their triangle.

    Args:
        axes: matplotlib axes.
        values: of the slice whose anchors are `plane.frame`, on the extent (0, 1).
        plane: the geometry.
        names: of the labels that occur, ascending.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap

    present, index = np.unique(values.labels, return_inverse=True)
    half_cell = (plane.high - plane.low) / (len(values.axis) - 1) / 2
    (left, bottom), (right, top) = plane.low - half_cell, plane.high + half_cell
    axes.imshow(
        index.reshape(values.labels.shape).T,
        origin="lower",
        extent=(left, right, bottom, top),
        cmap=ListedColormap([colour_of(label) for label in present]),
        vmin=-0.5,
        vmax=len(present) - 0.5,
        interpolation="nearest",
        alpha=0.85,
    )
    edges = region_edges(values.labels) * (2 * half_cell) + plane.low
    axes.add_collection(LineCollection(list(edges), colors="white", linewidths=1.2))
    axes.plot(*plane.corners[[0, 1, 2, 0]].T, color="black", linewidth=1.2, linestyle="--")
    axes.scatter(*plane.corners.T, color="black", zorder=3)
    for number, corner in enumerate(plane.corners):
        axes.annotate(
            f"anchor {number}", corner, xytext=(6, 6), textcoords="offset points", fontsize=9,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.8, "lw": 0},
        )  # fmt: skip
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xlabel("distance in input space")
    axes.set_ylabel("distance in input space")
    add_legend(axes, present, names)


def region_edges(labels: np.ndarray) -> np.ndarray:
    """The boundary between labels [n, m] as grid edges, [edges, 2 ends, 2], in units of cells."""
    i, j = np.nonzero(labels[1:] != labels[:-1])
    upright = np.stack([[i + 0.5, j - 0.5], [i + 0.5, j + 0.5]])
    i, j = np.nonzero(labels[:, 1:] != labels[:, :-1])
    level = np.stack([[i - 0.5, j + 0.5], [i + 0.5, j + 0.5]])
    return np.concatenate([upright, level], axis=2).transpose(2, 0, 1)


def draw_segment(axes: Any, values: SliceValues, names: Sequence[str]) -> None:
    """Draws the logits along a segment over its regions, coloured by label."""
    edges = np.flatnonzero(values.labels[1:] != values.labels[:-1])
    borders = np.concatenate(
        [
            values.axis[:1],
            (values.axis[edges] + values.axis[edges + 1]) / 2,
            values.axis[-1:],
        ]
    )
    regions = values.labels[np.concatenate([edges, [len(values.labels) - 1]])]
    for label, start, end in zip(regions, borders[:-1], borders[1:], strict=True):
        axes.axvspan(start, end, color=colour_of(label), alpha=0.25, linewidth=0)
        axes.axvspan(start, end, ymax=0.035, color=colour_of(label), linewidth=0)
    present = np.unique(values.labels)
    if values.scores is not None:
        for label in range(values.scores.shape[1]):
            shown = label in present
            axes.plot(
                values.axis,
                values.scores[:, label],
                color=colour_of(label) if shown else "0.75",
                linewidth=1.8 if shown else 0.8,
                zorder=3 if shown else 2,
            )
        axes.set_ylabel("logit")
    else:
        axes.set_yticks([])
    for border in borders[1:-1]:
        axes.axvline(border, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(values.axis[0], values.axis[-1])
    axes.set_xlabel("position on the segment (0: first anchor, 1: second anchor)")
    count = len(regions)
    axes.set_title(
        f"{count} region{'s' if count > 1 else ''} of equal predicted label", fontsize=11
    )
    add_legend(axes, present, names)
