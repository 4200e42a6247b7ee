"""Pictures of slices: the regions of a plane, or the logits and regions along a segment.

Needs matplotlib. Works for every classifier that `count_regions` takes.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from rcjax.plotting.classes import ClassNames, add_legend, colour_of, names_of
from rcjax.plotting.overlay import Overlay
from rcjax.plotting.planes import (
    draw_plane,
    draw_polygons,
    plane_of_distances,
    plane_of_features,
    regions_of_plane,
)
from rcjax.plotting.settings import own_settings
from rcjax.regions import SliceValues, slice_values


def draw_slice(
    predict: Any,
    anchors: Any,
    *,
    method: str = "grid",
    points: int | None = None,
    margin: float | None = None,
    class_names: ClassNames | None = None,
    feature_names: Sequence[str] | None = None,
    data: Any = None,
    data_labels: Any = None,
    title: str | None = None,
    batch_size: int | None = None,
    ax: Any = None,
    path: Any = None,
) -> Any:
    """Draws one slice: a plane with its regions, or a segment with its logits and regions.

    Args:
        predict: as in `count_regions`: a JAX function or module, or what `on_host` returns.
        anchors: [3, *features] for a plane, [2, *features] for a segment.
        method: of a plane: "grid" colours the points of a grid; "adaptive" and "exact" (see
            `count_regions`) draw polygons with true edges, which .svg and .pdf keep as such.
        points: grid points per axis; 300 on a plane and 1,000 on a segment when None.
        margin: how far to look beyond the anchors, as a share of their extension; 0.2 on a plane
            and 0 on a segment when None.
        class_names: names for the legend: of the labels 0 .. K - 1 in their order, or
            {label: name}; what the classifier calls them when None.
        feature_names: names of the axes, of anchors of two features [3, 2].
        data: [n, 2], points to draw over the plane of two features.
        data_labels: [n], labels of the data, which get the colours of their classes.
        title: above the picture; of a segment the number of its regions when None.
        batch_size: points per device step.
        ax: matplotlib axes to draw into; a figure of its own when None.
        path: where to save the picture (.png, .pdf, ...); "~" is the home; not saved when None.

    Returns:
        A matplotlib Figure, which a notebook shows; `ax` where it was given. The axes of a plane
        of two features are the features; of any other plane they are distances of input space.

    Raises:
        ValueError: neither 2 nor 3 anchors, data or names of features for a slice that is no plane
            of two features, or what `count_regions` refuses.

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
    if method not in ("grid", "adaptive", "exact"):
        raise ValueError(f"method must be 'grid', 'adaptive' or 'exact', got {method!r}")
    if method != "grid" and (len(anchors) == 2 or points is not None):
        raise ValueError(
            f"method={method!r} draws planes (3 anchors) without a grid; leave method or points out"
        )
    overlay = Overlay(anchors.shape, feature_names, data, data_labels)
    with own_settings():
        axes = ax if ax is not None else _new_axes(len(anchors))
        if len(anchors) == 2:
            _segment(axes, predict, anchors, points, margin or 0.0, class_names, batch_size)
        else:
            margin = 0.2 if margin is None else margin
            _plane(axes, predict, anchors, method, points, margin, class_names, batch_size, overlay)
        if title is not None:
            axes.set_title(title, fontsize=11)
        if path is not None:
            axes.figure.savefig(os.path.expanduser(path), dpi=150, bbox_inches="tight")
    return axes if ax is not None else axes.figure


def _new_axes(anchors: int) -> Any:
    from rcjax.plotting.picture import Picture

    figure = Picture(figsize=(7.0, 4.2) if anchors == 2 else (6.4, 4.8), layout="constrained")
    return figure.add_subplot()


def _segment(
    axes: Any, predict: Any, anchors: np.ndarray, points: int | None, margin: float,
    class_names: ClassNames | None, batch_size: int | None,
) -> None:  # fmt: skip
    values = slice_values(
        predict,
        anchors,
        points=points or 1_000,
        extent=(-margin, 1 + margin),
        batch_size=batch_size,
    )
    names = names_of(np.unique(values.labels), class_names, _own_names(predict))
    draw_segment(axes, values, names)


def _plane(
    axes: Any, predict: Any, anchors: np.ndarray, method: str, points: int | None, margin: float,
    class_names: ClassNames | None, batch_size: int | None, overlay: Overlay,
) -> None:  # fmt: skip
    if overlay.is_possible:
        plane = plane_of_features(anchors, margin, overlay.feature_names)
    else:
        plane = plane_of_distances(anchors, margin)
    if method == "grid":
        values = slice_values(predict, plane.frame, points=points or 300, batch_size=batch_size)
        present = np.unique(values.labels)
        draw_plane(axes, values, plane, present)
    else:
        regions, doubt = regions_of_plane(predict, plane, method, batch_size)
        present = np.unique(regions.labels)
        draw_polygons(axes, regions, plane)
        axes.set_title(doubt, fontsize=9)
    own = _own_names(predict)
    overlay.draw(axes, own)
    shown = np.union1d(present, overlay.codes(own)).astype(np.int64)
    add_legend(axes, shown, names_of(shown, class_names, own))


def _own_names(predict: Any) -> Any:
    return getattr(predict, "label_names", None)


def draw_segment(axes: Any, values: SliceValues, names: Sequence[str]) -> None:
    """Draws the logits along a segment over its regions, coloured by label."""
    edges = np.flatnonzero(values.labels[1:] != values.labels[:-1])
    borders = np.concatenate(
        [values.axis[:1], (values.axis[edges] + values.axis[edges + 1]) / 2, values.axis[-1:]]
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
